"""What changes the tree itself, or goes round its paths: refused, to root as well.

The tree of a run is what its options say. mount(2), umount(2), pivot_root(2), swapon(2),
name_to_handle_at(2).
"""

# ruff: noqa: ARG001 - a handler has the parameters of its manual page

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EOPNOTSUPP, EPERM, Errno
from kernel_stub.syscalls.places import (
    AT_EMPTY_PATH,
    AT_SYMLINK_FOLLOW,
    AT_SYMLINK_NOFOLLOW,
    inode_at,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, UInt, syscall
from kernel_stub.task import Task

_FIXED: Final = "the tree is fixed: always EPERM"


@syscall(support="partial", missing=_FIXED)
def mount(
    task: Task, source: Pointer, target: Path, kind: Pointer, flags: Pointer, data: Pointer
) -> int:
    raise Errno(EPERM)


@syscall("umount", "umount2", support="partial", missing=_FIXED)
def umount(task: Task, target: Path) -> int:
    raise Errno(EPERM)


@syscall(support="partial", missing=_FIXED)
def pivot_root(task: Task, new: Path, old: Path) -> int:
    raise Errno(EPERM)


@syscall("swapon", "swapoff", support="partial", missing="there is nothing to swap to: EPERM")
def swapon(task: Task, path: Path) -> int:
    raise Errno(EPERM)


@syscall(support="partial", missing="files have no handles: EOPNOTSUPP")
def name_to_handle_at(
    task: Task, dirfd: Int, path: Path, handle: Pointer, mount_id: Pointer, flags: Int
) -> int:
    follow = 0 if flags & AT_SYMLINK_FOLLOW else AT_SYMLINK_NOFOLLOW
    known = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW
    inode_at(task, dirfd, path, flags & ~AT_SYMLINK_FOLLOW | follow, known)
    raise Errno(EOPNOTSUPP)


@syscall(support="partial", missing="files have no handles: EPERM")
def open_by_handle_at(task: Task, mount_fd: Int, handle: Pointer, flags: UInt) -> int:
    raise Errno(EPERM)
