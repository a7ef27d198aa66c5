"""What ioctl(2) asks of a terminal for job control: its foreground group, its session.

ioctl_tty(2), tcsetpgrp(3), tcgetsid(3).
"""

# ruff: noqa: ARG001 - a request has one signature

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kernel_stub.abi.signals import SIGTTOU
from kernel_stub.abi.structures import INT
from kernel_stub.errno import EINVAL, ENOTTY, EPERM, ESRCH, Errno
from kernel_stub.jobs import members, require_foreground
from kernel_stub.task import Task
from kernel_stub.vfs.terminal import Terminal

TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCNOTTY, TIOCGSID = 0x540E, 0x540F, 0x5410, 0x5422, 0x5429


def _terminal(task: Task, descriptor: int) -> Terminal:
    """The terminal of `descriptor`. Raises Errno."""
    terminal = task.files.get(descriptor).terminal
    if terminal is None:
        raise Errno(ENOTTY)
    return terminal


def _own_terminal(task: Task, descriptor: int) -> Terminal:
    """The same, but it must be the one that controls the caller's session."""
    terminal = _terminal(task, descriptor)
    if terminal.session != task.session:
        raise Errno(ENOTTY)
    return terminal


def _get_group(task: Task, descriptor: int, argument: int) -> int:
    task.memory.pack(INT, argument, _own_terminal(task, descriptor).foreground)
    return 0


def _set_group(task: Task, descriptor: int, argument: int) -> int:
    terminal = _own_terminal(task, descriptor)
    require_foreground(task, terminal, SIGTTOU)
    (group,) = task.memory.unpack(INT, argument)
    if group < 0:
        raise Errno(EINVAL)
    found = members(task.kernel.processes(), group)
    if not found:
        raise Errno(ESRCH)
    if found[0].session != task.session:
        raise Errno(EPERM)
    terminal.foreground = group
    return 0


def _get_session(task: Task, descriptor: int, argument: int) -> int:
    task.memory.pack(INT, argument, _own_terminal(task, descriptor).session)
    return 0


def _take(task: Task, descriptor: int, argument: int) -> int:
    """TIOCSCTTY: a session's leader without a terminal takes one that nobody has."""
    terminal = _terminal(task, descriptor)
    if terminal.session == task.session == task.pid:
        return 0
    if task.session != task.pid or terminal.session:
        raise Errno(EPERM)
    terminal.session, terminal.foreground = task.session, task.process_group
    return 0


def _leave(task: Task, descriptor: int, argument: int) -> int:
    """TIOCNOTTY: when a session's leader gives its terminal up, nobody has it."""
    terminal = _own_terminal(task, descriptor)
    if task.session == task.pid:
        terminal.session = terminal.foreground = 0
    return 0


REQUESTS: Final[Mapping[int, Callable[[Task, int, int], int]]] = {
    TIOCSCTTY: _take,
    TIOCGPGRP: _get_group,
    TIOCSPGRP: _set_group,
    TIOCNOTTY: _leave,
    TIOCGSID: _get_session,
}
