"""Readiness: what holds, when it last changed, what outside and what time will change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kernel_stub.vfs import readiness
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM,
)
from kernel_stub.vfs.pulses import Pulses
from kernel_stub.vfs.readiness import Readiness, Watched, events_of, with_bands
from tests.vfs.world import world


class Fake(OpenFile):
    """Tells what it is told to tell."""

    def __init__(self, events: int = 0, host: int = -1, due: int | None = None) -> None:
        super().__init__(Inode(Attributes(0, 1, 1)), 0)
        self.events = events
        self.host = host
        self.time = due

    def poll(self, task: Any) -> int:
        return self.events

    def outside(self, task: Any, events: int) -> Mapping[int, int]:
        return {self.host: events} if self.host >= 0 else {}

    def due(self, task: Any) -> int | None:
        return self.time


@pytest.mark.parametrize(
    ("holds", "asked", "told"),
    [
        (POLLIN, POLLIN, POLLIN),
        (POLLIN, POLLOUT, 0),
        (POLLIN, POLLRDNORM, POLLRDNORM),
        (POLLOUT, POLLWRNORM | POLLOUT, POLLWRNORM | POLLOUT),
        (POLLHUP | POLLERR, 0, POLLHUP | POLLERR),
    ],
)
def test_what_is_told_of_what_holds(holds: int, asked: int, told: int) -> None:
    assert events_of(world(), Watched(Fake(holds), asked)) == told
    assert with_bands(holds) & holds == holds


def test_each_side_has_its_moments() -> None:
    pulses = Pulses()
    assert pulses.latest(POLLIN | POLLOUT) == 0
    pulses.wake_readers()
    first = pulses.latest(POLLIN)
    assert first > 0
    assert pulses.latest(POLLOUT) == 0
    pulses.wake_writers()
    assert pulses.latest(POLLOUT) > first
    assert pulses.latest(POLLIN) == first
    pulses.wake_all()
    assert pulses.latest(POLLIN) == pulses.latest(POLLOUT) > first


def test_files_are_waited_for_together() -> None:
    quiet, far, late = Fake(), Fake(host=5), Fake(due=70)
    watched = [
        Watched(quiet, POLLIN),
        Watched(far, POLLIN),
        Watched(far, POLLOUT),
        Watched(late, 1),
    ]
    assert readiness.outside(world(), watched) == {5: POLLIN | POLLOUT}
    assert readiness.due(world(), watched) == 70
    assert readiness.due(world(), watched[:3]) is None


def test_a_wait_is_over_when_an_event_comes_or_the_time_changes() -> None:
    file = Fake(due=70)
    waits = Readiness(world(), [Watched(file, POLLIN)])
    assert not waits.is_there()
    file.time = 60
    assert waits.is_there()
    file.time = 70
    file.events = POLLIN
    assert waits.is_there()
