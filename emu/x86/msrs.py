"""The model-specific registers that take part in a change of privilege.

Numbers and bits only. SDM 4, "Model-Specific Registers (MSRs)"; APM 2, "System Resources".
"""

from __future__ import annotations

from typing import Final

from emu.x86.layout import Layout

SYSENTER_CS: Final = 0x174
SYSENTER_ESP: Final = 0x175
SYSENTER_EIP: Final = 0x176
EFER: Final = 0xC000_0080
STAR: Final = 0xC000_0081
LSTAR: Final = 0xC000_0082
CSTAR: Final = 0xC000_0083
FMASK: Final = 0xC000_0084
FS_BASE: Final = 0xC000_0100
GS_BASE: Final = 0xC000_0101
KERNEL_GS_BASE: Final = 0xC000_0102
TSC_AUX: Final = 0xC000_0103

NAMES: Final = {
    SYSENTER_CS: "SYSENTER_CS",
    SYSENTER_ESP: "SYSENTER_ESP",
    SYSENTER_EIP: "SYSENTER_EIP",
    EFER: "EFER",
    STAR: "STAR",
    LSTAR: "LSTAR",
    CSTAR: "CSTAR",
    FMASK: "FMASK",
    FS_BASE: "FS_BASE",
    GS_BASE: "GS_BASE",
    KERNEL_GS_BASE: "KERNEL_GS_BASE",
    TSC_AUX: "TSC_AUX",
}

EFER_SCE: Final = 1 << 0
EFER_LME: Final = 1 << 8
EFER_LMA: Final = 1 << 10
EFER_NXE: Final = 1 << 11

# STAR: the selectors that SYSCALL and SYSRET load.
STAR_LAYOUT: Final = Layout("STAR", 8, eip=(0, 32), syscall_cs=(32, 16), sysret_cs=(48, 16))
