"""What programs advise, ask and demand of pages that are mapped: madvise, mincore, msync.

Advice that only makes things faster on Linux is taken and changes nothing here; nothing is ever
swapped out. madvise(2), mincore(2), msync(2).
"""

from __future__ import annotations

from typing import Any, Final

from emu.x86.paging import (
    DIRTY,
    PAGE_SIZE,
    PF_FETCH,
    PF_USER,
    PF_WRITE,
    PRESENT,
    WRITABLE,
)
from kernel_stub.abi.signals import SIGBUS, SIGKILL, SIGSEGV
from kernel_stub.errno import EACCES, EBUSY, EFAULT, EINVAL, ENOMEM, Errno
from kernel_stub.mm import flags
from kernel_stub.mm.regions import LEFT_BY_FORK, LOCKED, WIPED_BY_FORK, Region
from kernel_stub.mm.space import AddressSpace

# Advice without effect here. That of the second row is about pages that may be taken away.
_NO_EFFECT: Final = frozenset(
    {
        flags.MADV_NORMAL,
        flags.MADV_RANDOM,
        flags.MADV_SEQUENTIAL,
        flags.MADV_WILLNEED,
        flags.MADV_HUGEPAGE,
        flags.MADV_NOHUGEPAGE,
        flags.MADV_DONTDUMP,
        flags.MADV_DODUMP,
    }
)
_NEVER_TAKEN: Final = frozenset({flags.MADV_FREE, flags.MADV_COLD, flags.MADV_PAGEOUT})
# What the regions are marked with, and what is taken from them.
_MARKING: Final = {
    flags.MADV_DONTFORK: (LEFT_BY_FORK, 0),
    flags.MADV_DOFORK: (0, LEFT_BY_FORK),
    flags.MADV_WIPEONFORK: (WIPED_BY_FORK, 0),
    flags.MADV_KEEPONFORK: (0, WIPED_BY_FORK),
}
_DROPPING: Final = frozenset({flags.MADV_DONTNEED, flags.MADV_DONTNEED_LOCKED})
_POPULATING: Final = {flags.MADV_POPULATE_READ: False, flags.MADV_POPULATE_WRITE: True}
_KNOWN: Final = _NO_EFFECT | _NEVER_TAKEN | _DROPPING | {flags.MADV_REMOVE, *_MARKING, *_POPULATING}
# What locked memory and the kernel's own refuse, and what is for private anonymous memory.
_NOT_OF_LOCKED: Final = _NEVER_TAKEN | {flags.MADV_DONTNEED, flags.MADV_REMOVE}
_OF_ANONYMOUS: Final = frozenset({flags.MADV_FREE, flags.MADV_WIPEONFORK})


def madvise(space: AddressSpace, start: int, size: int, advice: int, task: Any = None) -> None:
    """Takes `advice` for `size` bytes at `start`; a file is changed in the name of `task`.

    Raises Errno: EINVAL, ENOMEM, EFAULT, EACCES, or what the file refuses.
    """
    if advice not in _KNOWN:
        raise Errno(EINVAL)
    if advice in _POPULATING:
        populate(space, start, size, _POPULATING[advice])
        return
    for region in list(space.regions.overlapping(start, start + size)):
        _take(space, region.part(start, start + size), advice, task)
    if space.regions.covered_until(start, start + size) < start + size:
        raise Errno(ENOMEM)


def _take(space: AddressSpace, part: Region, advice: int, task: Any) -> None:
    if (part.flags & LOCKED or part.is_kernels) and advice in _NOT_OF_LOCKED:
        raise Errno(EINVAL)
    if part.has_content and advice in _OF_ANONYMOUS:
        raise Errno(EINVAL)
    if advice in _DROPPING:
        space.pages.drop(part.start, part.end)
    elif advice == flags.MADV_REMOVE:
        _remove(space, part, task)
    elif advice in _MARKING:
        space.mark(part.start, part.end, *_MARKING[advice])


def _remove(space: AddressSpace, part: Region, task: Any) -> None:
    """MADV_REMOVE: a hole in the file, or in the shared memory. Raises Errno."""
    if not part.has_content:
        raise Errno(EINVAL)
    if part.shared is None or (part.file is not None and not part.file.writable):
        raise Errno(EACCES)
    if part.file is not None:
        part.file.inode.clear(task, part.offset, part.offset + part.end - part.start)
        return
    first = part.page_index(part.start)
    space.mappings.forget(part.shared, first, first + part.pages)


def populate(space: AddressSpace, start: int, size: int, write: bool) -> None:
    """Brings in `size` bytes at `start`, for writing or for reading.

    Raises Errno: ENOMEM where nothing is mapped or memory ends, EFAULT behind the end of a file,
    EINVAL where the mapping forbids it.
    """
    access = PF_USER | (PF_WRITE if write else 0)
    for page in range(start, start + size, PAGE_SIZE):
        region = space.regions.find(page)
        if region is None:
            raise Errno(ENOMEM)
        if not write and not region.prot & flags.PROT_READ:
            raise Errno(EINVAL)
        _bring_in_page(space, region, page, access)


def _bring_in_page(space: AddressSpace, region: Region, page: int, access: int) -> None:
    """This one page alone. Raises Errno, as `populate`."""
    write = access & PF_WRITE
    needed = PRESENT | WRITABLE if write else PRESENT
    if space.tables.entry(page) & needed != needed:
        region.ahead = 0  # no page is made ahead of this one
        result = space.fault(page, access)
        if not result:
            raise Errno(_REFUSALS[result.signal])
    if write:
        space.tables.store(page, space.tables.entry(page) | DIRTY)


# What a page that cannot be brought in is refused with, by the signal of a fault.
_REFUSALS: Final = {SIGKILL: ENOMEM, SIGBUS: EFAULT, SIGSEGV: EINVAL}


def bring_in(space: AddressSpace, start: int, size: int) -> None:
    """Every page is brought in as its rights say: for writing if it is private.

    Raises Errno(ENOMEM): there are holes, rights to nothing, or files that end before.
    """
    end = space.regions.covered_until(start, start + size)
    for region in list(space.regions.overlapping(start, end)):
        part = region.part(start, end)
        write = part.prot & flags.PROT_WRITE and part.shared is None
        if part.prot == flags.PROT_NONE:
            raise Errno(ENOMEM)
        access = PF_USER | (PF_WRITE if write else PF_FETCH * (part.prot == flags.PROT_EXEC))
        for page in range(part.start, part.end, PAGE_SIZE):
            try:
                _bring_in_page(space, region, page, access)
            except Errno:
                raise Errno(ENOMEM) from None
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


def msync(space: AddressSpace, start: int, size: int, invalidate: bool = False) -> None:
    """Writes shared file pages back; locked ones cannot be `invalidate`d, others always agree.

    Raises Errno: ENOMEM, EBUSY, or what the file refuses.
    """
    for region in space.regions.overlapping(start, start + size):
        if invalidate and region.flags & LOCKED:
            raise Errno(EBUSY)
        if region.shared is not None:
            part = region.part(start, start + size)
            first = part.page_index(part.start)
            region.shared.write_back(first, first + part.pages)
    if space.regions.covered_until(start, start + size) < start + size:
        raise Errno(ENOMEM)
