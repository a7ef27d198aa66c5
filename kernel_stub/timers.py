"""Timers: a clock that is read, a moment, an interval, and whom to tell when the moment has come.

A timer of the processor's time belongs to the process or task whose time it counts; the others go
by CLOCK_MONOTONIC. Who looks whether one expired, and when, it does not know.
setitimer(2), timer_create(2), timer_settime(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF = range(3)


class Timer:
    """One timer. `read` reads its clock in nanoseconds; `expired` is told how many were missed.

    `counts` is the process or task whose time it counts; None: time passes by itself.
    """

    def __init__(
        self, read: Callable[[], int], expired: Callable[[int], None], counts: Any = None
    ) -> None:
        self.read = read
        self.counts = counts
        self.interval = 0
        self.deadline: int | None = None  # None: it is not armed
        self._expired = expired

    def arm(self, deadline: int, interval: int) -> None:
        """It expires at `deadline` by its clock, then again after each `interval`; 0: never."""
        self.deadline, self.interval = deadline, interval

    def disarm(self) -> None:
        self.deadline, self.interval = None, 0

    def remaining(self) -> int:
        """How many nanoseconds it still has to go; 0: it is not armed."""
        return 0 if self.deadline is None else max(self.deadline - self.read(), 1)

    def look(self) -> None:
        """If its moment has come, it tells so, and starts anew if it has an interval."""
        if self.deadline is None:
            return
        late = self.read() - self.deadline
        if late < 0:
            return
        missed = late // self.interval if self.interval else 0
        self.deadline = self.deadline + (missed + 1) * self.interval if self.interval else None
        self._expired(missed)
