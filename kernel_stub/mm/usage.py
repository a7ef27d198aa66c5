"""How much memory regions take: which of their pages are there, whose they are, and who used them.

Frames are told apart by how many pages show them, use and stores by the bits that the processor
sets; what the kernel stores itself leaves no such bit. proc(5): /proc/pid/smaps, /proc/pid/pagemap.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

from emu.x86.paging import ACCESSED, ADDRESS_MASK, DIRTY, PAGE_SHIFT, PAGE_SIZE, PRESENT
from kernel_stub.mm.flags import (
    MAP_GROWSDOWN,
    MAP_NORESERVE,
    MAP_SHARED,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.mm.pages import Pages
from kernel_stub.mm.regions import (
    ACCOUNTED,
    LEFT_BY_FORK,
    LOCKED,
    LOCKED_ON_FAULT,
    WIPED_BY_FORK,
    Region,
    Regions,
)

# Bits of an entry of /proc/pid/pagemap; below them stands the frame's number.
PM_PRESENT: Final = 1 << 63
PM_FILE: Final = 1 << 61
PM_EXCLUSIVE: Final = 1 << 56
_ENTRY: Final = Struct("<Q")


class Usage(NamedTuple):
    """Pages, but `proportional`: those in bytes, each divided by how many show its frame."""

    resident: int = 0
    proportional: int = 0
    proportional_dirty: int = 0
    shared_clean: int = 0
    shared_dirty: int = 0
    private_clean: int = 0
    private_dirty: int = 0
    referenced: int = 0
    anonymous: int = 0
    locked: int = 0

    def plus(self, other: Usage) -> Usage:
        return Usage(*map(sum, zip(self, other, strict=True)))


NOTHING: Final = Usage()


def of_region(pages: Pages, region: Region) -> Usage:
    """What `region` takes."""
    total = NOTHING
    for _, entry in pages.tables.entries(region.start, region.end):
        if entry & PRESENT:
            total = total.plus(_of_page(pages, region, entry))
    return total


def _of_page(pages: Pages, region: Region, entry: int) -> Usage:
    uses = pages.frames.physical.uses(entry & ADDRESS_MASK)
    part, dirty = PAGE_SIZE // uses, bool(entry & DIRTY)
    return Usage(
        resident=1,
        proportional=part,
        proportional_dirty=part * dirty,
        shared_clean=uses > 1 and not dirty,
        shared_dirty=uses > 1 and dirty,
        private_clean=uses == 1 and not dirty,
        private_dirty=uses == 1 and dirty,
        referenced=bool(entry & ACCESSED),
        anonymous=region.shared is None and (region.file is None or dirty),
        locked=bool(region.flags & LOCKED),
    )


def of_regions(pages: Pages, regions: Iterable[Region]) -> Usage:
    """What all of `regions` take."""
    total = NOTHING
    for region in regions:
        total = total.plus(of_region(pages, region))
    return total


def is_locked(region: Region) -> bool:
    return bool(region.flags & LOCKED)


# The two letters of each property in the last line of smaps.
_LETTERS: Final = (
    (b"rd", lambda region: region.prot & PROT_READ),
    (b"wr", lambda region: region.prot & PROT_WRITE),
    (b"ex", lambda region: region.prot & PROT_EXEC),
    (b"sh", lambda region: region.flags & MAP_SHARED),
    (b"mr mw me", lambda region: True),
    (b"gd", lambda region: region.flags & MAP_GROWSDOWN),
    (b"lo", lambda region: region.flags & LOCKED),
    (b"lf", lambda region: region.flags & LOCKED_ON_FAULT),
    (b"dc", lambda region: region.flags & LEFT_BY_FORK),
    (b"ac", lambda region: region.flags & ACCOUNTED),
    (b"nr", lambda region: region.flags & MAP_NORESERVE),
    (b"wf", lambda region: region.flags & WIPED_BY_FORK),
)


def letters(region: Region) -> bytes:
    """The properties of `region`, as smaps abbreviates them."""
    return b" ".join(name for name, holds in _LETTERS if holds(region)) + b" "


def pagemap(regions: Regions, pages: Pages, first: int, count: int, frames: bool) -> bytes:
    """`count` entries of pagemap from page `first` on; `frames`: with the frames' numbers."""
    found = dict(pages.tables.entries(first << PAGE_SHIFT, first + count << PAGE_SHIFT))
    entries = bytearray(count * _ENTRY.size)
    for address, entry in found.items():
        if entry & PRESENT:
            number = (address >> PAGE_SHIFT) - first
            value = _pagemap_entry(regions.find(address), pages, entry, frames)
            _ENTRY.pack_into(entries, number * _ENTRY.size, value)
    return bytes(entries)


def _pagemap_entry(region: Region | None, pages: Pages, entry: int, frames: bool) -> int:
    frame = entry & ADDRESS_MASK
    is_own = region is None or (region.shared is None and (not region.file or entry & DIRTY))
    value = PM_PRESENT | (0 if is_own else PM_FILE)
    value |= PM_EXCLUSIVE if pages.frames.physical.uses(frame) == 1 else 0
    return value | (frame >> PAGE_SHIFT if frames else 0)
