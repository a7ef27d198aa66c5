"""Whose a terminal is, and what ioctl(2) asks about that: the same for every kind of terminal.

Who may use it from the background, the kernel decides (jobs.py).
credentials(7), "Sessions"; ioctl_tty(2), "Controlling terminal", "Process group and session ID".
"""

# ruff: noqa: ARG001 - a request has one signature

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

from kernel_stub.abi.signals import SIGCONT, SIGHUP, SIGTTOU
from kernel_stub.errno import EINVAL, EIO, ENOTTY, EPERM, ESRCH, Errno

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

INT: Final = Struct("<i")
TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCNOTTY, TIOCGSID = 0x540E, 0x540F, 0x5410, 0x5422, 0x5429


class Controlling:
    """A terminal. `session`: whose controlling terminal it is, 0: nobody's; `group`: in front."""

    def __init__(self) -> None:
        self.session = self.group = 0

    def belongs_to(self, task: Caller) -> bool:
        return bool(self.session) and self.session == task.session

    def become_controlling(self, task: Caller) -> None:
        self.session, self.group = task.session, task.process_group

    def opened_by(self, task: Caller, *, takes: bool) -> None:
        """A leader of a session that has no terminal gets this one, unless it says O_NOCTTY."""
        is_lone_leader = task.pid == task.session and not task.kernel.terminal_of(task.session)
        if takes and is_lone_leader and not self.session:
            self.become_controlling(task)

    def is_left(self, task: Caller) -> None:
        """The session's leader gives it up: its programs hear of it."""
        group, self.session, self.group = self.group, 0, 0
        task.kernel.signal_group(group, SIGHUP)
        task.kernel.signal_group(group, SIGCONT)

    def leader_ended(self, task: Caller) -> None:
        """The session's leader ended: nobody has the terminal, and whoever used it hears so."""
        group, self.session, self.group = self.group, 0, 0
        task.kernel.signal_group(group, SIGHUP)


def number_of(argument: bytes | int) -> int:
    """An int behind the pointer of a request, or the argument itself."""
    if isinstance(argument, int):
        return argument
    value: int = INT.unpack(argument)[0]
    return value


def _take(task: Caller, terminal: Controlling, argument: bytes | int, by_master: bool) -> int:
    """TIOCSCTTY: a leader without a terminal takes one that nobody has."""
    if task.pid != task.session:
        raise Errno(EPERM)
    if terminal.belongs_to(task):
        return 0
    if terminal.session or task.kernel.terminal_of(task.session):
        raise Errno(EPERM)
    terminal.become_controlling(task)
    return 0


def _require_own(task: Caller, terminal: Controlling, by_master: bool) -> None:
    """It is the caller's controlling terminal, or asked through its master."""
    if not by_master and not terminal.belongs_to(task):
        raise Errno(ENOTTY)


def _leave(task: Caller, terminal: Controlling, argument: bytes | int, by_master: bool) -> int:
    _require_own(task, terminal, by_master)
    if task.pid == task.session:
        terminal.is_left(task)
    return 0


def _group(task: Caller, terminal: Controlling, argument: bytes | int, by_master: bool) -> bytes:
    _require_own(task, terminal, by_master)
    return INT.pack(terminal.group)


def _set_group(task: Caller, terminal: Controlling, argument: bytes | int, by_master: bool) -> int:
    if not terminal.belongs_to(task):
        raise Errno(ENOTTY)
    try:
        task.kernel.require_foreground(task, terminal, SIGTTOU)
    except Errno as refused:
        raise Errno(ENOTTY) if refused.number == EIO else refused from None
    group = number_of(argument)
    if group < 0:
        raise Errno(EINVAL)
    session = task.kernel.session_of_group(group)
    if session != task.session:
        raise Errno(EPERM if session else ESRCH)
    terminal.group = group
    return 0


def _session(task: Caller, terminal: Controlling, argument: bytes | int, by_master: bool) -> bytes:
    _require_own(task, terminal, by_master)
    if not terminal.session:
        raise Errno(ENOTTY)
    return INT.pack(terminal.session)


# (who asks, of which terminal, what came with the request, whether a master is asked)
Answer: TypeAlias = "Callable[[Caller, Controlling, bytes | int, bool], bytes | int]"
JOB_REQUESTS: Final[Mapping[int, Answer]] = {
    TIOCSCTTY: _take,
    TIOCNOTTY: _leave,
    TIOCGPGRP: _group,
    TIOCSPGRP: _set_group,
    TIOCGSID: _session,
}
