"""The page tables as the processor reads them, entry by entry: the tests' own walk.

SDM 3A, "4-Level Paging and 5-Level Paging".
"""

from __future__ import annotations

from emu.memory.physical import PhysicalMemory
from emu.x86.paging import ADDRESS_MASK, INDEX_MASK, LEVEL_SHIFTS

LAST_LEVEL = len(LEVEL_SHIFTS) - 1


def slot(ram: PhysicalMemory, root: int, address: int, level: int = LAST_LEVEL) -> int:
    """The index into `ram.words` of the entry for `address` at `level` (0 is the top)."""
    table = root
    for shift in LEVEL_SHIFTS[:level]:
        table = ram.words[(table + 8 * (address >> shift & INDEX_MASK)) >> 3] & ADDRESS_MASK
    return (table + 8 * (address >> LEVEL_SHIFTS[level] & INDEX_MASK)) >> 3
