"""Whose turn it is, and how long a turn lasts: the interleaving, as the seed decides it.

Seed 0: in the order of their making, in turns of about one length. Every other seed draws both, so
that races show which no fair order meets; one seed always gives one interleaving. It chooses among
those who can run, and does not know why they can.
sched(7), "SCHED_RR: Round-robin scheduling".
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final, Protocol

from kernel_stub.task import Task

FAIR_SEED: Final = 0
TURN_NS: Final = 4_000_000  # the longest that a task keeps others waiting
# Fair turns differ by up to SPREAD_NS. Were they equal, a loop could keep step with them: each of
# its turns would end at the same instruction, perhaps with a lock held that others wait for.
SPREAD_NS: Final = 1_000_000
_STEP_NS: Final = 381_967  # to SPREAD_NS as the golden section, with no common factor
# A drawn turn is 2**EXPONENT nanoseconds, the exponent drawn evenly: mostly short, some long.
EXPONENTS: Final = (6.0, 22.0)
assert 2 ** EXPONENTS[1] > TURN_NS


class Turns(Protocol):
    """An interleaving."""

    def length_ns(self) -> int:
        """How long the turn that begins now lasts, if others want to run."""

    def choose(self, ready: Iterator[Task]) -> Task | None:
        """Whose turn it is: of `ready`, in order, the one that ran last at the end."""


class FairTurns:
    """One after the other, for about equally long."""

    def __init__(self) -> None:
        self._shorter_ns = 0

    def length_ns(self) -> int:
        self._shorter_ns = (self._shorter_ns + _STEP_NS) % SPREAD_NS
        return TURN_NS - self._shorter_ns

    def choose(self, ready: Iterator[Task]) -> Task | None:
        return next(ready, None)


class DrawnTurns:
    """Both drawn, by `seed`."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"turns {seed}")

    def length_ns(self) -> int:
        return min(int(2 ** self._random.uniform(*EXPONENTS)), TURN_NS)

    def choose(self, ready: Iterator[Task]) -> Task | None:
        found = list(ready)
        return self._random.choice(found) if found else None


def turns_of(seed: int) -> Turns:
    """The interleaving that belongs to `seed`."""
    return FairTurns() if seed == FAIR_SEED else DrawnTurns(seed)
