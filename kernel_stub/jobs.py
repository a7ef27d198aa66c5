"""Job control: who has the terminal, and what happens to those who use it without.

It sends signals to groups of processes. credentials(7), "Sessions"; tty_ioctl(4), "Job control";
setpgid(2), "orphaned process group".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.signals import SI_KERNEL, SIGTTIN
from kernel_stub.errno import EIO, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.protocol import Services
from kernel_stub.task import Task

if TYPE_CHECKING:
    from kernel_stub.vfs.job_control import Controlling

FIRST_SESSION: Final = 1  # that of the shell which started the first program: pid 1 here


def members(processes: Iterable[Process], group: int) -> list[Process]:
    """The living processes of `group`."""
    return [process for process in processes if process.group == group and process.is_alive]


def is_orphaned(processes: Iterable[Process], group: int, ended: Process | None = None) -> bool:
    """Whether nobody could continue the stopped processes of `group`.

    `ended` counts as if it were there still.
    """
    jobs = members(processes, group)
    if ended is not None and ended.group == group:
        jobs.append(ended)
    return not any(_has_a_keeper(process) for process in jobs)


def _has_a_keeper(process: Process) -> bool:
    parent = process.parent
    if parent is None:
        return process.session == FIRST_SESSION and not process.is_adopted
    return parent.session == process.session and parent.group != process.group


def signal_group(kernel: Services, group: int, signal: int) -> None:
    """The terminal sends `signal` to every process of `group`."""
    for process in members(kernel.processes(), group):
        kernel.send(process, SigInfo(signal, SI_KERNEL))


def require_foreground(task: Task, terminal: Controlling, signal: int) -> None:
    """Only the foreground group may do that: others are sent `signal`, SIGTTIN or SIGTTOU.

    Raises:
        Errno: EIO, nobody could ever continue it; or what an interrupted call ends with.
        Blocked: the call is made again once the signal has come.
    """
    process = task.process
    if process.session != terminal.session or process.group == terminal.group:
        return
    if task.ignores(signal) or task.blocks(signal):
        if signal == SIGTTIN:
            raise Errno(EIO)
        return
    if is_orphaned(task.kernel.processes(), process.group):
        raise Errno(EIO)
    if not task.interrupted:
        signal_group(task.kernel, process.group, signal)
    task.kernel.block(task, "its turn at the terminal", _at_once)


def _at_once() -> bool:
    return True
