"""Making pipes.

pipe(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EINVAL, Errno
from kernel_stub.syscalls.places import descriptor_limit
from kernel_stub.syscalls.table import Int, Pointer, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import Attributes
from kernel_stub.vfs.modes import O_CLOEXEC, O_DIRECT, O_NONBLOCK
from kernel_stub.vfs.pipes import make_pipe

PIPEFS_DEVICE: Final = 12


def _attributes(task: Task, mode: int, device: int) -> Attributes:
    return task.fs.root.storage.fresh(task, mode, device)


@syscall()
def pipe(task: Task, ends: Pointer) -> int:
    return pipe2(task, ends, 0)


@syscall(support="partial", missing="a wait that cannot end is a deadlock")
def pipe2(task: Task, ends: Pointer, flags: Int) -> int:
    if flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT):
        raise Errno(EINVAL)
    reader, writer = make_pipe(_attributes(task, 0o600, PIPEFS_DEVICE), flags & ~O_CLOEXEC)
    first = task.files.lowest_free(descriptor_limit(task))
    second = task.files.lowest_free(descriptor_limit(task), first + 1)
    task.memory.copy_out(ends, first.to_bytes(4, "little") + second.to_bytes(4, "little"))
    task.files.install(first, reader, bool(flags & O_CLOEXEC))
    task.files.install(second, writer, bool(flags & O_CLOEXEC))
    return 0
