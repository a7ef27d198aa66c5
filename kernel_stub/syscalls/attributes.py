"""Changing what stat(2) tells: modes, owners, times; and asking for rights.

chmod(2), chown(2), utimensat(2), utime(2), access(2), umask(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.capabilities import CAP_CHOWN
from kernel_stub.abi.process_structures import SECOND, TIMESPEC64
from kernel_stub.errno import EACCES, EINVAL, EPERM, Errno
from kernel_stub.syscalls.places import (
    AT_EACCESS,
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    inode_at,
    path_or_empty,
    place_at,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, UInt, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.access import allowed, require_owner
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.modes import S_IFDIR, S_ISGID, S_ISUID, W_OK

UTIME_NOW: Final = (1 << 30) - 1
UTIME_OMIT: Final = (1 << 30) - 2
AT_KNOWN: Final = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH


@syscall()
def chmod(task: Task, path: Path, mode: UInt) -> int:
    return fchmodat(task, AT_FDCWD, path, mode)


@syscall()
def fchmodat(task: Task, dirfd: Int, path: Path, mode: UInt) -> int:
    return _chmod(task, place_at(task, dirfd, path, follow=True).found(), mode)


@syscall()
def fchmodat2(task: Task, dirfd: Int, path: Path, mode: UInt, flags: UInt) -> int:
    return _chmod(task, inode_at(task, dirfd, path, flags, AT_KNOWN), mode)


@syscall()
def fchmod(task: Task, descriptor: Int, mode: UInt) -> int:
    return _chmod(task, task.files.get(descriptor).inode, mode)


def _chmod(task: Task, inode: Inode, mode: int) -> int:
    require_owner(task, inode)
    inode.change_mode(task, mode & 0o7777)
    return 0


def _id(value: int) -> int:
    """A 32-bit id; -1 stays -1: "leave it"."""
    return -1 if value == 0xFFFF_FFFF else value


def _short_id(task: Task, value: int) -> int:
    """An id of the calls that i386 had first: 16 bits there, 32 in the 64-bit ABI."""
    if task.abi.word == 8:
        return _id(value)
    return -1 if value & 0xFFFF == 0xFFFF else value & 0xFFFF


def _chown(task: Task, inode: Inode, uid: int, gid: int) -> int:
    """Only root gives a file away; its owner may give it to a group of their own."""
    status = inode.stat()
    if not task.is_able(CAP_CHOWN):
        owns = task.uid == status.st_uid
        mine = gid in (-1, task.gid, status.st_gid) or gid in task.groups
        if not owns or uid not in (-1, status.st_uid) or not mine:
            raise Errno(EPERM)
    inode.change_owner(task, uid, gid)
    if inode.kind != S_IFDIR and status.st_mode & (S_ISUID | S_ISGID):
        inode.change_mode(task, status.st_mode & 0o7777 & ~_dropped(status.st_mode))
    return 0


def _dropped(mode: int) -> int:
    """chown(2): the set-user-ID bit goes, and set-group-ID where a group may execute."""
    return S_ISUID | (S_ISGID if mode & 0o010 else 0)


@syscall()
def chown(task: Task, path: Path, uid: UInt, gid: UInt) -> int:
    inode = place_at(task, AT_FDCWD, path, follow=True).found()
    return _chown(task, inode, _short_id(task, uid), _short_id(task, gid))


@syscall()
def lchown(task: Task, path: Path, uid: UInt, gid: UInt) -> int:
    inode = place_at(task, AT_FDCWD, path, follow=False).found()
    return _chown(task, inode, _short_id(task, uid), _short_id(task, gid))


@syscall()
def fchown(task: Task, descriptor: Int, uid: UInt, gid: UInt) -> int:
    inode = task.files.get(descriptor).inode
    return _chown(task, inode, _short_id(task, uid), _short_id(task, gid))


@syscall()
def chown32(task: Task, path: Path, uid: UInt, gid: UInt) -> int:
    return fchownat(task, AT_FDCWD, path, uid, gid, 0)


@syscall()
def lchown32(task: Task, path: Path, uid: UInt, gid: UInt) -> int:
    return fchownat(task, AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)


@syscall()
def fchown32(task: Task, descriptor: Int, uid: UInt, gid: UInt) -> int:
    return _chown(task, task.files.get(descriptor).inode, _id(uid), _id(gid))


@syscall()
def fchownat(task: Task, dirfd: Int, path: Path, uid: UInt, gid: UInt, flags: Int) -> int:
    return _chown(task, inode_at(task, dirfd, path, flags, AT_KNOWN), _id(uid), _id(gid))


@syscall()
def umask(task: Task, mask: UInt) -> int:
    before = task.fs.umask
    task.fs.umask = mask & 0o777
    return before


@syscall()
def access(task: Task, path: Path, mode: Int) -> int:
    return faccessat2(task, AT_FDCWD, path, mode, 0)


@syscall()
def faccessat(task: Task, dirfd: Int, path: Path, mode: Int) -> int:
    return faccessat2(task, dirfd, path, mode, 0)


@syscall()
def faccessat2(task: Task, dirfd: Int, path: Path, mode: Int, flags: Int) -> int:
    if mode & ~7:
        raise Errno(EINVAL)
    own = task.identity
    if not flags & AT_EACCESS:
        task.identity = own.by_real_ids()
    try:
        inode = inode_at(task, dirfd, path, flags, AT_KNOWN | AT_EACCESS)
        if mode and not allowed(task, inode, mode):
            raise Errno(EACCES)
    finally:
        task.identity = own
    return 0


def _set_times(task: Task, inode: Inode, times: list[tuple[int, int]] | None) -> int:
    """Access and change time as (seconds, nanoseconds); None: both are now."""
    if times is None or all(part == UTIME_NOW for _, part in times):
        if task.uid != inode.stat().st_uid and not allowed(task, inode, W_OK):
            raise Errno(EACCES)
        now = task.kernel.now_ns()
        inode.change_times(task, now, now)
        return 0
    if all(part == UTIME_OMIT for _, part in times):
        return 0
    require_owner(task, inode)
    status = inode.stat()
    wanted = [
        _time(task, pair, before)
        for pair, before in zip(times, (status.st_atime_ns, status.st_mtime_ns), strict=True)
    ]
    inode.change_times(task, *wanted)
    return 0


def _time(task: Task, pair: tuple[int, int], before: int) -> int:
    seconds, part = pair
    if part == UTIME_OMIT:
        return before
    if part == UTIME_NOW:
        return task.kernel.now_ns()
    if not 0 <= part < SECOND:
        raise Errno(EINVAL)
    return seconds * SECOND + part


def _utimensat(task: Task, dirfd: int, path: int, pointer: int, flags: int, layout: Struct) -> int:
    times = None
    if pointer:
        times = [task.memory.unpack(layout, pointer + at)[:2] for at in (0, layout.size)]
    if path:
        name = task.memory.copy_in_string(path)
        inode = inode_at(task, dirfd, name, flags, AT_KNOWN)
    else:
        inode = task.files.get(dirfd).inode
    return _set_times(task, inode, times)


@syscall()
def utimensat(task: Task, dirfd: Int, path: Pointer, times: Pointer, flags: Int) -> int:
    return _utimensat(task, dirfd, path, times, flags, task.abi.timespec)


@syscall()
def utimensat_time64(task: Task, dirfd: Int, path: Pointer, times: Pointer, flags: Int) -> int:
    return _utimensat(task, dirfd, path, times, flags, TIMESPEC64)


@syscall()
def futimesat(task: Task, dirfd: Int, path: Pointer, times: Pointer) -> int:
    pairs = None
    if times:
        layout = task.abi.timeval
        pairs = [task.memory.unpack(layout, times + at) for at in (0, layout.size)]
        if any(not 0 <= part < 10**6 for _, part in pairs):
            raise Errno(EINVAL)
        pairs = [(seconds, part * 1000) for seconds, part in pairs]
    if path:
        inode = place_at(task, dirfd, path_or_empty(task, path), follow=True).found()
    else:
        inode = task.files.get(dirfd).inode
    return _set_times(task, inode, pairs)


@syscall()
def utimes(task: Task, path: Pointer, times: Pointer) -> int:
    return futimesat(task, AT_FDCWD, path, times)


@syscall()
def utime(task: Task, path: Path, times: Pointer) -> int:
    inode = place_at(task, AT_FDCWD, path, follow=True).found()
    if not times:
        return _set_times(task, inode, None)
    accessed, changed = task.memory.unpack(task.abi.timespec, times)  # struct utimbuf: two longs
    return _set_times(task, inode, [(accessed, 0), (changed, 0)])
