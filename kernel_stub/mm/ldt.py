"""The local descriptor table of one address space, in the guest's memory.

It grows as modify_ldt(2) asks; the processor reads it there. Which descriptors a program may ask
for, and when LDTR is loaded, others know.
SDM 3A, "Global and Local Descriptor Tables"; Linux kernel documentation, "Memory Management"
(x86_64): "LDT remap".
"""

from __future__ import annotations

from typing import Final

from emu.memory.pagetables import PageTables
from emu.x86.descriptors import SEGMENT
from emu.x86.paging import (
    ACCESSED,
    ADDRESS_MASK,
    DIRTY,
    NO_EXECUTE,
    PAGE_SIZE,
    WRITABLE,
)
from kernel_stub.layout import LDT_BASE
from kernel_stub.mm.frames import Frames

LDT_ENTRIES: Final = 8192
LDT_ENTRY_SIZE: Final = SEGMENT.size
_BITS: Final = WRITABLE | NO_EXECUTE | ACCESSED | DIRTY


class LocalTable:
    """The table at LDT_BASE, reached through `tables`. `size` is in bytes; 0: there is none."""

    def __init__(self, tables: PageTables, frames: Frames) -> None:
        self._tables = tables
        self._frames = frames
        self.size = 0
        self._mapped = 0  # bytes, in whole pages

    def write(self, index: int, descriptor: int) -> None:
        """Sets entry `index`; the table grows to hold it. Raises OutOfFrames."""
        end = LDT_ENTRY_SIZE * (index + 1)
        while self._mapped < end:
            self._tables.map(LDT_BASE + self._mapped, self._frames.fresh(), _BITS)
            self._mapped += PAGE_SIZE
        self.size = max(self.size, end)
        content = descriptor.to_bytes(LDT_ENTRY_SIZE, "little")
        self._tables.write(LDT_BASE + LDT_ENTRY_SIZE * index, content)

    def read(self, size: int) -> bytes:
        """The first `size` bytes of the table, or as many as it has."""
        return self._tables.read(LDT_BASE, min(size, self.size))

    def entry(self, index: int) -> int:
        """The descriptor of entry `index`; 0 beyond the table's end."""
        start = LDT_ENTRY_SIZE * index
        if start >= self.size:
            return 0
        return int.from_bytes(self._tables.read(LDT_BASE + start, LDT_ENTRY_SIZE), "little")

    def copy(self, other: LocalTable) -> None:
        """Takes over what `other` holds: for a forked space. Raises OutOfFrames."""
        for index in range(other.size // LDT_ENTRY_SIZE):
            self.write(index, other.entry(index))

    def release(self) -> None:
        """Gives its frames back, and those of its page tables: there is no table any more."""
        if not self._mapped:
            return
        for page in range(0, self._mapped, PAGE_SIZE):
            entry = self._tables.unmap(LDT_BASE + page)
            self._frames.free(entry & ADDRESS_MASK)
        self._tables.release_own(LDT_BASE)
        self._frames.cpu.flush_tlb()
        self.size = self._mapped = 0
