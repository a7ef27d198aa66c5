"""Event counters: a number that one task raises and another takes.

eventfd(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EINVAL, Errno
from kernel_stub.vfs.inode import AnonymousFile, Attributes, Inode
from kernel_stub.vfs.modes import O_RDWR, POLLIN, POLLOUT
from kernel_stub.vfs.pipes import wait_or_refuse
from kernel_stub.vfs.pulses import Pulses

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

LARGEST_COUNT: Final = (1 << 64) - 2
COUNT_SIZE: Final = 8


class Event(Inode):
    """The counter of eventfd(2). `one_by_one`: EFD_SEMAPHORE."""

    def __init__(self, attributes: Attributes, count: int, one_by_one: bool) -> None:
        super().__init__(attributes)
        self.count = count
        self.one_by_one = one_by_one
        self.pulses = Pulses()

    def is_set(self) -> bool:
        return self.count > 0


class EventFile(AnonymousFile):
    """An open event counter: eight bytes in, eight bytes out."""

    def __init__(self, event: Event, flags: int) -> None:
        super().__init__(event, flags | O_RDWR)
        self.event = event

    def read(self, task: Caller, size: int) -> bytes:
        if size < COUNT_SIZE:
            raise Errno(EINVAL)
        event = self.event
        if not event.count:
            wait_or_refuse(self, task, "an event counter above zero", event.is_set)
        taken = 1 if event.one_by_one else event.count
        event.count -= taken
        event.pulses.wake_writers()
        return taken.to_bytes(COUNT_SIZE, "little")

    def write(self, task: Caller, data: bytes) -> int:
        added = int.from_bytes(data[:COUNT_SIZE], "little")
        if len(data) < COUNT_SIZE or added > LARGEST_COUNT:
            raise Errno(EINVAL)
        event = self.event
        if event.count + added > LARGEST_COUNT:
            ready = _Room(event, added).is_there
            wait_or_refuse(self, task, "room in a full event counter", ready)
        event.count += added
        event.pulses.wake_readers()
        return COUNT_SIZE

    def poll(self, task: Caller) -> int:
        events = POLLIN if self.event.count else 0
        return events | (POLLOUT if self.event.count < LARGEST_COUNT else 0)

    def pulse(self, task: Caller, events: int) -> int:
        return self.event.pulses.latest(events)


class _Room:
    """What a writer of an event counter waits for."""

    def __init__(self, event: Event, added: int) -> None:
        self.event = event
        self.added = added

    def is_there(self) -> bool:
        return self.event.count + self.added <= LARGEST_COUNT
