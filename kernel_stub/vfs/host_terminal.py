"""The user's terminal and its settings; whose it is, job_control.py knows.

Unless it is lent, the user's own terminal is never changed: settings are remembered and told back.
Who may read or change it is decided by the kernel. ioctl_tty(2), termios(3), credentials(7).
"""

from __future__ import annotations

import fcntl
import termios
from collections.abc import Callable
from typing import Any, Final

from kernel_stub.abi.structures import TERMIOS_SIZE, WINSIZE_SIZE
from kernel_stub.errno import ENOTTY, Errno
from kernel_stub.vfs.host import ask
from kernel_stub.vfs.job_control import Controlling

READS: Final = {termios.TCGETS: TERMIOS_SIZE, termios.TIOCGWINSZ: WINSIZE_SIZE}
# A request that changes settings: the one that reads them.
WRITES: Final = {
    termios.TCSETS: termios.TCGETS,
    termios.TCSETSW: termios.TCGETS,
    termios.TCSETSF: termios.TCGETS,
    termios.TIOCSWINSZ: termios.TIOCGWINSZ,
}
# Requests with a number: drain, flow, flush.
ORDERS: Final = (termios.TCSBRK, termios.TCSBRKP, termios.TCXONC, termios.TCFLSH)
_LOCAL_FLAGS: Final = slice(12, 16)  # c_lflag of struct termios


class HostTerminal(Controlling):
    """A terminal of the host, as the program sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_lent = False  # the program may change the user's terminal itself
        self.is_changed = False  # and did
        self.settings: dict[int, bytes] = {}  # remembered, by the request that reads them

    def control(
        self, host: Callable[..., Any], descriptor: int, request: int, argument: bytes | int
    ) -> bytes | int:
        """Answers an ioctl about settings. Raises Errno(ENOTTY): it knows no such request."""
        if request in READS:
            told: bytes = self.settings.get(request) or ask(
                host, fcntl.ioctl, descriptor, request, bytes(READS[request])
            )
            return told
        if request not in WRITES and request not in ORDERS:
            raise Errno(ENOTTY)
        if self.is_lent:
            self.is_changed |= request in WRITES
            ask(host, fcntl.ioctl, descriptor, request, argument)
        elif request in WRITES:
            assert isinstance(argument, bytes), "the request carries a structure"
            self.settings[WRITES[request]] = argument
        return 0

    def stops_background_output(self, host: Callable[..., Any], descriptor: int) -> bool:
        """TOSTOP, of stty(1)."""
        settings = self.control(host, descriptor, termios.TCGETS, 0)
        assert isinstance(settings, bytes), "TCGETS gives a structure"
        return bool(int.from_bytes(settings[_LOCAL_FLAGS], "little") & termios.TOSTOP)
