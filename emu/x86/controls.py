"""CR0, CR3, CR4, CR8 and EFER: which values, and which together, a processor refuses with #GP(0).

One row for each refusal. A row compares the registers before and after a write; it writes nothing,
and which bits a model has CPUID says.
SDM 2B, "MOV-Move to/from Control Registers"; SDM 3A, "Control Registers"; APM 2, "System-Control
Registers".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from emu.x86 import msrs
from emu.x86.registers import BITS_OF_CR4, CR0_CD, CR0_NW, CR0_PE, CR0_PG, CR4_PAE, CR4_PCIDE

_MASK64: Final = (1 << 64) - 1
_ECX, _EDX = 2, 3
_EXTENDED_FEATURES: Final = (0x8000_0001, 0)  # leaf and subleaf of CPUID
_ADDRESS_SIZES: Final = (0x8000_0008, 0)

# Those of EFER that not every processor in long mode has.
EFER_BITS: Final = {
    msrs.EFER_SVME: (_EXTENDED_FEATURES, _ECX, 2),
    msrs.EFER_FFXSR: (_EXTENDED_FEATURES, _EDX, 25),
}
_EFER_ALWAYS: Final = msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE
_LOW_OF_CR3: Final = 0xFFF
_NO_FLUSH: Final = 1 << 63
_CR8_BITS: Final = 0xF

Leaves = Mapping[tuple[int, int], tuple[int, int, int, int]]


class Allowed(NamedTuple):
    """The bits that a model has."""

    cr3: int
    cr4: int
    efer: int


class Controls(NamedTuple):
    """The control registers at one time. `in_64bit_mode`: CS.L."""

    cr0: int
    cr3: int
    cr4: int
    cr8: int
    efer: int
    in_64bit_mode: bool


class Refusal(NamedTuple):
    """`applies(before, after, allowed)`: the write is #GP(0)."""

    register: str
    what: str
    applies: Callable[[Controls, Controls, Allowed], int | bool]


TABLE: Final = (
    Refusal("CR0", "bits 63:32", lambda _, new, __: new.cr0 >> 32),
    Refusal("CR0", "PG without PE", lambda _, new, __: new.cr0 & CR0_PG and not new.cr0 & CR0_PE),
    Refusal("CR0", "NW without CD", lambda _, new, __: new.cr0 & CR0_NW and not new.cr0 & CR0_CD),
    Refusal(
        "CR0",
        "PG cleared in 64-bit mode",
        lambda old, new, _: old.in_64bit_mode and old.cr0 & ~new.cr0 & CR0_PG,
    ),
    Refusal(
        "CR0",
        "PG set with EFER.LME and without CR4.PAE",
        lambda old, new, _: (
            ~old.cr0 & new.cr0 & CR0_PG and new.efer & msrs.EFER_LME and not new.cr4 & CR4_PAE
        ),
    ),
    Refusal(
        "CR3",
        "bits beyond the physical address, but bit 63 with PCIDE",
        lambda old, new, has: new.cr3 & ~has.cr3 & ~(_NO_FLUSH if old.cr4 & CR4_PCIDE else 0),
    ),
    Refusal(
        "CR4", "bits of features that CPUID does not show", lambda _, new, has: new.cr4 & ~has.cr4
    ),
    Refusal(
        "CR4",
        "PAE cleared in long mode",
        lambda old, new, _: old.efer & msrs.EFER_LMA and not new.cr4 & CR4_PAE,
    ),
    Refusal(
        "CR4",
        "PCIDE set outside long mode, or while bits 11:0 of CR3 are not 0",
        lambda old, new, _: (
            ~old.cr4 & new.cr4 & CR4_PCIDE
            and (not old.efer & msrs.EFER_LMA or old.cr3 & _LOW_OF_CR3)
        ),
    ),
    Refusal("CR8", "bits 63:4", lambda _, new, __: new.cr8 & ~_CR8_BITS),
    Refusal(
        "EFER",
        "bits of features that CPUID does not show",
        lambda _, new, has: new.efer & ~has.efer,
    ),
    Refusal(
        "EFER",
        "LME changed while paging",
        lambda old, new, _: old.cr0 & CR0_PG and (old.efer ^ new.efer) & msrs.EFER_LME,
    ),
)


def allowed(leaves: Leaves) -> Allowed:
    """The bits that the model has whose CPUID says `leaves`."""

    def shows(where: tuple[tuple[int, int], int, int]) -> bool:
        leaf, register, bit = where
        return bool(leaves[leaf][register] >> bit & 1)

    cr4 = sum(1 << bit for bit, where in BITS_OF_CR4.items() if shows(where))
    efer = _EFER_ALWAYS | sum(bit for bit, where in EFER_BITS.items() if shows(where))
    width = leaves[_ADDRESS_SIZES][0] & 0xFF
    return Allowed((1 << width) - 1, cr4, efer)


def refusal(before: Controls, after: Controls, has: Allowed) -> Refusal | None:
    """Why a processor refuses the write that leads from `before` to `after`; None: it does not."""
    for row in TABLE:
        if row.applies(before, after, has):
            return row
    return None
