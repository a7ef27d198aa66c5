"""Files and their mappings agree: what one changes, the other sees.

A file that was mapped once tells each change here; then the pages of every address space are set
right. Private pages that a program has written stay as they are: those that the processor marked
dirty, and those that the kernel wrote, which differ from the file.
mmap(2), truncate(2): "SIGBUS".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from weakref import WeakValueDictionary

from emu.x86.paging import ADDRESS_MASK, DIRTY, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, page_up
from kernel_stub.mm.backing import Inode, SharedFiles, SharedPages
from kernel_stub.mm.pages import Pages
from kernel_stub.mm.regions import Region, Regions


class Space(Protocol):
    """An address space, as far as it maps files."""

    pages: Pages
    regions: Regions


class Mappings:
    """Every address space of one machine, and the files that they map."""

    def __init__(self, shared_files: SharedFiles) -> None:
        self.shared_files = shared_files
        self._spaces: WeakValueDictionary[int, Space] = WeakValueDictionary()
        self._number = 0

    def add(self, space: Space) -> None:
        """One more address space, for as long as it lives."""
        self._number += 1
        self._spaces[self._number] = space

    def watch(self, inode: Inode) -> None:
        """`inode` is mapped: from now on it tells what becomes of it."""
        if inode.mapped is None:
            inode.mapped = MappedInode(self, inode)

    def of(self, inode: Inode) -> Iterator[tuple[Space, Region]]:
        """The regions that show `inode`."""
        for space in list(self._spaces.values()):
            for region in space.regions:
                if region.file is not None and region.file.inode is inode:
                    yield space, region

    def forget(self, shared: SharedPages, first: int, end: int) -> None:
        """The pages of `shared` from `first` up to `end` are gone, wherever they were seen."""
        for space in list(self._spaces.values()):
            for region in space.regions:
                if region.shared is shared:
                    low = region.start + (first << PAGE_SHIFT) - region.offset
                    high = region.start + (end << PAGE_SHIFT) - region.offset
                    space.pages.drop(max(low, region.start), max(min(high, region.end), low))
        shared.forget(first, end)


class MappedInode:
    """What one file is told by, and asks of, its mappings (vfs/mapped.py)."""

    def __init__(self, mappings: Mappings, inode: Inode) -> None:
        self._mappings = mappings
        self._inode = inode

    def over(self, offset: int, data: bytes) -> bytes:
        shared = self._mappings.shared_files.find(self._inode)
        return data if shared is None else shared.over(offset, data)

    def shared_frame(self, index: int) -> int | None:
        """The frame of page `index`, if whoever maps the file shared has brought it in."""
        shared = self._mappings.shared_files.find(self._inode)
        return shared.frame(index) if shared is not None and shared.has(index) else None

    def changes(self, offset: int, size: int) -> None:
        """Private pages that still are as the file is, vanish: the next touch reads them anew."""
        for space, region in self._mappings.of(self._inode):
            if region.shared is None:
                self._forget(space, region, offset, size)

    def _forget(self, space: Space, region: Region, offset: int, size: int) -> None:
        first = max((offset & PAGE_MASK) - region.offset, 0) + region.start
        last = min(page_up(offset + size) - region.offset + region.start, region.end)
        view = space.pages.frames.physical.view
        for address, entry in list(space.pages.tables.entries(first, max(first, last))):
            if entry & DIRTY:
                continue
            frame = entry & ADDRESS_MASK
            at = address - region.start + region.offset
            content = self._inode.content(at, PAGE_SIZE).ljust(PAGE_SIZE, b"\0")
            if view[frame : frame + PAGE_SIZE] == content:
                space.pages.drop(address, address + PAGE_SIZE)

    def changed(self, offset: int, data: bytes) -> None:
        shared = self._mappings.shared_files.find(self._inode)
        if shared is not None:
            shared.changed(offset, data)

    def resized(self, size: int) -> None:
        """Pages behind the end vanish, also private ones: touching them is SIGBUS."""
        for space, region in self._mappings.of(self._inode):
            first = max(page_up(size) - region.offset, 0) + region.start
            if first < region.end:
                space.pages.drop(first, region.end)
        shared = self._mappings.shared_files.find(self._inode)
        if shared is not None:
            shared.resized(size)

    def is_writable(self) -> bool:
        return any(
            region.shared is not None and region.file is not None and region.file.writable
            for _, region in self._mappings.of(self._inode)
        )
