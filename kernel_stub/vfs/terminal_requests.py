"""What a pseudo-terminal answers to ioctl(2): a row for each request, but those of job control.

ioctl_tty(2); asm-generic/ioctls.h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EINVAL, EIO, ENOTTY, Errno
from kernel_stub.vfs.job_control import INT, JOB_REQUESTS, number_of
from kernel_stub.vfs.packets import FLUSHREAD, FLUSHWRITE
from kernel_stub.vfs.terminals import Terminal

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

TCGETS, TCSETS, TCSETSW, TCSETSF = range(0x5401, 0x5405)
TCSBRK, TCXONC, TCFLSH = 0x5409, 0x540A, 0x540B
TIOCOUTQ, TIOCGWINSZ, TIOCSWINSZ, TCSBRKP = 0x5411, 0x5413, 0x5414, 0x5425
TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK = 0x8004_5430, 0x4004_5431, 0x8004_5439
TIOCPKT, TIOCGPKT = 0x5420, 0x8004_5438
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
        return number_of(self.argument)


def answer(
    task: Caller, terminal: Terminal, request: int, argument: bytes | int, *, is_master: bool
) -> bytes | int:
    """The answer of `terminal`. Raises Errno(ENOTTY): it does not know the request."""
    job = JOB_REQUESTS.get(request)
    row = (OF_MASTERS if is_master else {}).get(request) or REQUESTS.get(request)
    if row is None and job is None:
        raise Errno(ENOTTY)
    if terminal.is_hung_up:
        raise Errno(EIO)
    if job is not None:
        return job(task, terminal, argument, is_master)
    assert row is not None, "one of the two knows it"
    return row(Request(task, terminal, argument, is_master))


def _set_settings(asked: Request) -> int:
    terminal = asked.terminal
    old = copy(terminal.discipline.settings)
    terminal.discipline.set(asked.structure)
    terminal.packets.settings_changed(old, terminal.discipline.settings)
    terminal.tell_master(0)
    return 0


def _set_settings_and_flush(asked: Request) -> int:
    _flush_input(asked.terminal)
    return _set_settings(asked)


def _set_window(asked: Request) -> int:
    asked.terminal.set_window(asked.task, asked.structure)
    return 0


def _flush(asked: Request) -> int:
    if asked.number not in (TCIFLUSH, TCOFLUSH, TCIOFLUSH):
        raise Errno(EINVAL)
    if asked.number != TCOFLUSH:
        _flush_input(asked.terminal)
    if asked.number != TCIFLUSH:
        asked.terminal.shown.clear()
        asked.terminal.tell_master(FLUSHWRITE)
    return 0


def _flush_input(terminal: Terminal) -> None:
    terminal.discipline.flush()
    terminal.tell_master(FLUSHREAD)


def _switch_packets(asked: Request) -> int:
    asked.terminal.packets.switch(asked.number != 0)
    return 0


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
    TIOCGWINSZ: lambda asked: asked.terminal.window,
    TIOCSWINSZ: _set_window,
    TIOCOUTQ: lambda asked: INT.pack(0 if asked.is_master else len(asked.terminal.shown)),
}
OF_MASTERS: Final[Mapping[int, Callable[[Request], bytes | int]]] = {
    TIOCGPTN: lambda asked: INT.pack(asked.terminal.number),
    TIOCSPTLCK: _lock,
    TIOCPKT: _switch_packets,
    TIOCGPKT: lambda asked: INT.pack(int(asked.terminal.packets.is_on)),
    TIOCGPTLCK: lambda asked: INT.pack(int(asked.terminal.is_locked)),
}
