"""The timer that interrupts ring 3 once, after a number of instructions.

It knows when it is due, who wants it sooner, and what a debugger must keep of it. Who stops the
engine for it and delivers the interrupt, it does not know: that is the machine.
SDM 3A, "APIC Timer", "One-shot and Periodic Modes".
"""

from __future__ import annotations

from typing import NamedTuple

from emu.cpu.counters import Counter


class KeptTimer(NamedTuple):
    """A timer as it stood. `at`: the count of all instructions at which it is due."""

    vector: int
    at: int | None
    rang: bool


class Timer:
    """Counts what `counter` has counted, in user and kernel.

    `slack`: where whoever runs the machine rings by itself, so many instructions before the timer
    is due a run ends. None: the machine rings.
    """

    def __init__(self, counter: Counter) -> None:
        self.vector = 0
        self.slack: int | None = None
        self._counter = counter
        self._at: int | None = None
        self._rang = False
        self._is_wanted = False

    @property
    def now(self) -> int:
        """The count of all instructions."""
        return self._counter.user + self._counter.kernel

    def set(self, vector: int, instructions: int | None) -> None:
        """It is due once `instructions` more have run; None: never."""
        self.vector = vector
        self._at = None if instructions is None else self.now + instructions

    def want(self, vector: int) -> None:
        """It shall ring as soon as it can. May be called from any thread."""
        self.vector = vector
        self._is_wanted = True

    def take_wanted(self) -> bool:
        """Whether somebody wants it now: then it is due. Between two runs of the engine."""
        if not self._is_wanted:
            return False
        self._is_wanted, self._at = False, self.now
        return True

    def settle(self) -> None:
        """Before a run: who wanted it while nothing ran gets it behind one instruction."""
        if self.take_wanted():
            self.set(self.vector, 1)

    def due_in(self) -> int | None:
        """After how many instructions it is due, 0 if it is; None: it is not set."""
        return None if self._at is None else max(self._at - self.now, 0)

    def stops_at(self) -> int | None:
        """The count at which the engine must stop for it."""
        if self._at is None or self.slack is None:
            return self._at
        before = self._at - self.slack
        return before if before > self.now else None

    def is_near(self) -> bool:
        """Whether no more than `slack` instructions are left."""
        if self._at is None or self.slack is None:
            return False
        return self.now >= self._at - self.slack

    def rings(self) -> None:
        """The interrupt was delivered."""
        self._at, self._rang = None, True

    def take_rang(self) -> bool:
        """Whether it interrupted since this was asked last."""
        rang, self._rang = self._rang, False
        return rang

    def kept(self) -> KeptTimer:
        """What `restore` takes; nothing runs."""
        self.settle()
        return KeptTimer(self.vector, self._at, self._rang)

    def restore(self, kept: KeptTimer) -> None:
        """It is again as it was kept; the counts must be, too."""
        self.vector, self._at, self._rang = kept
        self._is_wanted = False
