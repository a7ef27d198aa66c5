"""What programs advise, ask and demand of pages that are mapped: madvise, mincore, msync, mlock.

Advice that only makes things faster on Linux is taken and changes nothing here; nothing is ever
swapped out. madvise(2), mincore(2), msync(2), mlock(2).
"""

from __future__ import annotations

from typing import Final

from emu.x86.paging import PAGE_SHIFT, PAGE_SIZE, PF_USER, PF_WRITE, PRESENT
from kernel_stub.abi.signals import SIGBUS, SIGKILL
from kernel_stub.errno import EFAULT, EINVAL, ENOMEM, Errno
from kernel_stub.mm import flags
from kernel_stub.mm.regions import LEFT_BY_FORK, LOCKED, WIPED_BY_FORK, Region
from kernel_stub.mm.space import AddressSpace

_NO_EFFECT: Final = frozenset(
    {
        flags.MADV_NORMAL,
        flags.MADV_RANDOM,
        flags.MADV_SEQUENTIAL,
        flags.MADV_WILLNEED,
        flags.MADV_FREE,  # the pages are taken when memory is short: here, never
        flags.MADV_HUGEPAGE,
        flags.MADV_NOHUGEPAGE,
        flags.MADV_DONTDUMP,
        flags.MADV_DODUMP,
        flags.MADV_COLD,
        flags.MADV_PAGEOUT,
    }
)
# What the regions are marked with, and what is taken from them.
_MARKING: Final = {
    flags.MADV_DONTFORK: (LEFT_BY_FORK, 0),
    flags.MADV_DOFORK: (0, LEFT_BY_FORK),
    flags.MADV_WIPEONFORK: (WIPED_BY_FORK, 0),
    flags.MADV_KEEPONFORK: (0, WIPED_BY_FORK),
}
_DROPPING: Final = frozenset({flags.MADV_DONTNEED, flags.MADV_DONTNEED_LOCKED})
_POPULATING: Final = {flags.MADV_POPULATE_READ: False, flags.MADV_POPULATE_WRITE: True}


def madvise(space: AddressSpace, start: int, size: int, advice: int) -> None:
    """Takes `advice` for `size` bytes at `start`. Raises Errno: EINVAL, ENOMEM, EFAULT."""
    if advice in _POPULATING:
        populate(space, start, size, _POPULATING[advice])
        return
    if advice not in _NO_EFFECT and advice not in _DROPPING and advice not in _MARKING:
        raise Errno(EINVAL)
    for region in space.regions.overlapping(start, start + size):
        part = region.part(start, start + size)
        if advice == flags.MADV_DONTNEED and part.flags & LOCKED:
            raise Errno(EINVAL)
        if advice in _DROPPING:
            space.pages.drop(part.start, part.end)
        elif advice in (flags.MADV_FREE, flags.MADV_WIPEONFORK) and part.has_content:
            raise Errno(EINVAL)
        elif advice in _MARKING:
            space.mark(part.start, part.end, *_MARKING[advice])
    if space.regions.covered_until(start, start + size) < start + size:
        raise Errno(ENOMEM)


def populate(space: AddressSpace, start: int, size: int, write: bool) -> None:
    """Brings in `size` bytes at `start`, for writing or for reading.

    Raises Errno: ENOMEM where nothing is mapped or memory ends, EFAULT behind the end of a file,
    EINVAL where the mapping forbids it.
    """
    access = PF_USER | (PF_WRITE if write else 0)
    for page in range(start, start + size, PAGE_SIZE):
        if space.tables.entry(page) & PRESENT and not write:
            continue
        result = space.fault(page, access)
        if not result:
            raise Errno(_refusal(space.regions.find(page), result.signal))


def _refusal(region: Region | None, signal: int) -> int:
    if region is None or signal == SIGKILL:
        return ENOMEM
    return EFAULT if signal == SIGBUS else EINVAL


def lock(space: AddressSpace, start: int, size: int) -> None:
    """mlock(2): the pages are brought in, and stay. Raises Errno(ENOMEM)."""
    space.mark(start, space.regions.covered_until(start, start + size), LOCKED)
    bring_in(space, start, size)


def bring_in(space: AddressSpace, start: int, size: int) -> None:
    """Every page that may be touched is brought in. Raises Errno(ENOMEM)."""
    for region in space.regions.overlapping(start, start + size):
        part = region.part(start, start + size)
        write = bool(part.prot & flags.PROT_WRITE) and part.shared is None
        if part.prot != flags.PROT_NONE:
            populate(space, part.start, part.end - part.start, write)
    if space.regions.covered_until(start, start + size) < start + size:
        raise Errno(ENOMEM)


def unlock(space: AddressSpace, start: int, size: int) -> None:
    """munlock(2): the pages may be given back again. Raises Errno(ENOMEM)."""
    end = space.regions.covered_until(start, start + size)
    space.mark(start, end, 0, LOCKED)
    if end < start + size:
        raise Errno(ENOMEM)


def mincore(space: AddressSpace, start: int, size: int) -> bytes:
    """One byte for each page: 1 if it is in memory. Raises Errno(ENOMEM)."""
    if space.regions.covered_until(start, start + size) < start + size:
        raise Errno(ENOMEM)
    return bytes(_is_resident(space, page) for page in range(start, start + size, PAGE_SIZE))


def _is_resident(space: AddressSpace, page: int) -> bool:
    region = space.regions.find(page)
    if region is not None and region.shared is not None:
        return region.shared.has(region.page_index(page))
    return bool(space.tables.entry(page))


def msync(space: AddressSpace, start: int, size: int) -> None:
    """Writes shared file pages back. Raises Errno: ENOMEM, or what the file refuses."""
    for region in space.regions.overlapping(start, start + size):
        if region.shared is not None:
            part = region.part(start, start + size)
            first = part.page_index(part.start)
            region.shared.write_back(first, first + (part.end - part.start >> PAGE_SHIFT))
    if space.regions.covered_until(start, start + size) < start + size:
        raise Errno(ENOMEM)
