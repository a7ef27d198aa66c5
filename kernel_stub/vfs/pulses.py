"""When a file woke those who watch it, and who is told of it at once.

epoll(7): "EPOLLET"; fcntl(2): "O_ASYNC".
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final

from kernel_stub.vfs.modes import POLLOUT, POLLWRNORM

_OUTPUT: Final = POLLOUT | POLLWRNORM
next_moment: Final = count(1).__next__  # moments are ordered, and no two are the same


class Pulses:
    """When each side of a file last woke those who watch it, as moments; 0: never.

    `listeners` are told at once when there is something to read.
    """

    __slots__ = ("_listeners", "input", "output")

    def __init__(self) -> None:
        self.input = self.output = 0
        self._listeners: dict[object, Callable[[], None]] | None = None

    @property
    def listeners(self) -> dict[object, Callable[[], None]]:
        if self._listeners is None:
            self._listeners = {}
        return self._listeners

    def wake_readers(self) -> None:
        self.input = next_moment()
        if self._listeners:
            self._tell()

    def _tell(self) -> None:
        for tell in list(self.listeners.values()):
            tell()

    def wake_writers(self) -> None:
        self.output = next_moment()

    def wake_all(self) -> None:
        """Both sides: an end was closed, an error came."""
        self.input = self.output = next_moment()
        if self._listeners:
            self._tell()

    def latest(self, events: int) -> int:
        """The last moment that matters to whoever watches for `events`."""
        output = self.output if events & _OUTPUT else 0
        return max(self.input if events & ~_OUTPUT else 0, output)
