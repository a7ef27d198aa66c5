"""Figures of crossings that are kept apart: how many, the least, the mean, the most.

Data only; detail.py fills it, detail_report.py prints it.
"""

from __future__ import annotations

from typing import NamedTuple


class Spread:
    """Some numbers: how many, their sum, the least and the most."""

    __slots__ = ("count", "least", "most", "total")

    def __init__(self) -> None:
        self.count = self.total = self.least = self.most = 0

    def add(self, value: int) -> None:
        """One more number."""
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value)
        self.count += 1
        self.total += value

    @property
    def mean(self) -> float:
        """Their mean; 0 of none."""
        return self.total / self.count if self.count else 0.0


class Detail(NamedTuple):
    """Crossings by one mechanism for one purpose. What never returned has no exit."""

    mechanism: str
    abi: str
    name: str
    entry: Spread
    exit: Spread
