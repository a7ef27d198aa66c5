"""The two ends of a pseudo-terminal as open files, and their names in /dev.

pty(7), pts(4), tty(4).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.signals import SIGTTIN, SIGTTOU
from kernel_stub.errno import EIO, Errno
from kernel_stub.vfs.directory import Entry, FixedDirectory
from kernel_stub.vfs.discipline import MIN, MOST, TIME
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import (
    O_NOCTTY,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    S_IFCHR,
    S_IFDIR,
)
from kernel_stub.vfs.packets import DATA
from kernel_stub.vfs.pipes import wait_or_refuse
from kernel_stub.vfs.storage import Storage
from kernel_stub.vfs.terminal_requests import answer
from kernel_stub.vfs.terminals import Terminal, Terminals

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

TENTH_NS: Final = 10**8  # the unit of VTIME
TOSTOP: Final = 0x100
MULTIPLEXER: Final = os.makedev(5, 2)
SLAVES_MAJOR: Final = 136
PTS_DEVICE: Final = 22


class TerminalFile(OpenFile):
    """What both ends can be asked. ioctl_tty(2)."""

    is_master = False

    def __init__(self, inode: Inode, terminal: Terminal, flags: int) -> None:
        super().__init__(inode, flags)
        self.terminal = terminal

    def slave(self) -> Inode:
        raise Errno(EIO)  # what Linux says of a slave

    def control(self, task: Caller, request: int, argument: bytes | int) -> bytes | int:
        return answer(task, self.terminal, request, argument, is_master=self.is_master)


class Master(TerminalFile):
    """The end that plays the terminal."""

    is_master = True

    def __init__(self, task: Caller, inode: Inode, terminals: Terminals, flags: int) -> None:
        super().__init__(inode, terminals.make(task), flags)
        self.terminals = terminals

    def slave(self) -> Inode:
        make = self.terminals.slave_of
        assert make is not None, "/dev/pts is made with the first pair"
        return make(self.terminal)

    def is_over(self) -> bool:
        return self.terminal.had_slaves and not self.terminal.slaves

    def _has_news(self) -> bool:
        return bool(self.terminal.shown) or self.terminal.packets.has_news or self.is_over()

    def read(self, task: Caller, size: int) -> bytes:
        terminal = self.terminal
        if terminal.packets.has_news and size:
            return terminal.packets.take_status()
        if not terminal.shown:
            if self.is_over():
                raise Errno(EIO)
            wait_or_refuse(self, task, "what a terminal shows", self._has_news)
        head = DATA if terminal.packets.is_on and size else b""
        taken = size - len(head)
        data = head + terminal.shown[:taken]
        del terminal.shown[:taken]
        terminal.slave_pulses.wake_writers()
        return data

    def unread(self, data: bytes) -> None:
        self.terminal.shown[:0] = data[self.terminal.packets.is_on :]

    def write(self, task: Caller, data: bytes) -> int:
        self.terminal.type(task, data)
        return len(data)

    def poll(self, task: Caller) -> int:
        events = POLLIN | POLLOUT if self.terminal.shown else POLLOUT
        events |= POLLIN | POLLPRI if self.terminal.packets.has_news else 0
        return events | (POLLHUP if self.is_over() else 0)

    def pulse(self, task: Caller, events: int) -> int:
        return self.terminal.master_pulses.latest(events)

    def waiting(self) -> int:
        return len(self.terminal.shown)

    def release(self, task: Caller) -> None:
        self.terminal.hang_up(task)
        self.terminals.living.pop(self.terminal.number, None)


class Slave(TerminalFile):
    """The end that programs use as their terminal."""

    def __init__(self, inode: Inode, terminal: Terminal, flags: int) -> None:
        super().__init__(inode, terminal, flags)
        terminal.slaves += 1
        terminal.had_slaves = True

    def _least(self) -> int:
        return self.terminal.discipline.settings.chars[MIN]

    def _has_input(self) -> bool:
        """Who must not wait takes what is there."""
        least = min(self._least(), 1) if self.flags & O_NONBLOCK else self._least()
        return self.terminal.discipline.has_input(least) or self.terminal.is_hung_up

    def read(self, task: Caller, size: int) -> bytes:
        terminal = self.terminal
        task.kernel.require_foreground(task, self.terminal, SIGTTIN)
        if not self._has_input():
            self._wait(task)
        if terminal.is_hung_up or not terminal.discipline.has_input(0):
            return b""
        data = terminal.discipline.take(size)
        terminal.master_pulses.wake_writers()
        return data

    def _wait(self, task: Caller) -> None:
        """VMIN and VTIME: without a least number of bytes, the time alone decides."""
        discipline = self.terminal.discipline
        tenths = discipline.settings.chars[TIME]
        if discipline.is_canonical or not tenths or self.flags & O_NONBLOCK or self._least():
            wait_or_refuse(self, task, "a line on a terminal", self._has_input)
            return
        task.kernel.block(task, "a terminal", self._has_input, tenths * TENTH_NS)

    def unread(self, data: bytes) -> None:
        discipline = self.terminal.discipline
        if discipline.is_canonical:
            discipline.lines.appendleft(data)
        else:
            discipline.typed[:0] = data

    def write(self, task: Caller, data: bytes) -> int:
        terminal = self.terminal
        if terminal.is_hung_up:
            raise Errno(EIO)
        if terminal.discipline.settings.local & TOSTOP:
            task.kernel.require_foreground(task, self.terminal, SIGTTOU)
        if len(terminal.shown) >= MOST:
            wait_or_refuse(self, task, "room on a terminal", self._has_room)
        part = data[:MOST]
        terminal.show(terminal.discipline.written(part))
        return len(part)

    def _has_room(self) -> bool:
        return len(self.terminal.shown) < MOST or self.terminal.is_hung_up

    def poll(self, task: Caller) -> int:
        if self.terminal.is_hung_up:
            return POLLIN | POLLOUT | POLLERR | POLLHUP
        events = POLLIN if self.terminal.discipline.has_input(max(self._least(), 1)) else 0
        return events | (POLLOUT if self._has_room() else 0)

    def pulse(self, task: Caller, events: int) -> int:
        return self.terminal.slave_pulses.latest(events)

    def waiting(self) -> int:
        return self.terminal.discipline.readable

    def release(self, task: Caller) -> None:
        self.terminal.slaves -= 1
        self.terminal.master_pulses.wake_all()


class Multiplexer(Inode):
    """/dev/ptmx: each opening makes a pair."""

    def __init__(self, attributes: Attributes, terminals: Terminals) -> None:
        super().__init__(attributes)
        attributes.st_rdev = MULTIPLEXER
        self.terminals = terminals

    def open(self, task: Caller, flags: int) -> OpenFile:
        return Master(task, self, self.terminals, flags)


class SlaveInode(Inode):
    """/dev/pts/N."""

    def __init__(self, attributes: Attributes, terminal: Terminal) -> None:
        super().__init__(attributes)
        attributes.st_rdev = os.makedev(SLAVES_MAJOR, terminal.number)
        self.terminal = terminal

    def open(self, task: Caller, flags: int) -> OpenFile:
        if self.terminal.is_locked or self.terminal.is_hung_up:
            raise Errno(EIO)
        self.terminal.opened_by(task, takes=not flags & O_NOCTTY)
        return Slave(self, self.terminal, flags)


class SlavesDirectory(FixedDirectory):
    """/dev/pts: a name for each living pair."""

    def __init__(self, storage: Storage, terminals: Terminals, now: int) -> None:
        super().__init__(Attributes(S_IFDIR | 0o755, 1, PTS_DEVICE, now), storage)
        self.terminals = terminals
        terminals.slave_of = self._of
        self.now = now
        self._inodes: dict[Terminal, SlaveInode] = {}
        self._multiplexer = Multiplexer(Attributes(S_IFCHR | 0o666, 2, PTS_DEVICE, now), terminals)

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if name == b"ptmx":
            return self._multiplexer
        terminal = self.terminals.living.get(int(name)) if name.isdigit() else None
        return None if terminal is None or b"%d" % terminal.number != name else self._of(terminal)

    def _of(self, terminal: Terminal) -> SlaveInode:
        """The inode of one slave: it keeps mode and owner while the pair lives."""
        living = self.terminals.living.values()
        self._inodes = {one: inode for one, inode in self._inodes.items() if one in living}
        if terminal not in self._inodes:
            number = 3 + terminal.number
            attributes = Attributes(S_IFCHR | 0o620, number, PTS_DEVICE, self.now)
            attributes.st_uid, attributes.st_gid = terminal.owner
            self._inodes[terminal] = SlaveInode(attributes, terminal)
        return self._inodes[terminal]

    def of_session(self, session: int) -> Inode | None:
        """The terminal that controls `session`."""
        terminal = self.terminals.of_session(session)
        return None if terminal is None else self._of(terminal)

    def listing(self, task: Caller) -> list[Entry]:
        numbers = sorted(self.terminals.living)
        own = [Entry(b"%d" % number, 3 + number, S_IFCHR) for number in numbers]
        return [Entry(b"ptmx", 2, S_IFCHR), *own]
