"""Signals that were sent and have not arrived: of a task, or of its whole process.

A standard signal is pending once, a real-time signal as often as it was sent, in order. What a
signal does, and to whom, it does not know. signal(7), "Queueing and delivery semantics";
sigaction(2), "The siginfo_t argument".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from kernel_stub.abi.signals import SI_USER, SIGRTMIN, SYNCHRONOUS, signal_bit


class SigInfo(NamedTuple):
    """What a handler learns of a signal; which fields hold depends on signal and code."""

    signal: int
    code: int = SI_USER
    pid: int = 0
    uid: int = 0
    status: int = 0  # of a child
    address: int = 0  # of a fault
    value: int = 0  # sigqueue(3)'s word
    band: int = 0  # of a descriptor: its events of poll(2)
    descriptor: int = 0
    finish: Callable[[Any], Any] | None = None  # completes it when it arrives: a timer's overrun


_SYNCHRONOUS: Final = sum(signal_bit(signal) for signal in SYNCHRONOUS)


class Pending:
    """A set of pending signals. `mask` has their bits."""

    def __init__(self) -> None:
        self.mask = 0
        self._sent: list[SigInfo] = []

    def add(self, sent: SigInfo) -> None:
        """`sent` is pending from now on."""
        bit = signal_bit(sent.signal)
        if sent.signal < SIGRTMIN and self.mask & bit:
            return
        self.mask |= bit
        self._sent.append(sent)

    def take(self, allowed: int) -> SigInfo | None:
        """Takes out the first signal whose bit is in `allowed`: faults first, then by number."""
        ready = self.mask & allowed
        if not ready:
            return None
        ready = ready & _SYNCHRONOUS or ready
        number = (ready & -ready).bit_length()
        found = next(sent for sent in self._sent if sent.signal == number)
        self._sent.remove(found)
        if not any(sent.signal == number for sent in self._sent):
            self.mask &= ~signal_bit(number)
        return found.finish(found) if found.finish else found

    def __len__(self) -> int:
        """How many signals are queued."""
        return len(self._sent)

    def queued(self) -> list[SigInfo]:
        """What is queued, in order."""
        return list(self._sent)

    def discard(self, signals: int) -> None:
        """Forgets the signals whose bits are in `signals`."""
        self._sent = [sent for sent in self._sent if not signals & signal_bit(sent.signal)]
        self.mask &= ~signals
