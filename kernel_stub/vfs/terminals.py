"""Pseudo-terminals: the pairs of one machine, what is on their way, and whose they are.

What a typed byte does, discipline.py knows; the two ends as open files, terminal_files.py.
pty(7), pts(4); credentials(7), "Process group ID and session ID".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernel_stub.abi.signals import SIGWINCH
from kernel_stub.errno import ENOSPC, Errno
from kernel_stub.vfs.discipline import NOFLSH, Discipline
from kernel_stub.vfs.job_control import Controlling
from kernel_stub.vfs.packets import FLUSHREAD, FLUSHWRITE, Packets
from kernel_stub.vfs.pulses import Pulses

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel_stub.vfs.caller import Caller
    from kernel_stub.vfs.inode import Inode

MOST_TERMINALS: Final = 4096
WINDOW: Final = bytes(8)  # struct winsize


class Terminal(Controlling):
    """One pair."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.discipline = Discipline()
        self.shown = bytearray()  # what the master reads
        self.window = WINDOW
        self.is_locked = True
        self.owner = (0, 0)
        self.slaves = 0
        self.had_slaves = self.is_hung_up = False
        self.master_pulses = Pulses()
        self.slave_pulses = Pulses()
        self.packets = Packets()

    def tell_master(self, status: int) -> None:
        """What happened, for a master in packet mode."""
        self.packets.tell(status)
        if self.packets.has_news:
            self.master_pulses.wake_readers()

    def show(self, data: bytes) -> None:
        if data:
            self.shown += data
            self.master_pulses.wake_readers()

    def type(self, task: Caller, data: bytes) -> None:
        """The master writes: somebody types."""
        for byte in data:
            signal = self.discipline.type(byte)
            if signal and not self.discipline.settings.local & NOFLSH:
                self.shown.clear()
                self.tell_master(FLUSHREAD | FLUSHWRITE)
            self.show(self.discipline.take_echo())
            if signal and self.group:
                task.kernel.signal_group(self.group, signal)
        self.slave_pulses.wake_readers()

    def set_window(self, task: Caller, window: bytes) -> None:
        changed, self.window = self.window != window, window
        if changed and self.group:
            task.kernel.signal_group(self.group, SIGWINCH)

    def hang_up(self, task: Caller) -> None:
        """The master was closed: nobody types any more."""
        self.is_hung_up = True
        if self.session:
            self.is_left(task)
        self.slave_pulses.wake_all()


class Terminals:
    """The pairs of one machine."""

    def __init__(self) -> None:
        self.living: dict[int, Terminal] = {}
        self.slave_of: Callable[[Terminal], Inode] | None = None  # the file in /dev/pts

    def make(self, task: Caller) -> Terminal:
        number = next((n for n in range(MOST_TERMINALS) if n not in self.living), None)
        if number is None:
            raise Errno(ENOSPC)
        made = self.living[number] = Terminal(number)
        made.owner = (task.uid, task.gid)
        return made

    def of_session(self, session: int) -> Terminal | None:
        """The controlling terminal of `session`."""
        found = (one for one in self.living.values() if one.session == session and session)
        return next(found, None)
