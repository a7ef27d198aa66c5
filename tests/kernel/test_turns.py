"""A seed decides whose turn it is and for how long, always in the same way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from kernel_stub.turns import EXPONENTS, SPREAD_NS, TURN_NS, turns_of

TASKS: Any = ["a", "b", "c", "d"]


def choices(seed: int, count: int = 40) -> list[Any]:
    turns = turns_of(seed)
    return [turns.choose(iter(TASKS)) for _ in range(count)]


def lengths(seed: int, count: int = 400) -> list[int]:
    turns = turns_of(seed)
    return [turns.length_ns() for _ in range(count)]


def test_seed_0_takes_the_first_for_about_as_long_as_anybody_may() -> None:
    assert set(choices(0)) == {"a"}
    assert all(TURN_NS - SPREAD_NS < length <= TURN_NS for length in lengths(0))


@pytest.mark.parametrize("apart", [1, 2, 3, 5, 8])
def test_fair_turns_are_of_no_rhythm_with_which_a_loop_could_keep_step(apart: int) -> None:
    """Were the sums of a few turns equal, their ends could fall into one place of a loop always."""
    drawn = lengths(0)
    sums = [sum(drawn[at : at + apart]) for at in range(0, len(drawn) - apart, apart)]
    assert all(first != second for first, second in pairwise(sums))


@pytest.mark.parametrize("seed", [1, 2, 12345])
def test_another_seed_draws_from_all_and_is_the_same_again(seed: int) -> None:
    assert set(choices(seed)) == set(TASKS)
    assert choices(seed) == choices(seed)
    assert lengths(seed) == lengths(seed)


def test_two_seeds_differ() -> None:
    assert choices(1) != choices(2)
    assert lengths(1) != lengths(2)


def test_drawn_turns_are_short_and_long_and_within_bounds() -> None:
    drawn = lengths(3)
    assert min(drawn) >= 2 ** EXPONENTS[0]
    assert max(drawn) <= TURN_NS
    assert sum(length < 10_000 for length in drawn) > len(drawn) // 4
    assert sum(length > 500_000 for length in drawn) > len(drawn) // 20


@pytest.mark.parametrize("seed", [0, 1])
def test_of_nobody_nobody_is_chosen(seed: int) -> None:
    assert turns_of(seed).choose(iter(())) is None
