"""Descriptors that are no files: how they are made, and event counters.

eventfd(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EINVAL, Errno
from kernel_stub.syscalls.places import new_descriptor
from kernel_stub.syscalls.table import Int, UInt, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.events import Event, EventFile
from kernel_stub.vfs.inode import Attributes, OpenFile
from kernel_stub.vfs.modes import O_CLOEXEC, O_NONBLOCK

EFD_SEMAPHORE: Final = 1
ANONYMOUS_DEVICE: Final = 13


def anonymous(task: Task) -> Attributes:
    """The attributes of an inode that has no name anywhere."""
    return task.fs.root.storage.fresh(task, 0o600, ANONYMOUS_DEVICE)


def install(task: Task, file: OpenFile, sort: bytes, flags: int) -> int:
    """A descriptor for `file`, which /proc calls an anon_inode of `sort`."""
    file.path = b"anon_inode:[%s]" % sort
    return new_descriptor(task, file, cloexec=bool(flags & O_CLOEXEC))


@syscall()
def eventfd(task: Task, count: UInt) -> int:
    return eventfd2(task, count, 0)


@syscall()
def eventfd2(task: Task, count: UInt, flags: Int) -> int:
    if flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK):
        raise Errno(EINVAL)
    event = Event(anonymous(task), count, bool(flags & EFD_SEMAPHORE))
    return install(task, EventFile(event, flags & O_NONBLOCK), b"eventfd", flags)
