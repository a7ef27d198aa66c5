"""How long a file is, and what the host need not be told: truncate, fallocate, advice, sync.

truncate(2), fallocate(2), posix_fadvise(2), readahead(2), fsync(2), sync(2), sync_file_range(2).
"""

# ruff: noqa: ARG001 - a handler has the parameters of its manual page

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EFBIG, EINVAL, EISDIR, ENODEV, EOPNOTSUPP, ESPIPE, Errno
from kernel_stub.syscalls.io import readable, writable
from kernel_stub.syscalls.places import AT_FDCWD, place_at
from kernel_stub.syscalls.table import Int, Loff, Long, Path, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.access import require
from kernel_stub.vfs.directory import Directory
from kernel_stub.vfs.modes import O_LARGEFILE, O_WRONLY, S_IFIFO, S_IFREG, W_OK
from kernel_stub.vfs.opening import open_inode

FALLOC_FL_KEEP_SIZE: Final = 1
FALLOC_FL_PUNCH_HOLE: Final = 2
LARGEST: Final = (1 << 63) - 1
ADVICE: Final = range(6)  # POSIX_FADV_*
SYNC_RANGE_KNOWN: Final = 7


def _truncate(task: Task, path: bytes, length: int) -> int:
    if length < 0:
        raise Errno(EINVAL)
    inode = place_at(task, AT_FDCWD, path, follow=True).found()
    if isinstance(inode, Directory):
        raise Errno(EISDIR)
    require(task, inode, W_OK)
    if inode.kind != S_IFREG:
        raise Errno(EINVAL)
    open_inode(task, inode, O_WRONLY | O_LARGEFILE).resize(task, length)
    return 0


def _ftruncate(task: Task, descriptor: int, length: int) -> int:
    file = task.files.get(descriptor)
    if length < 0 or not file.writable:
        raise Errno(EINVAL)
    file.resize(task, length)
    return 0


@syscall()
def truncate(task: Task, path: Path, length: Long) -> int:
    return _truncate(task, path, length)


@syscall()
def truncate64(task: Task, path: Path, length: Loff) -> int:
    return _truncate(task, path, length)


@syscall()
def ftruncate(task: Task, descriptor: Int, length: Long) -> int:
    return _ftruncate(task, descriptor, length)


@syscall()
def ftruncate64(task: Task, descriptor: Int, length: Loff) -> int:
    return _ftruncate(task, descriptor, length)


@syscall(
    support="partial",
    missing="as on tmpfs, ranges can be punched out, not zeroed, collapsed, inserted or unshared; "
    "no space is reserved",
)
def fallocate(task: Task, descriptor: Int, mode: Int, offset: Loff, length: Loff) -> int:
    file = writable(task, descriptor)
    if offset < 0 or length <= 0:
        raise Errno(EINVAL)
    if mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) or mode == FALLOC_FL_PUNCH_HOLE:
        raise Errno(EOPNOTSUPP)
    if not file.seekable:
        raise Errno(ESPIPE if file.inode.kind == S_IFIFO else ENODEV)
    if offset + length > LARGEST:
        raise Errno(EFBIG)
    if mode & FALLOC_FL_PUNCH_HOLE:
        file.inode.clear(task, offset, offset + length)
    elif not mode and offset + length > file.inode.size:
        file.resize(task, offset + length)
    return 0


def _advise(task: Task, descriptor: int, advice: int) -> int:
    if task.files.get(descriptor).inode.kind == S_IFIFO:
        raise Errno(ESPIPE)
    if advice not in ADVICE:
        raise Errno(EINVAL)
    return 0


@syscall()
def fadvise64(task: Task, descriptor: Int, offset: Loff, length: ULong, advice: Int) -> int:
    return _advise(task, descriptor, advice)


@syscall()
def fadvise64_64(task: Task, descriptor: Int, offset: Loff, length: Loff, advice: Int) -> int:
    return _advise(task, descriptor, advice)


@syscall()
def readahead(task: Task, descriptor: Int, offset: Loff, count: ULong) -> int:
    if readable(task, descriptor).inode.kind != S_IFREG:
        raise Errno(EINVAL)
    return 0


@syscall("fsync", "fdatasync")
def fsync(task: Task, descriptor: Int) -> int:
    """Every write is where it belongs when write(2) returns: memory, or the host."""
    file = task.files.get(descriptor)
    if file.inode.kind == S_IFIFO:
        raise Errno(EINVAL)
    return 0


@syscall()
def syncfs(task: Task, descriptor: Int) -> int:
    task.files.get(descriptor)
    return 0


@syscall()
def sync(task: Task) -> int:
    return 0


@syscall()
def sync_file_range(task: Task, descriptor: Int, offset: Loff, length: Loff, flags: UInt) -> int:
    if offset < 0 or length < 0 or flags & ~SYNC_RANGE_KNOWN:
        raise Errno(EINVAL)
    if task.files.get(descriptor).inode.kind == S_IFIFO:
        raise Errno(ESPIPE)
    return 0
