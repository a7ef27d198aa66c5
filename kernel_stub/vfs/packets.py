"""Packet mode: what the master of a pseudo-terminal hears of the slave, beside its bytes.

Each read begins with a byte: 0 before data, else what happened. Nothing stops and starts the output
here, so that is never told. ioctl_tty(2): "TIOCPKT".
"""

from __future__ import annotations

from typing import Final

from kernel_stub.vfs.discipline import Settings

FLUSHREAD, FLUSHWRITE, STOP, START, NOSTOP, DOSTOP, IOCTL = (1 << bit for bit in range(7))
DATA: Final = b"\0"
IXON: Final = 0o2000
EXTPROC: Final = 0o200000
VSTART, VSTOP = 8, 9
_STOP_CHARACTER, _START_CHARACTER = 0x13, 0x11


class Packets:
    """The state of one pair. `status`: what the master has not read."""

    def __init__(self) -> None:
        self.is_on = False
        self.status = 0

    def switch(self, on: bool) -> None:
        if on and not self.is_on:
            self.status = 0
        self.is_on = on

    @property
    def has_news(self) -> bool:
        return self.is_on and self.status != 0

    def tell(self, status: int) -> None:
        """`status` happened at the slave."""
        if self.is_on:
            self.status |= status

    def settings_changed(self, old: Settings, new: Settings) -> None:
        """Of the settings, the master hears whether ^S and ^Q have their meaning."""
        if _has_flow(old) != _has_flow(new):
            self.status &= ~(NOSTOP | DOSTOP)
            self.tell(DOSTOP if _has_flow(new) else NOSTOP)
        if (old.local | new.local) & EXTPROC:
            self.tell(IOCTL)

    def take_status(self) -> bytes:
        status, self.status = self.status, 0
        return bytes([status])


def _has_flow(settings: Settings) -> bool:
    characters = settings.chars[VSTOP], settings.chars[VSTART]
    return bool(settings.input & IXON) and characters == (_STOP_CHARACTER, _START_CHARACTER)
