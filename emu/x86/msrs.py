"""The model-specific registers by number, and the bits of those that take part in a crossing.

What each holds and what may be written to it stands in msr_table.py. Numbers and bits only.
SDM 4, "Model-Specific Registers (MSRs)"; APM 2, "System Resources".
"""

from __future__ import annotations

from typing import Final

from emu.x86.layout import Layout

TSC: Final = 0x10
APIC_BASE: Final = 0x1B
BIOS_SIGN_ID: Final = 0x8B
MTRR_CAP: Final = 0xFE
SYSENTER_CS: Final = 0x174
SYSENTER_ESP: Final = 0x175
SYSENTER_EIP: Final = 0x176
MISC_ENABLE: Final = 0x1A0
PAT: Final = 0x277
MTRR_DEF_TYPE: Final = 0x2FF
EFER: Final = 0xC000_0080
STAR: Final = 0xC000_0081
LSTAR: Final = 0xC000_0082
CSTAR: Final = 0xC000_0083
FMASK: Final = 0xC000_0084
FS_BASE: Final = 0xC000_0100
GS_BASE: Final = 0xC000_0101
KERNEL_GS_BASE: Final = 0xC000_0102
TSC_AUX: Final = 0xC000_0103

EFER_SCE: Final = 1 << 0
EFER_LME: Final = 1 << 8
EFER_LMA: Final = 1 << 10
EFER_NXE: Final = 1 << 11
EFER_SVME: Final = 1 << 12
EFER_FFXSR: Final = 1 << 14

# STAR: the selectors that SYSCALL and SYSRET load.
STAR_LAYOUT: Final = Layout("STAR", 8, eip=(0, 32), syscall_cs=(32, 16), sysret_cs=(48, 16))
