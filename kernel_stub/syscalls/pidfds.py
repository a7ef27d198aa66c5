"""System calls by a descriptor of a process: to get one, to signal, to take a file.

Waiting for one is children.py's, making one with a child creation.py's.
pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
"""

from __future__ import annotations

from typing import Any, Final

from kernel_stub.abi.process_structures import INT
from kernel_stub.errno import EBADF, EINVAL, ENOENT, EPERM, ESRCH, Errno
from kernel_stub.process import Process
from kernel_stub.syscalls.events import anonymous, install
from kernel_stub.syscalls.places import new_descriptor
from kernel_stub.syscalls.sending import may_signal, queued, require_signal
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.modes import O_CLOEXEC, O_NONBLOCK
from kernel_stub.vfs.pidfd import PidFile
from kernel_stub.vfs.procfs import TaskDirectory

PIDFD_THREAD: Final = 0o200  # O_EXCL
# pidfd_send_signal's flags: whom the signal reaches, whatever the descriptor stands for.
SIGNAL_THREAD, SIGNAL_THREAD_GROUP, SIGNAL_PROCESS_GROUP = 1, 2, 4


def pid_file(task: Task, process: Process, thread: Task | None, flags: int) -> PidFile:
    """A description of `process`, or of its `thread` alone."""
    kept = flags & (O_NONBLOCK | PIDFD_THREAD)
    file = PidFile(anonymous(task), process, thread, kept)
    file.flags |= kept  # PIDFD_THREAD is a flag of opening otherwise
    return file


def give(task: Task, file: PidFile) -> int:
    """A descriptor for it, which exec closes. Raises Errno(EMFILE)."""
    return install(task, file, b"pidfd", O_CLOEXEC)


@syscall()
def pidfd_open(task: Task, pid: Int, flags: UInt) -> int:
    if flags & ~(O_NONBLOCK | PIDFD_THREAD) or pid <= 0:
        raise Errno(EINVAL)
    process = task.kernel.process(pid)
    thread = task.kernel.find_task(pid)
    if process is None and thread is None:
        raise Errno(ESRCH)
    if flags & PIDFD_THREAD:
        whose = thread.process if thread is not None else process
        assert whose is not None, "one of the two was found"
        return give(task, pid_file(task, whose, thread, flags))
    if process is None:
        raise Errno(ENOENT)  # a thread that leads no process
    return give(task, pid_file(task, process, None, flags))


def _opened(task: Task, descriptor: int) -> PidFile:
    """The description behind a descriptor of a process. Raises Errno(EBADF)."""
    file = task.files.get(descriptor)
    if not isinstance(file, PidFile):
        raise Errno(EBADF)
    return file


def process_waited_for(task: Task, descriptor: int) -> tuple[Process, bool]:
    """For waitid(2): the process, and whether nobody waits. Raises Errno(EBADF)."""
    file = _opened(task, descriptor)
    process: Process = file.process
    return process, bool(file.flags & O_NONBLOCK)


@syscall()
def pidfd_send_signal(task: Task, descriptor: Int, signal: Int, info: Pointer, flags: UInt) -> int:
    if flags not in (0, SIGNAL_THREAD, SIGNAL_THREAD_GROUP, SIGNAL_PROCESS_GROUP):
        raise Errno(EINVAL)
    process, thread = _signalled(task, descriptor, flags)
    target = thread if thread is not None else process
    sent = queued(task, process.pid, signal, info) if info else require_signal(task, signal)
    if info and task.memory.unpack(INT, info)[0] != signal:
        raise Errno(EINVAL)
    if process.is_reaped:
        raise Errno(ESRCH)
    group = [process]
    if flags == SIGNAL_PROCESS_GROUP:
        group = [one for one in task.kernel.processes() if one.group == process.pid]
    allowed = [one for one in group if may_signal(task, one, signal)]
    if not allowed:
        raise Errno(EPERM if group else ESRCH)
    for one in allowed if signal else ():
        task.kernel.send(target if one is process else one, sent)
    return 0


def _signalled(task: Task, descriptor: int, flags: int) -> tuple[Process, Task | None]:
    """The process that a descriptor means, and the thread if it is only that one."""
    file = task.files.any(descriptor)
    if isinstance(file.inode, TaskDirectory):
        whose: Any = file.inode.whose or task
        return whose.process, whose if flags == SIGNAL_THREAD else None
    pid_file = _opened(task, descriptor)
    process: Process = pid_file.process
    thread: Any = pid_file.thread
    if flags == SIGNAL_THREAD and thread is None and process.threads:
        thread = process.threads[0]
    if thread is not None and (pid_file.is_gone or pid_file.has_ended):
        raise Errno(ESRCH)
    return process, thread if flags in (0, SIGNAL_THREAD) else None


@syscall()
def pidfd_getfd(task: Task, descriptor: Int, wanted: Int, flags: UInt) -> int:
    if flags:
        raise Errno(EINVAL)
    file = _opened(task, descriptor)
    process: Process = file.process
    if not process.threads:
        raise Errno(ESRCH)
    whose: Any = process.threads[0] if file.thread is None else file.thread
    if not task.may_look_into(whose):
        raise Errno(EPERM)
    return new_descriptor(task, whose.files.any(wanted), cloexec=True)
