"""The ledger in detail: each crossing by what it was for, with the least, the mean and the most.

It is a ledger that also keeps the figures of each crossing apart; whoever knows what a crossing is
for says so by `named`. It knows neither system calls nor exceptions.
"""

from __future__ import annotations

from emu.watch.ledger import Ledger, Line
from emu.watch.spread import Detail, Spread


class DetailedLedger(Ledger):
    """A ledger that keeps a Detail for each purpose."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[int, tuple[str, str]] = {}  # of a line, by its identity
        self._details: dict[tuple[str, str, str], Detail] = {}
        self._current: tuple[str, str] | None = None
        self._name = ""
        self._entry = self._exit = 0

    def line(self, mechanism: str, abi: str) -> Line:
        line = super().line(mechanism, abi)
        self._names[id(line)] = mechanism, abi
        return line

    def entered(self, line: Line, kernel_total: int) -> None:
        super().entered(line, kernel_total)
        self._current, self._name = self._names[id(line)], ""
        self._entry = self._exit = 0

    def named(self, name: str) -> None:
        """The open crossing is for `name`; the first name counts."""
        self._name = self._name or name

    def handed_over(self, kernel_total: int) -> None:
        self._entry += kernel_total - self._mark
        super().handed_over(kernel_total)

    def close(self, kernel_total: int) -> None:
        rest = kernel_total - self._mark
        if self._handed_over:
            self._exit += rest
        else:
            self._entry += rest
        super().close(kernel_total)
        if self._current is not None:
            self._keep(self._current)
            self._current = None

    def _keep(self, kind: tuple[str, str]) -> None:
        key = (*kind, self._name)
        detail = self._details.get(key)
        if detail is None:
            detail = self._details[key] = Detail(*key, Spread(), Spread())
        detail.entry.add(self._entry)
        if self._exit:
            detail.exit.add(self._exit)

    def details(self) -> list[Detail]:
        """What was kept: by mechanism and ABI in order of their first crossing, the most first."""
        kinds = list(self._lines)
        return sorted(
            self._details.values(),
            key=lambda d: (kinds.index((d.mechanism, d.abi)), -d.entry.count, d.name),
        )
