"""What most file system calls begin with: a directory descriptor, a path, flags; and a descriptor.

It registers no call. openat(2): "Rationale for openat() and other directory file descriptor APIs".
"""

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EINVAL, ENOENT, ENOTDIR, Errno
from kernel_stub.task import Task
from kernel_stub.vfs.directory import Directory
from kernel_stub.vfs.inode import Inode, OpenFile
from kernel_stub.vfs.modes import RLIMIT_NOFILE
from kernel_stub.vfs.walk import Place, Walk

AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_REMOVEDIR: Final = 0x200
AT_EACCESS: Final = 0x200
AT_SYMLINK_FOLLOW: Final = 0x400
AT_NO_AUTOMOUNT: Final = 0x800
AT_EMPTY_PATH: Final = 0x1000
AT_STATX_SYNC_TYPE: Final = 0x6000

DEFAULT_NOFILE: Final = 1024


def start_of(task: Task, dirfd: int, path: bytes) -> Directory:
    """Where the walk of `path` begins. Raises Errno."""
    if dirfd == AT_FDCWD or path.startswith(b"/"):
        return task.fs.cwd
    inode = task.files.any(dirfd).inode
    if not isinstance(inode, Directory):
        raise Errno(ENOTDIR)
    return inode


def place_at(task: Task, dirfd: int, path: bytes, *, follow: bool) -> Place:
    """The place that `path` names, seen from `dirfd`. Raises Errno."""
    if not path:
        raise Errno(ENOENT)
    return Walk(task, start_of(task, dirfd, path)).to(path, follow)


def inode_at(task: Task, dirfd: int, path: bytes, flags: int, known: int) -> Inode:
    """The file that (dirfd, path, flags) means; of the AT_* flags, `known` are allowed."""
    if flags & ~known:
        raise Errno(EINVAL)
    if not path and flags & AT_EMPTY_PATH:
        return task.fs.cwd if dirfd == AT_FDCWD else task.files.any(dirfd).inode
    return place_at(task, dirfd, path, follow=not flags & AT_SYMLINK_NOFOLLOW).found()


def path_or_empty(task: Task, pointer: int) -> bytes:
    """The string at `pointer`; a null pointer is the empty path."""
    return task.memory.copy_in_string(pointer) if pointer else b""


def descriptor_limit(task: Task) -> int:
    """RLIMIT_NOFILE: the first descriptor that cannot be had."""
    soft, _ = task.limits.get(RLIMIT_NOFILE, (DEFAULT_NOFILE, DEFAULT_NOFILE))
    return soft if soft >= 0 else 1 << 20


def new_descriptor(task: Task, file: OpenFile, *, cloexec: bool) -> int:
    """The lowest free descriptor, for `file`. Raises Errno(EMFILE)."""
    number = task.files.lowest_free(descriptor_limit(task))
    return task.files.install(number, file, cloexec)
