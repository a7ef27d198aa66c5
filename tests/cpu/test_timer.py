"""The timer is due after so many instructions, rings once, and can be kept and put back."""

from __future__ import annotations

from typing import Any

import pytest

from emu.cpu.timer import Timer

VECTOR = 0xEC


class Counted:
    """A counter as far as a timer looks at it."""

    def __init__(self) -> None:
        self.user, self.kernel = 1_000, 200


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def timer(counted: Counted) -> Timer:
    counter: Any = counted
    return Timer(counter)


def test_a_timer_that_is_not_set_is_never_due(timer: Timer) -> None:
    assert (timer.due_in(), timer.stops_at(), timer.is_near()) == (None, None, False)


def test_it_is_due_after_instructions_of_any_ring(timer: Timer, counted: Counted) -> None:
    timer.set(VECTOR, 50)
    counted.user += 30
    counted.kernel += 5
    assert (timer.due_in(), timer.stops_at()) == (15, 1_250)
    counted.kernel += 100
    assert timer.due_in() == 0


def test_it_rings_once(timer: Timer) -> None:
    timer.set(VECTOR, 0)
    assert not timer.take_rang()
    timer.rings()
    assert [timer.take_rang(), timer.take_rang()] == [True, False]
    assert timer.due_in() is None


def test_with_slack_a_run_ends_before_it(timer: Timer, counted: Counted) -> None:
    timer.set(VECTOR, 50)
    timer.slack = 20
    assert (timer.stops_at(), timer.is_near()) == (1_230, False)
    counted.user += 30
    assert (timer.stops_at(), timer.is_near()) == (None, True)


def test_whoever_wants_it_while_the_engine_runs_gets_it_now(timer: Timer) -> None:
    timer.set(VECTOR, 1_000)
    timer.want(VECTOR + 1)
    assert timer.due_in() == 1_000
    assert [timer.take_wanted(), timer.take_wanted()] == [True, False]
    assert (timer.due_in(), timer.vector) == (0, VECTOR + 1)


def test_whoever_wants_it_between_two_runs_gets_it_behind_one_instruction(timer: Timer) -> None:
    timer.settle()
    assert timer.due_in() is None
    timer.want(VECTOR)
    timer.settle()
    assert (timer.due_in(), timer.take_wanted()) == (1, False)


def test_what_was_kept_can_be_put_back(timer: Timer, counted: Counted) -> None:
    timer.set(VECTOR, 50)
    timer.rings()
    timer.want(VECTOR)
    kept = timer.kept()
    timer.take_rang()
    timer.set(VECTOR + 1, 7)
    timer.want(VECTOR + 1)
    counted.user += 3
    timer.restore(kept)
    assert (timer.vector, timer.due_in(), timer.take_wanted()) == (VECTOR, 0, False)
    assert timer.take_rang()
