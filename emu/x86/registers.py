"""The general registers, the segment registers and the control registers, by name and number.

Numbers are those of the instruction encoding. It holds no values of a running machine.
SDM 2A, "Register Operands"; SDM 3A, "Control Registers".
"""

from __future__ import annotations

from typing import Final, NamedTuple

GPRS: Final = tuple("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split())
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)

SEGMENTS: Final = ("es", "cs", "ss", "ds", "fs", "gs")
ES, CS, SS, DS, FS, GS = range(6)
LDTR, TR, GDTR, IDTR = range(6, 10)

# CR0
CR0_PE: Final = 1 << 0
CR0_MP: Final = 1 << 1
CR0_EM: Final = 1 << 2
CR0_TS: Final = 1 << 3
CR0_ET: Final = 1 << 4
CR0_NE: Final = 1 << 5
CR0_WP: Final = 1 << 16
CR0_AM: Final = 1 << 18
CR0_NW: Final = 1 << 29
CR0_CD: Final = 1 << 30
CR0_PG: Final = 1 << 31

# CR4
CR4_TSD: Final = 1 << 2
CR4_DE: Final = 1 << 3
CR4_PAE: Final = 1 << 5
CR4_PGE: Final = 1 << 7
CR4_OSFXSR: Final = 1 << 9
CR4_OSXMMEXCPT: Final = 1 << 10
CR4_UMIP: Final = 1 << 11
CR4_FSGSBASE: Final = 1 << 16
CR4_PCIDE: Final = 1 << 17
CR4_OSXSAVE: Final = 1 << 18
CR4_SMEP: Final = 1 << 20
CR4_SMAP: Final = 1 << 21

_WIDTHS: Final = {64: (1 << 64) - 1, 32: (1 << 32) - 1, 16: (1 << 16) - 1, 8: (1 << 8) - 1}


class Part(NamedTuple):
    """A general register or a part of one: `ah` is `rax` shifted by 8, eight bits wide."""

    whole: str
    shift: int
    mask: int


def parts() -> dict[str, Part]:
    """Every name of a general register and of its parts. SDM 1, "General-Purpose Registers"."""
    found: dict[str, Part] = {}
    for whole in GPRS:
        short = whole[1:]
        names = {64: whole, 32: f"e{short}", 16: short, 8: f"{short.rstrip('x')}l"}
        if short.isdigit():
            names = {64: whole, 32: f"{whole}d", 16: f"{whole}w", 8: f"{whole}b"}
        elif short.endswith("x"):
            found[f"{short[0]}h"] = Part(whole, 8, _WIDTHS[8])
        found |= {name: Part(whole, 0, _WIDTHS[bits]) for bits, name in names.items()}
    return found


_EBX, _ECX, _EDX = 1, 2, 3
_FEATURES: Final = (1, 0)  # leaf and subleaf of CPUID
_MORE_FEATURES: Final = (7, 0)
# The bits of CR4, by number: leaf of CPUID, register and bit that show them.
BITS_OF_CR4: Final = {
    0: (_FEATURES, _EDX, 1),  # VME
    1: (_FEATURES, _EDX, 1),  # PVI
    2: (_FEATURES, _EDX, 4),  # TSD
    3: (_FEATURES, _EDX, 2),  # DE
    4: (_FEATURES, _EDX, 3),  # PSE
    5: (_FEATURES, _EDX, 6),  # PAE
    6: (_FEATURES, _EDX, 7),  # MCE
    7: (_FEATURES, _EDX, 13),  # PGE
    8: (_FEATURES, _EDX, 0),  # PCE: wherever there is an x87
    9: (_FEATURES, _EDX, 24),  # OSFXSR
    10: (_FEATURES, _EDX, 25),  # OSXMMEXCPT
    11: (_MORE_FEATURES, _ECX, 2),  # UMIP
    12: (_MORE_FEATURES, _ECX, 16),  # LA57
    13: (_FEATURES, _ECX, 5),  # VMXE
    14: (_FEATURES, _ECX, 6),  # SMXE
    16: (_MORE_FEATURES, _EBX, 0),  # FSGSBASE
    17: (_FEATURES, _ECX, 17),  # PCIDE
    18: (_FEATURES, _ECX, 26),  # OSXSAVE
    20: (_MORE_FEATURES, _EBX, 7),  # SMEP
    21: (_MORE_FEATURES, _EBX, 20),  # SMAP
    22: (_MORE_FEATURES, _ECX, 3),  # PKE
}
