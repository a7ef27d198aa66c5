"""Who waits at which futex. A wait is a record that a waker marks; no task is known here.

futex(2), futex(7).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

ALL_BITS: Final = 0xFFFF_FFFF


class Waiter:
    """One task's wait at `key`. `woken`: it is over."""

    def __init__(self, key: Hashable, bits: int) -> None:
        self.key = key
        self.bits = bits
        self.woken = False

    def is_woken(self) -> bool:
        return self.woken


class Futexes:
    """All waits of a machine, each key's in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[Waiter]] = {}

    def wait(self, key: Hashable, bits: int = ALL_BITS) -> Waiter:
        """A new wait at `key` for a wake with one of `bits`."""
        waiter = Waiter(key, bits)
        self._waiting.setdefault(key, []).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """The wait ends without a wake."""
        queue = self._waiting.get(waiter.key, [])
        if waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._waiting[waiter.key]

    def wake(self, key: Hashable, count: int, bits: int = ALL_BITS) -> int:
        """Ends up to `count` waits at `key`; returns how many."""
        woken = [waiter for waiter in self._waiting.get(key, []) if waiter.bits & bits][:count]
        for waiter in woken:
            self.leave(waiter)
            waiter.woken = True
        return len(woken)

    def requeue(self, key: Hashable, other: Hashable, count: int) -> int:
        """Lets up to `count` waits at `key` go on at `other`; returns how many."""
        moved = self._waiting.get(key, [])[:count]
        for waiter in moved:
            self.leave(waiter)
            waiter.key = other
            self._waiting.setdefault(other, []).append(waiter)
        return len(moved)
