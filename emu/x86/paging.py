"""Page-table entries of 4-level paging, and the error code of a page fault.

Facts only; emu/memory walks the tables. It does not know which pages exist.
SDM 3A, "Paging": "4-Level Paging and 5-Level Paging", "Page-Fault Exceptions".
"""

from __future__ import annotations

from typing import Final

PAGE_SIZE: Final = 4096
PAGE_SHIFT: Final = 12
PAGE_MASK: Final = ~(PAGE_SIZE - 1)

# Bits of an entry, the same at every level that this project uses.
PRESENT: Final = 1 << 0
WRITABLE: Final = 1 << 1
USER: Final = 1 << 2
ACCESSED: Final = 1 << 5
DIRTY: Final = 1 << 6
HUGE: Final = 1 << 7
NO_EXECUTE: Final = 1 << 63
ADDRESS_MASK: Final = 0x000F_FFFF_FFFF_F000

# The four levels: how far to shift a linear address for the index into each table.
LEVEL_SHIFTS: Final = (39, 30, 21, 12)
INDEX_MASK: Final = 0x1FF

# Error code of #PF.
PF_PRESENT: Final = 1 << 0
PF_WRITE: Final = 1 << 1
PF_USER: Final = 1 << 2
PF_RESERVED: Final = 1 << 3
PF_FETCH: Final = 1 << 4

CANONICAL_BITS: Final = 48


def is_canonical(address: int) -> bool:
    """Whether bits 63..47 of a 64-bit linear address are all equal."""
    return (address + (1 << (CANONICAL_BITS - 1))) & ((1 << 64) - 1) < 1 << CANONICAL_BITS


def page_base(address: int) -> int:
    """The address of the page that holds `address`."""
    return address & PAGE_MASK


def page_up(address: int) -> int:
    """The first page boundary at or above `address`."""
    return (address + PAGE_SIZE - 1) & PAGE_MASK
