"""Names in directories: making, removing, moving and listing them; and where the program stands.

mkdir(2), rmdir(2), unlink(2), rename(2), link(2), symlink(2), readlink(2), mknod(2), getdents(2),
getcwd(2), chdir(2), chroot(2).
"""

# ruff: noqa: ARG001 - a handler has the parameters of its manual page

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kernel_stub.abi.structures import DIRENT, DIRENT64
from kernel_stub.errno import EINVAL, ENOENT, ENOTDIR, EPERM, ERANGE, Errno
from kernel_stub.syscalls.places import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_REMOVEDIR,
    AT_SYMLINK_FOLLOW,
    inode_at,
    place_at,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs import names
from kernel_stub.vfs.access import ROOT, require
from kernel_stub.vfs.directory import Directory, DirectoryFile, Entry, Symlink
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.modes import X_OK


@syscall()
def mkdir(task: Task, path: Path, mode: UInt) -> int:
    return mkdirat(task, AT_FDCWD, path, mode)


@syscall()
def mkdirat(task: Task, dirfd: Int, path: Path, mode: UInt) -> int:
    names.make_directory(task, place_at(task, dirfd, path, follow=False), mode)
    return 0


_NODES_MISSING: Final = "devices are EPERM"


@syscall(support="partial", missing=_NODES_MISSING)
def mknod(task: Task, path: Path, mode: UInt, device: UInt) -> int:
    return mknodat(task, AT_FDCWD, path, mode, device)


@syscall(support="partial", missing=_NODES_MISSING)
def mknodat(task: Task, dirfd: Int, path: Path, mode: UInt, device: UInt) -> int:
    names.make_node(task, place_at(task, dirfd, path, follow=False), mode)
    return 0


@syscall()
def rmdir(task: Task, path: Path) -> int:
    names.remove_directory(task, place_at(task, AT_FDCWD, path, follow=False))
    return 0


@syscall()
def unlink(task: Task, path: Path) -> int:
    return unlinkat(task, AT_FDCWD, path, 0)


@syscall()
def unlinkat(task: Task, dirfd: Int, path: Path, flags: Int) -> int:
    if flags & ~AT_REMOVEDIR:
        raise Errno(EINVAL)
    place = place_at(task, dirfd, path, follow=False)
    if flags & AT_REMOVEDIR:
        names.remove_directory(task, place)
    else:
        names.unlink(task, place)
    return 0


@syscall()
def rename(task: Task, old: Path, new: Path) -> int:
    return renameat2(task, AT_FDCWD, old, AT_FDCWD, new, 0)


@syscall()
def renameat(task: Task, olddirfd: Int, old: Path, newdirfd: Int, new: Path) -> int:
    return renameat2(task, olddirfd, old, newdirfd, new, 0)


@syscall(support="partial", missing="RENAME_WHITEOUT; below --rw also RENAME_EXCHANGE")
def renameat2(task: Task, olddirfd: Int, old: Path, newdirfd: Int, new: Path, flags: UInt) -> int:
    source = place_at(task, olddirfd, old, follow=False)
    names.rename(task, source, place_at(task, newdirfd, new, follow=False), flags)
    return 0


@syscall()
def link(task: Task, old: Path, new: Path) -> int:
    return linkat(task, AT_FDCWD, old, AT_FDCWD, new, 0)


@syscall()
def linkat(task: Task, olddirfd: Int, old: Path, newdirfd: Int, new: Path, flags: Int) -> int:
    if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
        raise Errno(EINVAL)
    if not old and flags & AT_EMPTY_PATH:
        inode = inode_at(task, olddirfd, old, AT_EMPTY_PATH, AT_EMPTY_PATH)
    else:
        follow = bool(flags & AT_SYMLINK_FOLLOW)
        inode = place_at(task, olddirfd, old, follow=follow).found()
    names.link(task, inode, place_at(task, newdirfd, new, follow=False))
    return 0


@syscall()
def symlink(task: Task, target: Path, path: Path) -> int:
    return symlinkat(task, target, AT_FDCWD, path)


@syscall()
def symlinkat(task: Task, target: Path, dirfd: Int, path: Path) -> int:
    names.make_symlink(task, target, place_at(task, dirfd, path, follow=False))
    return 0


@syscall()
def readlink(task: Task, path: Path, buffer: Pointer, size: Int) -> int:
    return readlinkat(task, AT_FDCWD, path, buffer, size)


@syscall()
def readlinkat(task: Task, dirfd: Int, path: Path, buffer: Pointer, size: Int) -> int:
    if size <= 0:
        raise Errno(EINVAL)
    inode: Inode
    if not path and dirfd != AT_FDCWD:
        inode = task.files.any(dirfd).inode
        wrong = ENOENT
    else:
        inode = place_at(task, dirfd, path, follow=False).found()
        wrong = EINVAL
    if not isinstance(inode, Symlink):
        raise Errno(wrong)
    target = inode.target(task)[:size]
    task.memory.copy_out(buffer, target)
    return len(target)


def _record64(entry: Entry, following: int) -> bytes:
    """struct linux_dirent64, padded to eight bytes."""
    size = DIRENT64.size + len(entry.name) + 1
    padded = -(-size // 8) * 8
    head = DIRENT64.pack(entry.number, following, padded, entry.kind >> 12)
    return (head + entry.name).ljust(padded, b"\0")


def _record_of_word(word: int) -> Callable[[Entry, int], bytes]:
    """struct linux_dirent: padded to a word, with the type in its last byte."""
    layout = DIRENT[word]
    mask = (1 << 8 * word) - 1

    def record(entry: Entry, following: int) -> bytes:
        padded = -(-(layout.size + len(entry.name) + 2) // word) * word
        head = layout.pack(entry.number & mask, following, padded)
        return (head + entry.name).ljust(padded - 1, b"\0") + bytes((entry.kind >> 12,))

    return record


_RECORDS: Final = {word: _record_of_word(word) for word in DIRENT}


@syscall()
def getdents64(task: Task, descriptor: Int, buffer: Pointer, size: UInt) -> int:
    return _getdents(task, descriptor, buffer, size, _record64)


@syscall()
def getdents(task: Task, descriptor: Int, buffer: Pointer, size: UInt) -> int:
    return _getdents(task, descriptor, buffer, size, _RECORDS[task.abi.word])


def _getdents(
    task: Task, descriptor: int, buffer: int, size: int, record: Callable[[Entry, int], bytes]
) -> int:
    file = task.files.get(descriptor)
    if not isinstance(file, DirectoryFile):
        raise Errno(ENOTDIR)
    if file.directory.removed:
        raise Errno(ENOENT)
    records: list[bytes] = []
    room = size
    entries = file.rest(task)
    for entry in entries:
        made = record(entry, file.offset + len(records) + 1)
        if len(made) > room:
            break
        records.append(made)
        room -= len(made)
    if entries and not records:
        raise Errno(EINVAL)
    data = b"".join(records)
    task.memory.copy_out(buffer, data)
    file.offset += len(records)
    return len(data)


@syscall()
def getcwd(task: Task, buffer: Pointer, size: ULong) -> int:
    if task.fs.cwd.removed:
        raise Errno(ENOENT)
    path = task.fs.cwd.path(task.fs.root) + b"\0"
    if len(path) > size:
        raise Errno(ERANGE)
    task.memory.copy_out(buffer, path)
    return len(path)


@syscall()
def chdir(task: Task, path: Path) -> int:
    task.fs.cwd = _enterable(task, place_at(task, AT_FDCWD, path, follow=True).found())
    return 0


@syscall()
def fchdir(task: Task, descriptor: Int) -> int:
    task.fs.cwd = _enterable(task, task.files.any(descriptor).inode)
    return 0


@syscall()
def chroot(task: Task, path: Path) -> int:
    directory = _enterable(task, place_at(task, AT_FDCWD, path, follow=True).found())
    if task.uid != ROOT:
        raise Errno(EPERM)
    task.fs.root = directory
    return 0


def _enterable(task: Task, inode: Inode) -> Directory:
    if not isinstance(inode, Directory):
        raise Errno(ENOTDIR)
    require(task, inode, X_OK)
    return inode
