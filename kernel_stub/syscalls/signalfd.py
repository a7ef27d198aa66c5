"""Descriptors that signals are read from: signalfd, signalfd4.

signalfd(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.process_structures import SIGSET
from kernel_stub.abi.signals import SIGKILL, SIGSTOP, signal_bit
from kernel_stub.errno import EINVAL, Errno
from kernel_stub.signalling.descriptor import SignalFile
from kernel_stub.syscalls.events import anonymous, install
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.modes import O_CLOEXEC, O_NONBLOCK

NEVER_TAKEN: Final = signal_bit(SIGKILL) | signal_bit(SIGSTOP)


@syscall()
def signalfd(task: Task, descriptor: Int, mask: Pointer, size: ULong) -> int:
    return signalfd4(task, descriptor, mask, size, 0)


@syscall()
def signalfd4(task: Task, descriptor: Int, mask: Pointer, size: ULong, flags: Int) -> int:
    if size != SIGSET.size:
        raise Errno(EINVAL)
    wanted = task.memory.unpack(SIGSET, mask)[0] & ~NEVER_TAKEN
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise Errno(EINVAL)
    if descriptor == -1:
        file = SignalFile(anonymous(task), wanted, flags & O_NONBLOCK)
        return install(task, file, b"signalfd", flags)
    opened = task.files.get(descriptor)
    if not isinstance(opened, SignalFile):
        raise Errno(EINVAL)
    opened.mask = wanted
    return descriptor
