"""System calls about memory: mmap, munmap, mprotect, mremap, brk, madvise and their kin.

They check arguments as the manual pages say; kernel_stub/mm does the work.
mmap(2), mprotect(2), mremap(2), brk(2), madvise(2), mincore(2), msync(2).
"""

from __future__ import annotations

from typing import Final

from emu.x86.paging import PAGE_MASK, PAGE_SHIFT, page_up
from kernel_stub.errno import (
    EACCES,
    EINVAL,
    ENOMEM,
    EOPNOTSUPP,
    EOVERFLOW,
    Errno,
)
from kernel_stub.layout import USER_32, USER_64, UserLayout
from kernel_stub.mm import advice as pages
from kernel_stub.mm import flags as mm
from kernel_stub.mm.regions import LOCKED, NEVER_WRITABLE
from kernel_stub.mm.remap import mremap as remap
from kernel_stub.mm.space import AddressSpace
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile, mmap_check
from kernel_stub.vfs.modes import S_IFCHR

_PROT_KNOWN: Final = mm.PROT_READ | mm.PROT_WRITE | mm.PROT_EXEC | 8  # PROT_SEM
_IGNORED_FLAGS: Final = mm.MAP_DENYWRITE | mm.MAP_EXECUTABLE | mm.MAP_STACK | mm.MAP_NONBLOCK
_KNOWN_FLAGS: Final = (
    mm.MAP_TYPE
    | mm.MAP_FIXED
    | mm.MAP_ANONYMOUS
    | mm.MAP_32BIT
    | mm.MAP_GROWSDOWN
    | mm.MAP_LOCKED
    | mm.MAP_NORESERVE
    | mm.MAP_POPULATE
    | mm.MAP_HUGETLB
    | mm.MAP_FIXED_NOREPLACE
    | _IGNORED_FLAGS
)
_HUGE_SHIFT: Final = 26  # MAP_HUGE_SHIFT: the logarithm of the size of a huge page
# MAP_32BIT: sought upwards in the second gigabyte.
_LOW_2_GIB: Final = UserLayout(
    task_size=0x8000_0000,
    program_base=0,
    lone_break=0,
    stack_top=0,
    mmap_top=0,
    mmap_low=0x4000_0000,
)
_SHARED_MISSING: Final = "MAP_HUGETLB finds no huge pages"


@syscall("mmap", support="partial", missing=_SHARED_MISSING)
def mmap(
    task: Task,
    address: ULong,
    length: ULong,
    prot: ULong,
    flags: ULong,
    descriptor: Int,
    offset: ULong,
) -> int:
    if task.abi.word == 4:  # old_mmap: one pointer to the six arguments
        arguments = task.memory.unpack(task.abi.words(6), address)
        address, length, prot, flags, descriptor, offset = arguments
    if offset & ~PAGE_MASK:
        raise Errno(EINVAL)
    return _mmap(task, address, length, prot, flags, descriptor, offset)


@syscall("mmap2", support="partial", missing=_SHARED_MISSING)
def mmap2(
    task: Task,
    address: ULong,
    length: ULong,
    prot: ULong,
    flags: ULong,
    descriptor: Int,
    page: ULong,
) -> int:
    return _mmap(task, address, length, prot, flags, descriptor, page << PAGE_SHIFT)


def _mmap(
    task: Task, address: int, length: int, prot: int, flags: int, descriptor: int, offset: int
) -> int:
    file = None
    if not flags & mm.MAP_ANONYMOUS:
        file = task.files.get(descriptor)
    if not length:
        raise Errno(EINVAL)
    if page_up(length) > task.abi.word_mask:
        raise Errno(ENOMEM)
    if file is not None and offset + length > 1 << 63:
        raise Errno(EOVERFLOW)
    _check_flags(flags, prot, file)
    name = file.path if file is not None else b""
    if file is not None and file.inode.kind == S_IFCHR:
        file = None  # the one device that can be mapped is /dev/zero
    if file is None and flags & mm.MAP_SHARED:
        name, offset = b"/dev/zero (deleted)", 0
    layout = _layout(task, flags)
    locked = flags & mm.MAP_LOCKED
    if locked or task.space.locks_to_come:
        from kernel_stub.syscalls.memory_locks import require_lockable

        require_lockable(task, page_up(length) >> PAGE_SHIFT, bool(locked))
    start = task.space.mmap(address, length, prot, flags, file, offset, name, layout, task)
    if file is not None and flags & mm.MAP_SHARED and not file.inode.may_map_writable():
        task.space.mark(start, start + page_up(length), NEVER_WRITABLE)
    _bring_in(task.space, start, start + page_up(length), flags)
    return start


def _check_flags(flags: int, prot: int, file: OpenFile | None) -> None:
    kind = flags & mm.MAP_TYPE
    if kind not in (mm.MAP_SHARED, mm.MAP_PRIVATE, mm.MAP_SHARED_VALIDATE):
        raise Errno(EINVAL)
    if kind == mm.MAP_SHARED_VALIDATE and file is None:
        raise Errno(EINVAL)
    if kind == mm.MAP_SHARED_VALIDATE and flags & ~_KNOWN_FLAGS:
        raise Errno(EOPNOTSUPP)
    if file is not None:
        mmap_check(file, prot, flags)
        if flags & mm.MAP_GROWSDOWN:
            raise Errno(EINVAL)
    if flags & mm.MAP_HUGETLB:
        is_size = flags >> _HUGE_SHIFT & 0x3F in (0, 21, 30)
        raise Errno(EINVAL if file is not None or not is_size else ENOMEM)
    if flags & mm.MAP_SHARED and flags & mm.MAP_GROWSDOWN:
        raise Errno(EINVAL)


def _layout(task: Task, flags: int) -> UserLayout:
    """Where a mapping is sought: 32-bit calls of 64-bit programs get addresses they can hold."""
    if task.abi.word == 4:
        return USER_32
    return _LOW_2_GIB if flags & mm.MAP_32BIT else USER_64


def _bring_in(space: AddressSpace, start: int, end: int, flags: int) -> None:
    """MAP_LOCKED, MAP_POPULATE: what cannot be brought in is left to the fault."""
    if not flags & (mm.MAP_LOCKED | mm.MAP_POPULATE) and not space.locks_to_come:
        return
    from kernel_stub.mm.locking import bring_in_if_possible, populate_locked

    if flags & mm.MAP_LOCKED:
        space.mark(start, end, LOCKED)
    if flags & mm.MAP_POPULATE and not flags & mm.MAP_NONBLOCK:
        for region in list(space.regions.overlapping(start, end)):
            bring_in_if_possible(space, region.part(start, end))
    elif flags & mm.MAP_LOCKED or space.locks_to_come:
        populate_locked(space, start, end - start)


@syscall()
def munmap(task: Task, address: ULong, length: ULong) -> int:
    size, limit = page_up(length), task.space.layout.task_size
    if address & ~PAGE_MASK or not size or address > limit or size > limit - address:
        raise Errno(EINVAL)
    task.space.munmap(address, size)
    return 0


@syscall()
def mprotect(task: Task, address: ULong, length: ULong, prot: ULong) -> int:
    if address & ~PAGE_MASK or prot & mm.PROT_GROWSUP:
        raise Errno(EINVAL)
    size = page_up(length)
    if not size:
        return 0
    if address + size > task.space.layout.task_size:
        raise Errno(ENOMEM)
    if prot & ~(_PROT_KNOWN | mm.PROT_GROWSDOWN):
        raise Errno(EINVAL)
    start = _start_of_stack(task, address) if prot & mm.PROT_GROWSDOWN else address
    if prot & mm.PROT_WRITE:
        _check_writable(task, start, address + size)
    task.space.mprotect(start, address + size - start, prot)
    return 0


def _start_of_stack(task: Task, address: int) -> int:
    """PROT_GROWSDOWN: the change reaches down to the start of the region."""
    region = task.space.regions.find(address)
    if region is None:
        raise Errno(ENOMEM)
    if not region.flags & mm.MAP_GROWSDOWN:
        raise Errno(EINVAL)
    return region.start


def _check_writable(task: Task, start: int, end: int) -> None:
    for region in task.space.regions.overlapping(start, end):
        if region.shared is not None and region.file is not None and not region.file.writable:
            raise Errno(EACCES)
        if region.flags & NEVER_WRITABLE:
            raise Errno(EACCES)


@syscall()
def mremap(
    task: Task,
    old_address: ULong,
    old_size: ULong,
    new_size: ULong,
    flags: ULong,
    new_address: ULong,
) -> int:
    space = task.space
    region, more = space.regions.find(old_address), page_up(new_size) - page_up(old_size)
    is_locked = region is not None and region.flags & LOCKED
    if not is_locked:
        return remap(space, old_address, old_size, new_size, flags, new_address)
    from kernel_stub.mm.locking import populate_locked
    from kernel_stub.syscalls.memory_locks import require_lockable

    if more > 0:
        require_lockable(task, more >> PAGE_SHIFT)
    address = remap(space, old_address, old_size, new_size, flags, new_address)
    populate_locked(space, address, page_up(new_size))
    return address


@syscall()
def brk(task: Task, address: ULong) -> int:
    space = task.space
    old, new = page_up(space.break_end), page_up(address)
    if not space.locks_to_come or new <= old:
        return space.set_break(address)
    from kernel_stub.mm.locking import populate_locked
    from kernel_stub.syscalls.memory_locks import require_lockable

    try:
        require_lockable(task, new - old >> PAGE_SHIFT)
    except Errno:
        return space.break_end
    end = space.set_break(address)
    populate_locked(space, old, max(page_up(end) - old, 0))
    return end


@syscall(
    support="partial",
    missing="advice about core dumps and huge pages has no effect; MADV_COLLAPSE and "
    "MADV_MERGEABLE are EINVAL",
)
def madvise(task: Task, address: ULong, length: ULong, advice: Int) -> int:
    size = _checked_range(address, length)
    pages.madvise(task.space, address, size, advice, task)
    return 0


def _checked_range(address: int, length: int) -> int:
    """`length` in whole pages. Raises Errno(EINVAL)."""
    size = page_up(length)
    if address & ~PAGE_MASK or address + size >= 1 << 64:
        raise Errno(EINVAL)
    return size


@syscall()
def mincore(task: Task, address: ULong, length: ULong, vector: Pointer) -> int:
    if address & ~PAGE_MASK:
        raise Errno(EINVAL)
    size = page_up(length)
    if address + size > task.space.layout.task_size:
        raise Errno(ENOMEM)
    task.memory.copy_out(vector, pages.mincore(task.space, address, size))
    return 0


@syscall()
def msync(task: Task, address: ULong, length: ULong, flags: Int) -> int:
    known = mm.MS_ASYNC | mm.MS_INVALIDATE | mm.MS_SYNC
    if flags & ~known or (flags & mm.MS_ASYNC and flags & mm.MS_SYNC):
        raise Errno(EINVAL)
    size = page_up(length)
    if address & ~PAGE_MASK:
        raise Errno(EINVAL)
    if address + size > task.abi.word_mask:
        raise Errno(ENOMEM)
    pages.msync(task.space, address, size, bool(flags & mm.MS_INVALIDATE))
    return 0
