"""mremap(2): a mapping is resized where it lies, or moved with its pages.

It does not know which system call asked. mremap(2).
"""

from __future__ import annotations

from typing import Final

from emu.x86.paging import PAGE_MASK, PAGE_SHIFT, page_up
from kernel_stub.errno import EFAULT, EINVAL, ENOMEM, Errno
from kernel_stub.layout import LOWEST_MAPPING
from kernel_stub.mm.flags import MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE
from kernel_stub.mm.regions import Region
from kernel_stub.mm.space import AddressSpace

_KNOWN: Final = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP


def mremap(
    space: AddressSpace, old: int, old_length: int, new_length: int, flags: int, target: int
) -> int:
    """Resizes the mapping at `old`; returns where it lies then. Raises Errno as mremap(2)."""
    old_size, new_size = page_up(old_length), page_up(new_length)
    _check_arguments(space, old, old_size, new_size, flags)
    if flags & (MREMAP_FIXED | MREMAP_DONTUNMAP):
        _check_target(space, old, old_size, target, new_size)
    if space.regions.find(old) is None:
        raise Errno(EFAULT)
    if flags & MREMAP_FIXED:
        if target < LOWEST_MAPPING:
            raise Errno(EINVAL)
        space.munmap(target, new_size)
    if old_size > new_size or (old_size == new_size and not flags & MREMAP_DONTUNMAP):
        if old + old_size > space.layout.task_size:
            raise Errno(EINVAL)
        space.munmap(old + new_size, old_size - new_size)
        old_size = new_size
        if not flags & MREMAP_FIXED:
            return old
    region = _whole_part(space, old, old_size)
    if not flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) and _grow(space, region, old, new_size):
        return old
    if not flags & MREMAP_MAYMOVE:
        raise Errno(ENOMEM)
    if not flags & MREMAP_FIXED:
        target = space.choose(target if flags & MREMAP_DONTUNMAP else 0, new_size)
    return _move(space, region, target, new_size, bool(flags & MREMAP_DONTUNMAP))


def _check_arguments(
    space: AddressSpace, old: int, old_size: int, new_size: int, flags: int
) -> None:
    moves = flags & MREMAP_MAYMOVE
    if flags & ~_KNOWN or old & ~PAGE_MASK or not 0 < new_size <= space.layout.task_size:
        raise Errno(EINVAL)
    if flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) and not moves:
        raise Errno(EINVAL)
    if flags & MREMAP_DONTUNMAP and old_size != new_size:
        raise Errno(EINVAL)


def _check_target(space: AddressSpace, old: int, old_size: int, target: int, new_size: int) -> None:
    """The place that MREMAP_FIXED names, or MREMAP_DONTUNMAP hints at. Raises Errno(EINVAL)."""
    if target & ~PAGE_MASK or target > space.layout.task_size - new_size:
        raise Errno(EINVAL)
    if target < old + old_size and old < target + new_size:
        raise Errno(EINVAL)


def _whole_part(space: AddressSpace, old: int, size: int) -> Region:
    """The part of `size` bytes at `old`, which must be one region's."""
    region = space.regions.find(old)
    if region is None or old + size > region.end:
        raise Errno(EFAULT)
    if not size and region.shared is None:
        raise Errno(EINVAL)
    return region.copy(old, old + size)


def _grow(space: AddressSpace, part: Region, old: int, new_size: int) -> bool:
    """Makes the mapping longer where it is, if it ends its region and room is behind it."""
    region = space.regions.find(old)
    more = old + new_size - part.end
    if region is None or region.end != part.end or part.end == old:
        return False
    if part.end + more > space.layout.task_size or not space.is_free(part.end, more):
        return False
    _promise(space, part, more)
    _insert(space, region.copy(part.end, part.end + more))
    return True


def _promise(space: AddressSpace, region: Region, more: int) -> None:
    pages = more >> PAGE_SHIFT
    space.require_room(pages, region.is_data)
    space.check_promise(pages if region.is_committed else 0)


def _insert(space: AddressSpace, region: Region) -> None:
    if region.shared is not None:
        region.shared.retain(region.pages)
    space.regions.insert(region)


def _move(space: AddressSpace, region: Region, target: int, new_size: int, keep_old: bool) -> int:
    """Moves `region` with its pages to `target`; with `keep_old`, the old place stays, empty."""
    old, old_size = region.start, region.end - region.start
    moved = region.copy(old, old + new_size)
    moved.start, moved.end = target, target + new_size
    _promise(space, moved, new_size if keep_old else new_size - old_size)
    space.pages.move(old, target, old_size)
    _insert(space, moved)
    if old == space.vdso_base:
        space.vdso_base = target
    if not keep_old and old_size:
        space.munmap(old, old_size)
    return target
