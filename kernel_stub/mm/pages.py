"""The present pages of one address space: page-table entries, frames, and what must be flushed.

It keeps one promise: a frame is counted once for each page that shows it. It does not know
regions, and never decides what a program may do.
SDM 3A, "Paging", "Invalidation of TLBs and Paging-Structure Caches".
"""

from __future__ import annotations

from typing import Final

from emu.errors import OutOfFrames
from emu.memory.pagetables import PageTables
from emu.x86.paging import (
    ACCESSED,
    ADDRESS_MASK,
    DIRTY,
    NO_EXECUTE,
    PAGE_SIZE,
    PRESENT,
    USER,
    WRITABLE,
)
from kernel_stub.mm.flags import PROT_EXEC, PROT_WRITE
from kernel_stub.mm.frames import Frames

# An entry that is not present but keeps its frame; the processor ignores its other bits.
_HIDDEN: Final = 1 << 9
_USED: Final = ACCESSED | DIRTY


def entry_bits(prot: int) -> int:
    """The bits of a page-table entry for a user page with the rights `prot`."""
    bits = PRESENT | USER
    if prot & PROT_WRITE:
        bits |= WRITABLE
    if not prot & PROT_EXEC:
        bits |= NO_EXECUTE
    return bits


class Pages:
    """The user pages below one CR3."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.tables = PageTables(frames.physical)
        self.resident = self.most_resident = 0

    def install(self, address: int, frame: int, bits: int) -> None:
        """Shows `frame`, whose use the caller hands over, at `address`, where no page is.

        Raises OutOfFrames, if a new page table is needed and RAM is used up.
        """
        try:
            self.tables.map(address, frame, bits)
        except OutOfFrames:
            self.frames.free(frame)
            raise
        if not bits & NO_EXECUTE:
            self.frames.becomes_executable(frame)
        self.resident += 1
        if self.resident > self.most_resident:
            self.most_resident = self.resident

    def replace(self, address: int, frame: int, bits: int) -> None:
        """Shows `frame` at `address` in place of the page that is there."""
        old = self.tables.unmap(address)
        self.frames.free(old & ADDRESS_MASK)
        self.resident -= 1
        self.install(address, frame, bits)
        self.frames.cpu.flush_tlb()

    def grant(self, address: int, bits: int) -> None:
        """Gives the present page at `address` more rights."""
        self.tables.protect(address, bits | self.tables.entry(address) & _USED)

    def drop(self, start: int, end: int) -> None:
        """Takes away the pages from `start` up to `end`."""
        found = list(self.tables.entries(start, end))
        for address, entry in found:
            self.tables.unmap(address)
            self.frames.free(entry & ADDRESS_MASK)
        self.resident -= len(found)
        if found:
            self.frames.cpu.flush_tlb()

    def protect(self, start: int, end: int, bits: int) -> None:
        """Gives the pages from `start` up to `end` the rights `bits`.

        A frame that several pages show does not become writable: the store that comes is a
        fault, which decides whether the page is copied.
        """
        is_shared = self.frames.physical.is_shared
        taken = 0
        for address, entry in list(self.tables.entries(start, end)):
            frame = entry & ADDRESS_MASK
            new = bits & ~WRITABLE if is_shared(frame) else bits
            new |= entry & _USED
            if not new & NO_EXECUTE:
                self.frames.becomes_executable(frame)
            self.tables.map(address, frame, new)
            taken |= entry & ~new & WRITABLE | new & ~entry & NO_EXECUTE
        if taken:
            self.frames.cpu.flush_tlb()

    def hide(self, start: int, end: int) -> None:
        """Makes the pages from `start` up to `end` not present; `protect` brings them back."""
        found = list(self.tables.entries(start, end))
        for address, entry in found:
            self.tables.store(address, entry & (ADDRESS_MASK | _USED) | _HIDDEN)
        if found:
            self.frames.cpu.flush_tlb()

    def move(self, old: int, new: int, size: int) -> None:
        """Shows what is at `old` at `new` instead, where no page is."""
        found = list(self.tables.entries(old, old + size))
        for address, _ in found:
            entry = self.tables.unmap(address)
            self.tables.store(new + address - old, entry)
        if found:
            self.frames.cpu.flush_tlb()

    def share_with(self, other: Pages, start: int, end: int, copy_on_write: bool) -> None:
        """Shows what is from `start` up to `end` in `other` too.

        With `copy_on_write` neither may write to it any more before a fault decides. The TLB is
        the caller's to flush. Raises OutOfFrames.
        """
        share = self.frames.physical.share
        for address, entry in list(self.tables.entries(start, end)):
            if copy_on_write and entry & WRITABLE:
                entry &= ~WRITABLE
                self.tables.store(address, entry)
            other.tables.store(address, entry)
            share(entry & ADDRESS_MASK)
            other.resident += 1
        other.most_resident = max(other.most_resident, other.resident)

    def wrote(self, address: int, size: int) -> None:
        """The kernel wrote `size` bytes at `address`: code translated from there is void."""
        frames = self.frames
        while size > 0:
            entry = self.tables.entry(address)
            if frames.was_executable(entry & ADDRESS_MASK):
                if entry & NO_EXECUTE:
                    frames.changed(entry & ADDRESS_MASK)
                else:
                    frames.cpu.drop_code(address, min(size, PAGE_SIZE - address % PAGE_SIZE))
            length = PAGE_SIZE - address % PAGE_SIZE
            address += length
            size -= length
