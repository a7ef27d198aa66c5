"""What ioctl(2) takes to terminals and back, as strace writes it.

ioctl_tty(2), termios(3).
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

from kernel_stub.trace import names, talk_names, text
from kernel_stub.trace.kinds import Called, Kind, Later, descriptor, signed
from kernel_stub.vfs.discipline import TERMIOS

_WINSIZE: Final = Struct("<4H")
_SPEED: Final = 0xF  # of c_cflag
_SIZES: Final = {0: "CS5", 0x10: "CS6", 0x20: "CS7", 0x30: "CS8"}
_SPEEDS: Final = {0: "B0", 0xD: "B9600", 0xE: "B19200", 0xF: "B38400"}


def _number(c: Called, i: int) -> str:
    return f"[{signed(int.from_bytes(c.read(c.values[i], 4), 'little'))}]"


def _window(c: Called, i: int) -> str:
    rows, columns, x, y = c.task.memory.unpack(_WINSIZE, c.values[i])
    return f"{{ws_row={rows}, ws_col={columns}, ws_xpixel={x}, ws_ypixel={y}}}"


def _settings(c: Called, i: int) -> str:
    """struct termios; the kinds of delays of c_oflag are all 0."""
    fields = c.task.memory.unpack(TERMIOS, c.values[i])
    given, written, control, local = fields[:4]
    output = "|".join(["NL0|CR0|TAB0|BS0|VT0|FF0", *_named(written, talk_names.TTY_OUTPUT)])
    speed = _SPEEDS.get(control & _SPEED, f"{control & _SPEED:#x}")
    size = _SIZES[control & 0x30]
    rest = _named(control & ~0x3F, talk_names.TTY_CONTROL)
    shown = (
        f"c_iflag={'|'.join(_named(given, talk_names.TTY_INPUT))}",
        f"c_oflag={output}",
        f"c_cflag={'|'.join([speed, size, *rest])}",
        f"c_lflag={'|'.join(_named(local, talk_names.TTY_LOCAL))}",
    )
    return "{" + ", ".join(shown) + ", ...}"


def _named(value: int, table: Mapping[str, int]) -> list[str]:
    return [text.bits(value, table)] if value else []


# By the request: how its argument is written, and whether only the answer tells it.
_ARGUMENTS: Final[Mapping[str, tuple[Kind, bool]]] = {
    **dict.fromkeys(("FIONBIO", "TIOCSPGRP", "TIOCSPTLCK"), (_number, False)),
    **dict.fromkeys(("FIONREAD", "TIOCGPGRP", "TIOCGSID", "TIOCGPTN", "TIOCOUTQ"), (_number, True)),
    "TIOCGWINSZ": (_window, True),
    "TIOCSWINSZ": (_window, False),
    "TCGETS": (_settings, True),
    **dict.fromkeys(("TCSETS", "TCSETSW", "TCSETSF"), (_settings, False)),
    "FICLONE": (lambda c, i: descriptor(c, signed(c.values[i])), False),
}


def _request(c: Called, i: int) -> str:
    return text.one_of(c.values[i] & 0xFFFF_FFFF, names.IOCTL, "_IO")


def _known(c: Called, i: int) -> tuple[Kind, bool] | None:
    return _ARGUMENTS.get(names.IOCTL.get(c.values[i - 1] & 0xFFFF_FFFF, ""))


def _argument_before(c: Called, i: int) -> str:
    known = _known(c, i)
    if known is None:
        return text.address(c.values[i])
    if known[1]:
        raise Later
    return known[0](c, i)


def _argument_after(c: Called, i: int) -> str:
    known = _known(c, i)
    assert known is not None, "it was known before the answer"
    return known[0](c, i)


INPUTS: Final[Mapping[str, Kind]] = {"ioctl": _request, "ioctl_argument": _argument_before}
OUTPUTS: Final[Mapping[str, Kind]] = {"ioctl_argument": _argument_after}
