"""Files as the guest sees them, read from outside of it: for debuggers. It changes nothing."""

from __future__ import annotations

import stat
from errno import EFBIG, EINVAL, ENOENT
from typing import Final

from kernel_stub.errno import Errno
from kernel_stub.task import Task
from kernel_stub.vfs.directory import Symlink
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.walk import Walk

_LARGEST_FILE: Final = 256 << 20


def read_file(task: Task, path: bytes) -> bytes:
    """A whole file as `task` sees it. Raises OSError."""
    inode = _find(task, path, follow=True)
    if inode.kind != stat.S_IFREG:
        raise OSError(EINVAL, "not a regular file")
    if inode.size > _LARGEST_FILE:
        raise OSError(EFBIG, "too large")
    try:
        return inode.read_at(0, inode.size)
    except Errno as refused:
        raise OSError(refused.number, "it cannot be read") from None


def read_link(task: Task, path: bytes) -> bytes:
    """Where a symbolic link leads. Raises OSError."""
    inode = _find(task, path, follow=False)
    if not isinstance(inode, Symlink):
        raise OSError(EINVAL, "no symbolic link")
    return inode.target(task)


def _find(task: Task, path: bytes, follow: bool) -> Inode:
    if b"\0" in path:
        raise OSError(ENOENT, "no name has a null byte")
    try:
        found = Walk(task, task.fs.cwd).to(path, follow=follow).inode
    except Errno as refused:
        raise OSError(refused.number, "no such file") from None
    if found is None:
        raise OSError(ENOENT, "no such file")
    return found
