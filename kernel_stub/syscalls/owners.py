"""Who owns a descriptor, and hears by a signal that there is something to read (O_ASYNC).

Pipes and sockets can tell so. Owners are found when the signal is sent, by their number.
fcntl(2): "Managing signals".
"""

# ruff: noqa: ARG001 - a command of fcntl has one signature

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final, NamedTuple

from kernel_stub.abi.signals import LAST_SIGNAL, SI_KERNEL, SIGIO
from kernel_stub.errno import EINVAL, ESRCH, Errno
from kernel_stub.jobs import members
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.protocol import Services
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.modes import O_ASYNC, POLLIN, POLLRDNORM

F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG = range(8, 12)
F_SETOWN_EX, F_GETOWN_EX = 15, 16
F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = range(3)
OWNER_EX: Final = Struct("<2i")
POLL_IN: Final = 1  # the si_code of "there is something to read"
_BAND_IN: Final = POLLIN | POLLRDNORM


class Ownership(NamedTuple):
    """Who hears of an open file (number 0: nobody), and by which signal (0: SIGIO)."""

    kind: int = F_OWNER_PID
    number: int = 0
    uid: int = 0
    signal: int = 0


NOBODY: Final = Ownership()


def owner_of(file: OpenFile) -> Ownership:
    found = file.owner
    return found if isinstance(found, Ownership) else NOBODY


def _targets(kernel: Services, kind: int, number: int) -> list[Task | Process]:
    if kind == F_OWNER_TID:
        thread = kernel.find_task(number)
        return [] if thread is None else [thread]
    if kind == F_OWNER_PID:
        process = kernel.process(number)
        return [] if process is None else [process]
    return list(members(kernel.processes(), number))


def _uid_of(target: Task | Process) -> int:
    if isinstance(target, Process):
        return target.threads[0].uid if target.threads else -1
    return target.uid


def _set(task: Task, descriptor: int, kind: int, number: int) -> int:
    file = task.files.get(descriptor)
    if number and not _targets(task.kernel, kind, number):
        raise Errno(ESRCH)
    file.owner = Ownership(kind, number, task.uid, owner_of(file).signal)
    return 0


def _set_owner(task: Task, descriptor: int, argument: int) -> int:
    number = (argument & 0xFFFF_FFFF ^ 1 << 31) - (1 << 31)
    if number == -1 << 31:
        raise Errno(EINVAL)
    return _set(task, descriptor, F_OWNER_PGRP if number < 0 else F_OWNER_PID, abs(number))


def _living(task: Task, descriptor: int) -> Ownership:
    """The owner, or nobody when that is gone."""
    owner = owner_of(task.files.get(descriptor))
    return owner if _targets(task.kernel, owner.kind, owner.number) else NOBODY


def _get_owner(task: Task, descriptor: int, argument: int) -> int:
    owner = _living(task, descriptor)
    return -owner.number if owner.kind == F_OWNER_PGRP else owner.number


def _set_owner_ex(task: Task, descriptor: int, argument: int) -> int:
    kind, number = task.memory.unpack(OWNER_EX, argument)
    if kind not in range(3):
        raise Errno(EINVAL)
    return _set(task, descriptor, kind, number)


def _get_owner_ex(task: Task, descriptor: int, argument: int) -> int:
    owner = owner_of(task.files.get(descriptor))
    task.memory.pack(OWNER_EX, argument, owner.kind, _living(task, descriptor).number)
    return 0


def _set_signal(task: Task, descriptor: int, argument: int) -> int:
    if argument > LAST_SIGNAL:
        raise Errno(EINVAL)
    file = task.files.get(descriptor)
    file.owner = owner_of(file)._replace(signal=argument)
    return 0


def _get_signal(task: Task, descriptor: int, argument: int) -> int:
    return owner_of(task.files.get(descriptor)).signal


COMMANDS: Final[Mapping[int, Callable[[Task, int, int], int]]] = {
    F_SETOWN: _set_owner,
    F_GETOWN: _get_owner,
    F_SETSIG: _set_signal,
    F_GETSIG: _get_signal,
    F_SETOWN_EX: _set_owner_ex,
    F_GETOWN_EX: _get_owner_ex,
}


def set_asynchronous(task: Task, descriptor: int, file: OpenFile, wanted: bool) -> None:
    """O_ASYNC, for files that can tell."""
    pulses, kernel = file.pulses, task.kernel
    if pulses is None:
        return
    if not wanted:
        pulses.listeners.pop(file, None)
        file.flags &= ~O_ASYNC
        return
    file.flags |= O_ASYNC
    if file.readable:
        pulses.listeners[file] = lambda: _tell(kernel, descriptor, owner_of(file))


def _tell(kernel: Services, descriptor: int, owner: Ownership) -> None:
    """There is something to read: the owner's processes hear of it."""
    sent = SigInfo(SIGIO, SI_KERNEL)
    if owner.signal:
        sent = SigInfo(owner.signal, POLL_IN, band=_BAND_IN, descriptor=descriptor)
    for target in _targets(kernel, owner.kind, owner.number) if owner.number else []:
        if owner.uid in (0, _uid_of(target)):
            kernel.send(target, sent)
