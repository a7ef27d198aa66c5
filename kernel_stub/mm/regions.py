"""The regions of an address space (Linux: VMAs): which addresses may be used, how, and for what.

A sorted list that is split and merged as mmap, munmap and mprotect cut it up. It knows neither
page tables nor frames. proc(5): /proc/pid/maps; mmap(2).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, Protocol

from emu.x86.paging import PAGE_SHIFT
from kernel_stub.layout import LOWEST_MAPPING, STACK_GUARD_GAP, UserLayout
from kernel_stub.mm.backing import Inode, SharedPages
from kernel_stub.mm.flags import MAP_GROWSDOWN, MAP_NORESERVE, MAP_SHARED, PROT_WRITE

# The flags of mmap(2) that stay with a region.
KEPT_FLAGS: Final = MAP_SHARED | MAP_GROWSDOWN | MAP_NORESERVE
# No flag of mmap(2): every page may come to need a frame of its own. Like Linux's VM_ACCOUNT it
# stays when the right to write is taken away, for the pages that were written are still there.
ACCOUNTED: Final = 1 << 32
# Nor these: what madvise(2) says of fork, and mlock(2) of the pages.
LEFT_BY_FORK: Final = 1 << 33
WIPED_BY_FORK: Final = 1 << 34
LOCKED: Final = 1 << 35
LOCKED_ON_FAULT: Final = 1 << 36  # only beside LOCKED
NEVER_WRITABLE: Final = 1 << 37  # a shared mapping of a file that was sealed against writing
MOST_REGIONS: Final = 65530


class MappedFile(Protocol):
    """An open file as a region refers to it."""

    @property
    def inode(self) -> Inode: ...

    @property
    def path(self) -> bytes: ...

    @property
    def writable(self) -> bool: ...


class Region:
    """Addresses from `start` up to `end` that are alike.

    `file` and `offset` say where the content comes from, `shared` whose pages they are; without
    both, the memory is private and anonymous.
    """

    __slots__ = (
        "start",
        "end",
        "prot",
        "flags",
        "file",
        "shared",
        "offset",
        "name",
        "ahead",
        "run",
    )

    def __init__(
        self,
        start: int,
        end: int,
        prot: int,
        flags: int,
        file: MappedFile | None = None,
        shared: SharedPages | None = None,
        offset: int = 0,
        name: bytes = b"",
    ) -> None:
        self.start = start
        self.end = end
        self.flags = flags
        self.set_rights(prot)
        self.file = file
        self.shared = shared
        self.offset = offset
        self.name = name
        self.ahead = 0  # the page that the next fault hits if the program goes on upwards
        self.run = 1  # how many pages the last fault populated

    def copy(self, start: int, end: int) -> Region:
        """The part from `start` up to `end`, which may also lie outside."""
        offset = self.offset + start - self.start if self.has_content else 0
        return Region(start, end, self.prot, self.flags, self.file, self.shared, offset, self.name)

    def part(self, start: int, end: int) -> Region:
        """What of it lies from `start` up to `end`."""
        return self.copy(max(self.start, start), min(self.end, end))

    @property
    def has_content(self) -> bool:
        return self.file is not None or self.shared is not None

    @property
    def pages(self) -> int:
        return (self.end - self.start) >> PAGE_SHIFT

    def set_rights(self, prot: int) -> None:
        self.prot = prot
        if prot & PROT_WRITE and not self.flags & (MAP_SHARED | MAP_NORESERVE):
            self.flags |= ACCOUNTED

    @property
    def is_kernels(self) -> bool:
        """Whether its pages are the kernel's own: shared, though nobody asked for a shared map."""
        return self.shared is not None and not self.flags & MAP_SHARED

    @property
    def is_committed(self) -> bool:
        """Whether every page of it may come to need a frame of its own."""
        return bool(self.flags & ACCOUNTED)

    @property
    def is_data(self) -> bool:
        """Whether it counts against RLIMIT_DATA: private, writable, and no stack."""
        return self.prot & PROT_WRITE != 0 and not self.flags & (MAP_SHARED | MAP_GROWSDOWN)

    @property
    def lowest(self) -> int:
        """The lowest address that other mappings must leave free for it."""
        if self.flags & MAP_GROWSDOWN:
            return max(self.start - STACK_GUARD_GAP, 0)
        return self.start

    def page_index(self, address: int) -> int:
        """Which page of the file or shared object lies at `address`."""
        return (address - self.start + self.offset) >> PAGE_SHIFT

    def continues(self, below: Region) -> bool:
        """Whether it and `below`, which ends where it starts, are one region."""
        if self.start != below.end or self.prot != below.prot or self.flags != below.flags:
            return False
        if self.file is not below.file or self.shared is not below.shared:
            return False
        if self.name != below.name or self.flags & MAP_GROWSDOWN:
            return False
        return not self.has_content or self.offset == below.offset + below.end - below.start


class Regions:
    """The regions of one address space in order. `committed`, `size` and `data` count pages."""

    def __init__(self) -> None:
        self._regions: list[Region] = []
        self._starts: list[int] = []
        self.committed = 0
        self.size = 0
        self.data = 0
        self._packed: dict[int, int] = {}  # by mmap_top: from there down to it nothing is free

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions)

    def __len__(self) -> int:
        return len(self._regions)

    def find(self, address: int) -> Region | None:
        """The region that holds `address`."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._regions[index].end:
            return self._regions[index]
        return None

    def above(self, address: int) -> Region | None:
        """The first region that starts above `address`."""
        index = bisect_right(self._starts, address)
        return self._regions[index] if index < len(self._regions) else None

    def below(self, address: int) -> Region | None:
        """The last region that starts below `address`."""
        index = bisect_left(self._starts, address) - 1
        return self._regions[index] if index >= 0 else None

    def overlapping(self, start: int, end: int) -> list[Region]:
        """The regions that hold an address from `start` up to `end`."""
        first = bisect_right(self._starts, start) - 1
        if first < 0 or self._regions[first].end <= start:
            first += 1
        return self._regions[first : bisect_left(self._starts, end, first)]

    def covered_until(self, start: int, end: int) -> int:
        """The first address from `start` up to `end` that is in no region; else `end`."""
        for region in self.overlapping(start, end):
            if region.start > start:
                return start
            start = region.end
        return min(start, end)

    def pages_within(self, start: int, end: int) -> int:
        """How many pages from `start` up to `end` are in regions."""
        return sum(region.part(start, end).pages for region in self.overlapping(start, end))

    def insert(self, region: Region) -> None:
        """Adds `region`, where nothing is, and merges it with its neighbours."""
        self._count(region, 1)
        index = bisect_left(self._starts, region.start)
        if index < len(self._regions) and self._regions[index].continues(region):
            region.end = self._regions[index].end
            self._delete(index)
        if index > 0 and region.continues(self._regions[index - 1]):
            self._regions[index - 1].end = region.end
            return
        self._regions.insert(index, region)
        self._starts.insert(index, region.start)

    def remove(self, start: int, end: int) -> list[Region]:
        """Takes out what lies from `start` up to `end`, cutting regions at both; returns it."""
        self._cut(start)
        self._cut(end)
        for top, packed in self._packed.items():
            self._packed[top] = max(packed, min(end, top))
        removed = self.overlapping(start, end)
        first = bisect_left(self._starts, start)
        del self._regions[first : first + len(removed)]
        del self._starts[first : first + len(removed)]
        for region in removed:
            self._count(region, -1)
        return removed

    @property
    def is_full(self) -> bool:
        """Whether there are as many as there may be. proc(5): /proc/sys/vm/max_map_count."""
        return len(self._regions) >= MOST_REGIONS

    def grow_down(self, region: Region, start: int) -> None:
        """`region` starts at `start` from now on."""
        index = bisect_left(self._starts, region.start)
        self._count(region, -1)
        region.start = self._starts[index] = start
        self._count(region, 1)

    def _cut(self, address: int) -> None:
        region = self.find(address)
        if region is None or region.start == address:
            return
        upper = region.copy(address, region.end)
        region.end = address
        index = bisect_left(self._starts, address)
        self._regions.insert(index, upper)
        self._starts.insert(index, address)

    def _delete(self, index: int) -> None:
        del self._regions[index]
        del self._starts[index]

    def _count(self, region: Region, sign: int) -> None:
        self.size += sign * region.pages
        if region.is_committed:
            self.committed += sign * region.pages
        if region.is_data:
            self.data += sign * region.pages

    def find_gap(self, size: int, layout: UserLayout) -> int | None:
        """Where `size` bytes are free: as high as possible, else as low as possible."""
        top = layout.mmap_top
        packed = end = self._packed.get(top, top)
        above = min(bisect_left(self._starts, end), len(self._regions) - 1)
        for index in range(above, -1, -1):
            region = self._regions[index]
            if region.end == packed and region.lowest == region.start:
                packed = region.start
            if region.end <= end - size:
                break
            end = min(end, region.lowest)
        self._packed[top] = packed
        if end - size >= LOWEST_MAPPING:
            return end - size
        return self._find_upwards(size, layout)

    def _find_upwards(self, size: int, layout: UserLayout) -> int | None:
        start = layout.mmap_low
        for region in self._regions:
            if start + size <= region.lowest:
                break
            start = max(start, region.end)
        return start if start + size <= layout.task_size else None
