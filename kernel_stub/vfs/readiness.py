"""Readiness: what poll(2), select(2) and epoll(7) wait for, by one mechanism for every file.

An open file tells which events hold now (`poll`), when it last woke those who watch it (`pulse`),
which descriptors of the host may change that (`outside`) and when time alone will (`due`). Here
these answers are put together for many files at once. It blocks nobody.
poll(2), epoll(7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from kernel_stub.vfs.modes import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM,
)

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller
    from kernel_stub.vfs.inode import OpenFile

ALWAYS: Final = POLLERR | POLLHUP  # told whether they are asked for or not
_OUTPUT: Final = POLLOUT | POLLWRNORM


class Watched(NamedTuple):
    """An open file, and the events for which it is watched."""

    file: OpenFile
    events: int


def with_bands(events: int) -> int:
    """What holds for POLLIN holds for the normal band, and so for POLLOUT."""
    events |= POLLRDNORM if events & POLLIN else 0
    return events | (POLLWRNORM if events & POLLOUT else 0)


def events_of(task: Caller, watched: Watched) -> int:
    """The events that hold now, of those watched for and those that are always told."""
    return with_bands(watched.file.poll(task)) & (watched.events | ALWAYS)


def outside(task: Caller, watched: Sequence[Watched]) -> dict[int, int]:
    """The host's descriptors whose poll(2) events may make one of `watched` ready."""
    wanted: dict[int, int] = {}
    for file, events in watched:
        for descriptor, asked in file.outside(task, events).items():
            wanted[descriptor] = wanted.get(descriptor, 0) | asked
    return wanted


def due(task: Caller, watched: Sequence[Watched]) -> int | None:
    """When time alone makes one of `watched` ready, by CLOCK_MONOTONIC; None: it does not."""
    times = [time for file, _ in watched if (time := file.due(task)) is not None]
    return min(times, default=None)


class Readiness:
    """What a task waits for that watches `watched`: an event, or a time that changed."""

    def __init__(self, task: Caller, watched: Sequence[Watched]) -> None:
        self.task = task
        self.watched = watched
        self.due = due(task, watched)

    def is_there(self) -> bool:
        if any(events_of(self.task, one) for one in self.watched):
            return True
        return due(self.task, self.watched) != self.due
