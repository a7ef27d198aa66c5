"""Opening files, and the descriptors that stand for them.

open(2), openat2(2), creat(2), memfd_create(2), close(2), close_range(2), dup(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.structures import OPEN_HOW
from kernel_stub.errno import E2BIG, EBADF, EINVAL, EOVERFLOW, Errno
from kernel_stub.syscalls.places import (
    AT_FDCWD,
    descriptor_limit,
    new_descriptor,
    start_of,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs import modes
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.opening import open_file, unnamed_attributes
from kernel_stub.vfs.sealed import F_SEAL_EXEC, F_SEAL_SEAL, SealedFile

KNOWN_FLAGS: Final = (
    modes.O_ACCMODE
    | modes.O_AT_OPEN
    | modes.O_APPEND
    | modes.O_NONBLOCK
    | modes.O_SYNC
    | modes.O_ASYNC
    | modes.O_DIRECT
    | modes.O_LARGEFILE
    | modes.O_NOFOLLOW
    | modes.O_NOATIME
    | modes.O_PATH
    | modes.O_TMPFILE
)
WITH_O_PATH: Final = modes.O_PATH | modes.O_DIRECTORY | modes.O_NOFOLLOW | modes.O_CLOEXEC
KNOWN_RESOLVE: Final = 0x3F
LARGEST_SMALL: Final = (1 << 31) - 1
MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC = 1, 2, 8, 16
LONGEST_MEMFD: Final = 249
CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4


@syscall()
def open(task: Task, path: Path, flags: Int, mode: UInt) -> int:
    return openat(task, AT_FDCWD, path, flags, mode)


@syscall()
def creat(task: Task, path: Path, mode: UInt) -> int:
    flags = modes.O_CREAT | modes.O_WRONLY | modes.O_TRUNC
    return openat(task, AT_FDCWD, path, flags, mode)


@syscall()
def openat(task: Task, dirfd: Int, path: Path, flags: Int, mode: UInt) -> int:
    return _open(task, dirfd, path, flags & KNOWN_FLAGS, mode & 0o7777, 0)


@syscall()
def openat2(task: Task, dirfd: Int, path: Path, how: Pointer, size: ULong) -> int:
    if size < OPEN_HOW.size:
        raise Errno(EINVAL)
    if size > 4096 or any(task.memory.copy_in(how + OPEN_HOW.size, size - OPEN_HOW.size)):
        raise Errno(E2BIG)
    flags, mode, resolve = task.memory.unpack(OPEN_HOW, how)
    makes = flags & modes.O_CREAT or flags & modes.O_TMPFILE == modes.O_TMPFILE
    if flags & ~KNOWN_FLAGS or resolve & ~KNOWN_RESOLVE or mode & ~(0o7777 if makes else 0):
        raise Errno(EINVAL)
    if flags & modes.O_PATH and flags & ~WITH_O_PATH:
        raise Errno(EINVAL)
    if resolve & modes.RESOLVE_BENEATH and resolve & modes.RESOLVE_IN_ROOT:
        raise Errno(EINVAL)
    return _open(task, dirfd, path, flags, mode, resolve)


def _open(task: Task, dirfd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
    """The table's place is found first: what cannot be had creates nothing."""
    number = task.files.lowest_free(descriptor_limit(task))
    start = start_of(task, dirfd, b"" if resolve & modes.RESOLVE_IN_ROOT else path)
    file = open_file(task, start, path, flags, mode, resolve)
    _require_small(task, file, flags)
    return task.files.install(number, file, bool(flags & modes.O_CLOEXEC))


def _require_small(task: Task, file: OpenFile, flags: int) -> None:
    """A 32-bit program that did not say O_LARGEFILE gets no file of 2 GiB."""
    if task.abi.word == 8:
        file.flags |= modes.O_LARGEFILE
        return
    small = file.seekable and not flags & (modes.O_LARGEFILE | modes.O_PATH)
    if small and file.inode.size > LARGEST_SMALL:
        raise Errno(EOVERFLOW)


@syscall(support="partial", missing="huge pages (MFD_HUGETLB)")
def memfd_create(task: Task, name: Path, flags: UInt) -> int:
    known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC
    if flags & ~known or len(name) > LONGEST_MEMFD:
        raise Errno(EINVAL)
    if flags & MFD_NOEXEC_SEAL and flags & MFD_EXEC:
        raise Errno(EINVAL)
    seals = 0 if flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) else F_SEAL_SEAL
    mode = 0o777
    if flags & MFD_NOEXEC_SEAL:
        mode, seals = 0o666, seals | F_SEAL_EXEC
    attributes, storage = unnamed_attributes(task, task.fs.root, mode)
    file = SealedFile(attributes, storage, seals).open(task, modes.O_RDWR | modes.O_LARGEFILE)
    file.path = b"/memfd:" + name
    return new_descriptor(task, file, cloexec=bool(flags & MFD_CLOEXEC))


@syscall()
def close(task: Task, descriptor: Int) -> int:
    task.files.close(task, descriptor)
    return 0


@syscall()
def close_range(task: Task, first: UInt, last: UInt, flags: UInt) -> int:
    if first > last or flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC):
        raise Errno(EINVAL)
    for number in task.files.numbers():
        if first <= number <= last:
            if flags & CLOSE_RANGE_CLOEXEC:
                task.files.cloexec.add(number)
            else:
                task.files.close(task, number)
    return 0


@syscall()
def dup(task: Task, descriptor: Int) -> int:
    return new_descriptor(task, task.files.any(descriptor), cloexec=False)


@syscall()
def dup2(task: Task, old: Int, new: Int) -> int:
    if old == new:
        task.files.any(old)
        return new
    return _dup_to(task, old, new, cloexec=False)


@syscall()
def dup3(task: Task, old: Int, new: Int, flags: Int) -> int:
    if flags & ~modes.O_CLOEXEC or old == new:
        raise Errno(EINVAL)
    return _dup_to(task, old, new, cloexec=bool(flags))


def _dup_to(task: Task, old: int, new: int, *, cloexec: bool) -> int:
    file = task.files.any(old)
    if not 0 <= new < descriptor_limit(task):
        raise Errno(EBADF)
    if new in task.files:
        task.files.close(task, new)
    return task.files.install(new, file, cloexec)
