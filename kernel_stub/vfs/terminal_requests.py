"""What a pseudo-terminal answers to ioctl(2): a row for each request.

ioctl_tty(2); asm-generic/ioctls.h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EINVAL, EIO, ENOTTY, EPERM, ESRCH, Errno
from kernel_stub.vfs.terminals import Terminal

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

INT: Final = Struct("<i")
TCGETS, TCSETS, TCSETSW, TCSETSF = range(0x5401, 0x5405)
TCSBRK, TCXONC, TCFLSH = 0x5409, 0x540A, 0x540B
TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ = 0x540E, 0x540F, 0x5410, 0x5411
TIOCGWINSZ, TIOCSWINSZ, TIOCNOTTY, TCSBRKP, TIOCGSID = 0x5413, 0x5414, 0x5422, 0x5425, 0x5429
TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK = 0x8004_5430, 0x4004_5431, 0x8004_5439
TCIFLUSH, TCOFLUSH, TCIOFLUSH = range(3)


class Request:
    """One ioctl: who asks, of which terminal, from which end, with what."""

    def __init__(
        self, task: Caller, terminal: Terminal, argument: bytes | int, is_master: bool
    ) -> None:
        self.task = task
        self.terminal = terminal
        self.argument = argument
        self.is_master = is_master

    @property
    def structure(self) -> bytes:
        assert isinstance(self.argument, bytes), "the request carries a structure"
        return self.argument

    @property
    def number(self) -> int:
        """An int behind the pointer, or the argument itself."""
        if isinstance(self.argument, int):
            return self.argument
        value: int = INT.unpack(self.argument)[0]
        return value


def answer(
    task: Caller, terminal: Terminal, request: int, argument: bytes | int, *, is_master: bool
) -> bytes | int:
    """The answer of `terminal`. Raises Errno(ENOTTY): it does not know the request."""
    row = (OF_MASTERS if is_master else {}).get(request) or REQUESTS.get(request)
    if row is None:
        raise Errno(ENOTTY)
    if terminal.is_hung_up:
        raise Errno(EIO)
    return row(Request(task, terminal, argument, is_master))


def _set_settings(asked: Request) -> int:
    asked.terminal.discipline.set(asked.structure)
    return 0


def _set_settings_and_flush(asked: Request) -> int:
    asked.terminal.discipline.flush()
    return _set_settings(asked)


def _set_window(asked: Request) -> int:
    asked.terminal.set_window(asked.task, asked.structure)
    return 0


def _flush(asked: Request) -> int:
    if asked.number not in (TCIFLUSH, TCOFLUSH, TCIOFLUSH):
        raise Errno(EINVAL)
    if asked.number != TCOFLUSH:
        asked.terminal.discipline.flush()
    if asked.number != TCIFLUSH:
        asked.terminal.shown.clear()
    return 0


def _take(asked: Request) -> int:
    """TIOCSCTTY: a leader without a terminal takes one that nobody has."""
    task, terminal = asked.task, asked.terminal
    if terminal.belongs_to(task):
        return 0
    if task.pid != task.session or terminal.session:
        raise Errno(EPERM)
    terminal.become_controlling(task)
    return 0


def _require_own(asked: Request) -> None:
    """It is the caller's controlling terminal, or asked through its master."""
    if not asked.is_master and not asked.terminal.belongs_to(asked.task):
        raise Errno(ENOTTY)


def _leave(asked: Request) -> int:
    _require_own(asked)
    if asked.task.pid == asked.task.session:
        asked.terminal.is_left(asked.task)
    return 0


def _foreground(asked: Request) -> bytes:
    _require_own(asked)
    return INT.pack(asked.terminal.group)


def _set_foreground(asked: Request) -> int:
    task, group = asked.task, asked.number
    if not asked.terminal.belongs_to(task):
        raise Errno(ENOTTY)
    if group < 0:
        raise Errno(EINVAL)
    require_group(task, group)
    asked.terminal.group = group
    return 0


def require_group(task: Caller, group: int) -> None:
    """There is such a group, in the session of `task`. Raises Errno: ESRCH, EPERM."""
    session = task.kernel.session_of_group(group)
    if session != task.session:
        raise Errno(EPERM if session else ESRCH)


def _session(asked: Request) -> bytes:
    _require_own(asked)
    if not asked.terminal.session:
        raise Errno(ENOTTY)
    return INT.pack(asked.terminal.session)


def _lock(asked: Request) -> int:
    asked.terminal.is_locked = asked.number != 0
    return 0


REQUESTS: Final[Mapping[int, Callable[[Request], bytes | int]]] = {
    TCGETS: lambda asked: asked.terminal.discipline.settings.packed(),
    TCSETS: _set_settings,
    TCSETSW: _set_settings,
    TCSETSF: _set_settings_and_flush,
    TCSBRK: lambda asked: 0,
    TCSBRKP: lambda asked: 0,
    TCFLSH: _flush,
    TIOCSCTTY: _take,
    TIOCNOTTY: _leave,
    TIOCGPGRP: _foreground,
    TIOCSPGRP: _set_foreground,
    TIOCGSID: _session,
    TIOCGWINSZ: lambda asked: asked.terminal.window,
    TIOCSWINSZ: _set_window,
    TIOCOUTQ: lambda asked: INT.pack(0 if asked.is_master else len(asked.terminal.shown)),
}
OF_MASTERS: Final[Mapping[int, Callable[[Request], bytes | int]]] = {
    TIOCGPTN: lambda asked: INT.pack(asked.terminal.number),
    TIOCSPTLCK: _lock,
    TIOCGPTLCK: lambda asked: INT.pack(int(asked.terminal.is_locked)),
}
