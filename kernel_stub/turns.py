"""Whose turn it is, and how long a turn lasts: the interleaving, as the seed decides it.

Seed 0: in the order of their making, in equal turns. Every other seed draws both, so that races
show which no fair order meets; one seed always gives one interleaving. It chooses among those who
can run, and does not know why they can.
sched(7), "SCHED_RR: Round-robin scheduling".
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final, Protocol

from kernel_stub.task import Task

FAIR_SEED: Final = 0
TURN_NS: Final = 4_000_000  # the longest that a task keeps others waiting
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
    """One after the other, for equally long."""

    def length_ns(self) -> int:
        return TURN_NS

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
