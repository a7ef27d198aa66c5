"""System calls that name a process by a descriptor: it never means another one.

pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
"""

from __future__ import annotations

from typing import Any

from kernel_stub.abi.process_structures import INT
from kernel_stub.abi.signals import SI_USER
from kernel_stub.errno import EBADF, EINVAL, EPERM, ESRCH, Errno
from kernel_stub.process import Process
from kernel_stub.signalling.pidfd import PidFile
from kernel_stub.syscalls.events import anonymous, install
from kernel_stub.syscalls.places import new_descriptor
from kernel_stub.syscalls.sending import may_signal, queued, sent_by
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.modes import O_CLOEXEC, O_NONBLOCK
from kernel_stub.vfs.procfs import TaskDirectory


def install_pidfd(task: Task, process: Process, flags: int = 0) -> int:
    """A new descriptor of `process`. Raises Errno(EMFILE)."""
    return install(task, PidFile(anonymous(task), process, flags), b"pidfd", O_CLOEXEC)


def pidfd_of(task: Task, descriptor: int) -> PidFile:
    """What `descriptor` stands for. Raises Errno(EBADF)."""
    file = task.files.get(descriptor)
    if not isinstance(file, PidFile):
        raise Errno(EBADF)
    return file


@syscall()
def pidfd_open(task: Task, pid: Int, flags: UInt) -> int:
    if flags & ~O_NONBLOCK or pid <= 0:
        raise Errno(EINVAL)
    process = task.kernel.process(pid)
    if process is None:
        raise Errno(EINVAL if task.kernel.find_task(pid) else ESRCH)
    return install_pidfd(task, process, flags)


@syscall()
def pidfd_send_signal(
    task: Task, descriptor: Int, signal: Int, pointer: Pointer, flags: UInt
) -> int:
    if flags:
        raise Errno(EINVAL)
    process = _named_by(task, descriptor)
    if pointer:
        (named,) = task.memory.unpack(INT, pointer)
        if named != signal:
            raise Errno(EINVAL)
        sent = queued(task, process.pid, signal, pointer)
    else:
        sent = sent_by(task, signal, SI_USER)
    if task.kernel.process(process.pid) is not process:
        raise Errno(ESRCH)
    if not may_signal(task, process, signal):
        raise Errno(EPERM)
    if signal:
        task.kernel.send(process, sent)
    return 0


def _named_by(task: Task, descriptor: int) -> Process:
    """The process of a pidfd, or of a directory /proc/PID. Raises Errno(EBADF)."""
    inode = task.files.get(descriptor).inode
    if not isinstance(inode, TaskDirectory):
        return pidfd_of(task, descriptor).process
    named: Any = inode.whose or task  # a Caller of the files is a Task
    process: Process = named.process
    return process


@syscall()
def pidfd_getfd(task: Task, descriptor: Int, other: Int, flags: UInt) -> int:
    if flags:
        raise Errno(EINVAL)
    process = pidfd_of(task, descriptor).process
    if not process.is_alive:
        raise Errno(ESRCH)
    owner = process.threads[0]
    if task.uid not in (0, owner.uid):
        raise Errno(EPERM)
    return new_descriptor(task, owner.files.any(other), cloexec=True)
