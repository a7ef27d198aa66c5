"""System calls that lock memory, and the limit of what a program may lock.

mlock(2), mlockall(2), getrlimit(2): RLIMIT_MEMLOCK.
"""

from __future__ import annotations

from typing import Final

from emu.x86.paging import PAGE_MASK, PAGE_SHIFT, page_up
from kernel_stub.abi.resources import RLIMIT_MEMLOCK, START
from kernel_stub.errno import EAGAIN, EINVAL, ENOMEM, EPERM, Errno
from kernel_stub.mm import flags as mm
from kernel_stub.mm import locking
from kernel_stub.syscalls.table import Int, ULong, syscall
from kernel_stub.task import Task

MLOCK_ONFAULT: Final = 1
_NO_LIMIT: Final = 1 << 64


def _limit(task: Task) -> int:
    """How many pages `task` may lock: root, as many as it likes. Raises Errno(EPERM): none."""
    if not task.uid:
        return _NO_LIMIT
    soft, _ = task.limits.get(RLIMIT_MEMLOCK, START[RLIMIT_MEMLOCK])
    if not soft:
        raise Errno(EPERM)
    return soft >> PAGE_SHIFT


def require_lockable(task: Task, more: int, asked: bool = False) -> None:
    """So many pages more can be locked. Raises Errno: EAGAIN; EPERM, if it was `asked` for."""
    try:
        limit = _limit(task)
    except Errno:
        if asked:
            raise
        limit = 0
    if locking.locked_pages(task.space) + more > limit:
        raise Errno(EAGAIN)


@syscall()
def mlock(task: Task, address: ULong, length: ULong) -> int:
    return _lock(task, address, length, on_fault=False)


@syscall()
def mlock2(task: Task, address: ULong, length: ULong, flags: Int) -> int:
    if flags & ~MLOCK_ONFAULT:
        raise Errno(EINVAL)
    return _lock(task, address, length, bool(flags))


def _lock(task: Task, address: int, length: int, on_fault: bool) -> int:
    limit = _limit(task)
    start, end = address & PAGE_MASK, page_up(address + length)
    already = locking.locked_pages(task.space)
    if already + (end - start >> PAGE_SHIFT) > limit:
        already -= locking.locked_pages(task.space, start, end)
        if already + (end - start >> PAGE_SHIFT) > limit:
            raise Errno(ENOMEM)
    _require_range(end)
    locking.lock(task.space, start, end - start, on_fault)
    return 0


def _require_range(end: int) -> None:
    """An end beyond all addresses wraps around to below the start. Raises Errno(EINVAL)."""
    if end >= 1 << 64:
        raise Errno(EINVAL)


@syscall()
def munlock(task: Task, address: ULong, length: ULong) -> int:
    start, end = address & PAGE_MASK, page_up(address + length)
    _require_range(end)
    locking.unlock(task.space, start, end - start)
    return 0


@syscall()
def mlockall(task: Task, flags: Int) -> int:
    known = mm.MCL_CURRENT | mm.MCL_FUTURE | mm.MCL_ONFAULT
    if not flags or flags & ~known or flags == mm.MCL_ONFAULT:
        raise Errno(EINVAL)
    now, future = bool(flags & mm.MCL_CURRENT), bool(flags & mm.MCL_FUTURE)
    limit = _limit(task)
    if now and task.space.regions.size > limit:
        raise Errno(ENOMEM)
    locking.lock_all(task.space, now, future, bool(flags & mm.MCL_ONFAULT))
    return 0


@syscall()
def munlockall(task: Task) -> int:
    locking.unlock_all(task.space)
    return 0
