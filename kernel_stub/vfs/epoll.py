"""Interest lists: files that are watched together, by level or by edge.

An item is known by its descriptor and its open file description, as in Linux: it stays until the
description's last descriptor is closed, whatever its number stands for by then. Whether an edge
came, readiness.py's moments tell.
epoll(7), epoll_ctl(2), epoll_wait(2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EEXIST, EINVAL, ELOOP, ENOENT, EPERM, Errno
from kernel_stub.vfs import readiness
from kernel_stub.vfs.inode import AnonymousFile, Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import O_RDWR, POLLIN
from kernel_stub.vfs.pulses import next_moment
from kernel_stub.vfs.readiness import ALWAYS, Watched, events_of

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3
EPOLLEXCLUSIVE: Final = 1 << 28
EPOLLWAKEUP: Final = 1 << 29
EPOLLONESHOT: Final = 1 << 30
EPOLLET: Final = 1 << 31
_BEHAVIOUR: Final = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET
# What may stand beside EPOLLEXCLUSIVE: IN, OUT, ERR, HUP, WAKEUP, ET.
_WITH_EXCLUSIVE: Final = 0x1 | 0x4 | 0x8 | 0x10 | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE
DEEPEST: Final = 4  # interest lists in a row behind the first one

Key = tuple[int, OpenFile]
Told = tuple[int, int]  # events, the program's own word


class Item:
    """One watched file. `queued`: the moment when it came to stand in the line, 0: it does not."""

    def __init__(self, file: OpenFile, events: int, data: int) -> None:
        self.file = file
        self.data = data
        self.seen = self.queued = 0
        self.want(events)

    def want(self, events: int) -> None:
        self.events = events
        self.is_armed = True

    @property
    def watched(self) -> Watched:
        return Watched(self.file, self.events & ~_BEHAVIOUR)

    def pulse(self, task: Caller) -> int:
        return self.file.pulse(task, self.events & ~_BEHAVIOUR | ALWAYS)

    def look(self, task: Caller) -> int:
        """The events to tell; it joins the line if they are new, and leaves it if there are none.

        By level it need not have been woken: what a file without edges tells counts as well.
        """
        if not self.is_armed:
            return 0
        pulse = self.pulse(task)
        if not self.queued and (not self.events & EPOLLET or pulse > self.seen):
            self.queued = pulse or next_moment()
        self.seen = pulse
        events = events_of(task, self.watched) if self.queued else 0
        if not events:
            self.queued = 0
        return events

    def told(self) -> None:
        """The program heard of it: by level it goes to the end of the line."""
        self.queued = 0 if self.events & EPOLLET else next_moment()
        self.is_armed = not self.events & EPOLLONESHOT


class InterestList(Inode):
    """What the descriptor of epoll_create(2) stands for."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__(attributes)
        self._items: dict[Key, Item] = {}

    def items(self) -> list[Item]:
        """The items whose files are still open."""
        closed = [key for key in self._items if not key[1].references]
        for key in closed:
            del self._items[key]
        return list(self._items.values())

    def armed(self) -> list[Watched]:
        return [item.watched for item in self.items() if item.is_armed]

    def add(self, task: Caller, key: Key, events: int, data: int) -> None:
        if self._find(key):
            raise Errno(EEXIST)
        item = self._items[key] = Item(key[1], events, data)
        self._begin(task, item)

    def modify(self, task: Caller, key: Key, events: int, data: int) -> None:
        item = self._found(key)
        if item.events & EPOLLEXCLUSIVE:
            raise Errno(EINVAL)
        item.data = data
        item.want(events)
        self._begin(task, item)

    def _begin(self, task: Caller, item: Item) -> None:
        """An event that holds already counts as an edge."""
        item.seen = item.pulse(task)
        if events_of(task, item.watched):
            item.queued = item.queued or next_moment()

    def delete(self, key: Key) -> None:
        self._found(key)
        del self._items[key]

    def _find(self, key: Key) -> Item | None:
        return self._items.get(key)

    def _found(self, key: Key) -> Item:
        item = self._find(key)
        if item is None:
            raise Errno(ENOENT)
        return item

    def is_ready(self, task: Caller) -> bool:
        return any(item.look(task) for item in self.items())

    def collect(self, task: Caller, most: int) -> list[Told]:
        """At most `most` items that are ready, the first in the line first."""
        # Whom one moment wakes, it wakes in the order in which Linux keeps them: the newest first.
        newest_first = reversed(self.items())
        ready = [(item, events) for item in newest_first if (events := item.look(task))]
        ready.sort(key=lambda pair: pair[0].queued)
        for item, _ in ready[:most]:
            item.told()
        return [(events, item.data) for item, events in ready[:most]]

    def depth(self, sought: InterestList) -> int:
        """How many lists stand in a row below it. Raises Errno(ELOOP): `sought` is among them."""
        if self is sought:
            raise Errno(ELOOP)
        below = [item.file.inode for item in self.items()]
        found = [list_.depth(sought) for list_ in below if isinstance(list_, InterestList)]
        return 1 + max(found, default=0)


class InterestFile(AnonymousFile):
    """An open interest list, which may be watched itself."""

    def __init__(self, interests: InterestList) -> None:
        super().__init__(interests, O_RDWR)
        self.interests = interests

    def poll(self, task: Caller) -> int:
        return POLLIN if self.interests.is_ready(task) else 0

    def pulse(self, task: Caller, events: int) -> int:
        return max((item.pulse(task) for item in self.interests.items()), default=0)

    def outside(self, task: Caller, events: int) -> Mapping[int, int]:
        return readiness.outside(task, self.interests.armed())

    def due(self, task: Caller) -> int | None:
        return readiness.due(task, self.interests.armed())


Operation = Callable[[InterestList, "Caller", Key, int, int], None]
OPERATIONS: Final[Mapping[int, Operation]] = {
    EPOLL_CTL_ADD: InterestList.add,
    EPOLL_CTL_MOD: InterestList.modify,
    EPOLL_CTL_DEL: lambda interests, task, key, events, data: interests.delete(key),
}


def change(task: Caller, list_: OpenFile, operation: int, key: Key, events: int, data: int) -> None:
    """epoll_ctl(2). Raises Errno."""
    file = key[1]
    if not file.pollable:
        raise Errno(EPERM)
    if file is list_ or not isinstance(list_, InterestFile):
        raise Errno(EINVAL)
    _check_exclusive(file, operation, events)
    if operation not in OPERATIONS:
        raise Errno(EINVAL)
    below = file.interests if isinstance(file, InterestFile) else None
    if below and operation == EPOLL_CTL_ADD and below.depth(list_.interests) > DEEPEST:
        raise Errno(ELOOP)
    OPERATIONS[operation](list_.interests, task, key, events, data)


def _check_exclusive(file: OpenFile, operation: int, events: int) -> None:
    """EPOLLEXCLUSIVE is for adding files that are no interest lists. Raises Errno(EINVAL)."""
    if operation == EPOLL_CTL_DEL or not events & EPOLLEXCLUSIVE:
        return
    if operation == EPOLL_CTL_MOD or isinstance(file, InterestFile) or events & ~_WITH_EXCLUSIVE:
        raise Errno(EINVAL)
