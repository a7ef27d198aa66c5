"""Locks of files: flock, and fcntl's commands for ranges.

What can be held beside what, kernel_stub/vfs/locks.py knows.
fcntl(2): "Advisory record locking"; flock(2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kernel_stub.abi import structures
from kernel_stub.abi.structures import Layout
from kernel_stub.errno import (
    EAGAIN,
    EBADF,
    EDEADLK,
    EINVAL,
    EOVERFLOW,
    Errno,
)
from kernel_stub.syscalls.table import Int, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.locks import ENDLESS, Lock, Locks, Owner, would_deadlock
from kernel_stub.vfs.modes import SEEK_CUR, SEEK_END, SEEK_SET

F_GETLK, F_SETLK, F_SETLKW = 5, 6, 7
F_GETLK64, F_SETLK64, F_SETLKW64 = 12, 13, 14
F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = 1, 2, 4, 8
LOCK_KINDS: Final = (LOCK_SH, LOCK_EX, LOCK_UN)
OF_DESCRIPTIONS: Final = (F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW)
LARGEST_32: Final = (1 << 31) - 1

Command = Callable[[Task, int, int], int]


def locks_of(task: Task, file: OpenFile) -> Locks:
    """The locks of a file, of which most have none."""
    if file.inode.locks is None:
        file.inode.locks = Locks()
        task.fs.root.storage.locked.add(file.inode)
    return file.inode.locks


def _layout(task: Task, command: int) -> Layout:
    """Which struct flock a command means: the ABI's own, or i386's wide one."""
    if task.abi.word == 4 and command >= F_GETLK64:
        return structures.FLOCK64
    return structures.FLOCK[task.abi.word]


def _range(file: OpenFile, asked: dict[str, int]) -> tuple[int, int]:
    """The range that a struct flock means. Raises Errno: EINVAL, EOVERFLOW."""
    if asked["l_whence"] not in (SEEK_SET, SEEK_CUR, SEEK_END):
        raise Errno(EINVAL)
    size = file.inode.size if asked["l_whence"] == SEEK_END else 0
    base = {SEEK_SET: 0, SEEK_CUR: file.offset, SEEK_END: size}[asked["l_whence"]]
    start, length = base + asked["l_start"], asked["l_len"]
    end = start + length if length else ENDLESS
    if length < 0:
        start, end = start + length, start
    if start < 0:
        raise Errno(EINVAL)
    if start > ENDLESS - 1 or end > ENDLESS:
        raise Errno(EOVERFLOW)
    return start, end


def _asked(task: Task, file: OpenFile, command: int, argument: int) -> tuple[Lock, int]:
    """The lock that a command is about, and what to do with it."""
    layout = _layout(task, command)
    asked = layout.unpack(task.memory.copy_in(argument, layout.size))
    start, end = _range(file, asked)
    owner: Owner = task.files
    pid = task.pid
    if command in OF_DESCRIPTIONS:
        owner, pid = file, -1
        if asked["l_pid"]:
            raise Errno(EINVAL)
    if asked["l_type"] not in (F_RDLCK, F_WRLCK, F_UNLCK):
        raise Errno(EINVAL)
    return Lock(owner, start, end, asked["l_type"] == F_WRLCK, pid), asked["l_type"]


def _ask(command: int) -> Command:
    """F_GETLK: what stands in the way of a lock."""

    def run(task: Task, descriptor: int, argument: int) -> int:
        file = task.files.get(descriptor)
        wanted, kind = _asked(task, file, command, argument)
        if kind == F_UNLCK:
            raise Errno(EINVAL)
        layout = _layout(task, command)
        found = locks_of(task, file).in_the_way(wanted)
        told = layout.unpack(task.memory.copy_in(argument, layout.size))
        told["l_type"] = F_UNLCK
        if found is not None:
            told = _told(found)
            if layout.size == structures.FLOCK[4].size and found.start > LARGEST_32:
                raise Errno(EOVERFLOW)
        task.memory.copy_out(argument, layout.pack(told))
        return 0

    return run


def _told(lock: Lock) -> dict[str, int]:
    return {
        "l_type": F_WRLCK if lock.exclusive else F_RDLCK,
        "l_whence": SEEK_SET,
        "l_start": lock.start,
        "l_len": 0 if lock.end == ENDLESS else lock.end - lock.start,
        "l_pid": lock.pid,
    }


def _order(command: int, *, waits: bool) -> Command:
    """F_SETLK, F_SETLKW: a lock is taken, changed or given back."""

    def run(task: Task, descriptor: int, argument: int) -> int:
        file = task.files.get(descriptor)
        wanted, kind = _asked(task, file, command, argument)
        may = {F_RDLCK: file.readable, F_WRLCK: file.writable, F_UNLCK: True}
        if not may[kind]:
            raise Errno(EBADF)
        locks = locks_of(task, file)
        if kind == F_UNLCK:
            locks.release(wanted.owner, wanted.start, wanted.end)
            return 0
        _wait_for(task, locks, wanted, waits)
        locks.hold(wanted)
        return 0

    return run


def _wait_for(task: Task, locks: Locks, wanted: Lock, waits: bool) -> None:
    """Returns when nothing stands in the way of `wanted`. Raises Errno."""
    wanted.owner.waits_on = None
    found = locks.in_the_way(wanted)
    if found is None:
        return
    if not waits:
        raise Errno(EAGAIN)
    if wanted.pid >= 0 and would_deadlock(wanted.owner, found.owner):
        raise Errno(EDEADLK)
    wanted.owner.waits_on = found.owner
    try:
        task.kernel.block(task, "a lock of a file", _Free(locks, wanted).is_there)
    except Errno:
        wanted.owner.waits_on = None
        raise


class _Free:
    """What a task waits for that wants a range."""

    def __init__(self, locks: Locks, wanted: Lock) -> None:
        self.locks = locks
        self.wanted = wanted

    def is_there(self) -> bool:
        return self.locks.in_the_way(self.wanted) is None


COMMANDS: Final[Mapping[int, Command]] = {
    **{ask: _ask(ask) for ask in (F_GETLK, F_GETLK64, F_OFD_GETLK)},
    **{order: _order(order, waits=False) for order in (F_SETLK, F_SETLK64, F_OFD_SETLK)},
    **{order: _order(order, waits=True) for order in (F_SETLKW, F_SETLKW64, F_OFD_SETLKW)},
}


class _WholeFree:
    """What a task waits for that wants the whole file."""

    def __init__(self, locks: Locks, owner: Owner, exclusive: bool) -> None:
        self.locks = locks
        self.owner = owner
        self.exclusive = exclusive

    def is_there(self) -> bool:
        return self.locks.may_hold_whole(self.owner, self.exclusive)


@syscall()
def flock(task: Task, descriptor: Int, operation: Int) -> int:
    """A lock that is changed is given back first, as flock(2) warns."""
    kind = operation & ~LOCK_NB
    if kind not in LOCK_KINDS:
        raise Errno(EINVAL)
    file = task.files.get(descriptor)
    locks, exclusive = locks_of(task, file), kind == LOCK_EX
    if kind == LOCK_UN or not locks.holds_whole(file, exclusive):
        locks.release_whole(file)
    if kind == LOCK_UN:
        return 0
    free = _WholeFree(locks, file, exclusive)
    if not free.is_there():
        if operation & LOCK_NB:
            raise Errno(EAGAIN)
        task.kernel.block(task, "a lock of a file", free.is_there)
    locks.hold_whole(file, exclusive, task.pid)
    return 0
