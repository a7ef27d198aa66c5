"""Timers that are read: how often one expired, by a clock of the guest.

Nothing runs when a timer expires; whoever looks counts. timerfd_create(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kernel_stub.errno import EINVAL, Errno
from kernel_stub.vfs.events import COUNT_SIZE
from kernel_stub.vfs.inode import AnonymousFile, Attributes, Inode
from kernel_stub.vfs.modes import O_NONBLOCK, O_RDWR, POLLIN
from kernel_stub.vfs.pipes import wait_or_refuse
from kernel_stub.vfs.pulses import Pulses
from kernel_stub.vfs.readiness import Readiness, Watched

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class Setting(NamedTuple):
    """When a timer expires first by its own clock (0: never), and how often from then on."""

    deadline: int = 0
    interval: int = 0


DISARMED: Final = Setting()


class Timer(Inode):
    """A timer of timerfd_create(2). `is_wall`: it follows CLOCK_REALTIME."""

    def __init__(self, attributes: Attributes, is_wall: bool) -> None:
        super().__init__(attributes)
        self.is_wall = is_wall
        self.setting = DISARMED
        self.pulses = Pulses()
        self._has_woken = False

    def now(self, task: Caller) -> int:
        return task.kernel.now_ns() if self.is_wall else task.kernel.uptime_ns()

    def expirations(self, task: Caller) -> int:
        """How often it expired since it was set or read."""
        deadline, interval = self.setting
        late = self.now(task) - deadline
        if not deadline or late < 0:
            return 0
        return 1 + late // interval if interval else 1

    def next_deadline(self, task: Caller) -> int:
        """When it expires next, by its own clock; 0: never."""
        deadline, interval = self.setting
        count = self.expirations(task)
        if count and not interval:
            return 0
        return deadline + count * interval

    def set(self, setting: Setting) -> None:
        self.setting = setting
        self._has_woken = False

    def take(self, task: Caller) -> int:
        """The expirations, which do not count from now on."""
        count = self.expirations(task)
        if count:
            self.set(Setting(self.next_deadline(task), self.setting.interval))
        return count

    def look(self, task: Caller) -> int:
        """The expirations; the first one since it was set or read wakes those who watch."""
        count = self.expirations(task)
        if count and not self._has_woken:
            self._has_woken = True
            self.pulses.wake_readers()
        return count


class TimerFile(AnonymousFile):
    """An open timer."""

    def __init__(self, timer: Timer, flags: int) -> None:
        super().__init__(timer, flags | O_RDWR)
        self.timer = timer

    def read(self, task: Caller, size: int) -> bytes:
        if size < COUNT_SIZE:
            raise Errno(EINVAL)
        if not self.timer.look(task):
            if self.flags & O_NONBLOCK:
                wait_or_refuse(self, task, "", bool)
            waits = Readiness(task, [Watched(self, POLLIN)])
            task.kernel.block(task, "a timer to expire", waits.is_there, due=waits.due)
        return self.timer.take(task).to_bytes(COUNT_SIZE, "little")

    def poll(self, task: Caller) -> int:
        return POLLIN if self.timer.look(task) else 0

    def pulse(self, task: Caller, events: int) -> int:
        self.timer.look(task)
        return self.timer.pulses.input

    def due(self, task: Caller) -> int | None:
        deadline = self.timer.setting.deadline
        if not deadline or self.timer.expirations(task):
            return None
        return task.kernel.uptime_ns() + deadline - self.timer.now(task)
