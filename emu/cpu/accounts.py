"""Who is told of crossings: the ledger by numbers, watchers by events, and what was refused.

No event object is built that nobody reads. It knows mechanisms and ABIs by name, and neither
registers nor how a crossing is made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from emu.cpu.callbacks import KERNEL_AT_ENTRY, PATH, PATH_TAKEN
from emu.cpu.counters import KERNEL
from emu.events import Entered, Refused
from emu.hooks import Watcher
from emu.x86 import crossings

_REFUSALS_KEPT: Final = 64
_NATIVE: Final = (crossings.SYSCALL, True)


class Ledger(Protocol):
    """The ledger as it is told (emu/watch/ledger.py)."""

    def line(self, mechanism: str, abi: str) -> Any: ...
    def entered(self, line: Any, kernel_total: int) -> None: ...
    def handed_over(self, kernel_total: int) -> None: ...
    def trapped_in_kernel(self) -> None: ...


class Accounts:
    """The ledger and the watchers of one CPU, whose kernel path is counted in `totals`."""

    def __init__(
        self, ledger: Ledger, watchers: Sequence[Watcher], cells: memoryview, totals: Sequence[int]
    ) -> None:
        self.ledger = ledger
        self.watchers = list(watchers)
        self.refusals: deque[Refused] = deque(maxlen=_REFUSALS_KEPT)
        self._lines: dict[tuple[str, bool], Any] = {}  # of the ledger, by mechanism and CS.L
        self._cells = cells
        self._totals = totals

    def settle(self) -> None:
        """Tells the ledger of the SYSCALL that native code did since the last callback."""
        cells = self._cells
        if cells[PATH] == PATH_TAKEN:
            cells[PATH] = 0
            line = self._lines.get(_NATIVE) or self._line(*_NATIVE)
            self.ledger.entered(line, cells[KERNEL_AT_ENTRY])

    def handed_over(self) -> None:
        """The entry code hands over."""
        self.settle()
        self.ledger.handed_over(self._totals[KERNEL])

    def refused(self, refusal: Refused) -> None:
        """A check of a delivery failed."""
        self.refusals.append(refusal)
        for watcher in self.watchers:
            watcher.refused(refusal)

    def entered(
        self,
        mechanism: str,
        vector: int | None,
        code: int | None,
        cpl: int,
        long: bool,
        from_rip: int,
        entry: int,
    ) -> None:
        """A crossing from `cpl` was delivered; its first instruction, at `entry`, runs next."""
        self.settle()
        if cpl:
            line = self._lines.get((mechanism, long)) or self._line(mechanism, long)
            self.ledger.entered(line, self._totals[KERNEL])
        else:
            self.ledger.trapped_in_kernel()
        if self.watchers:
            event = Entered(mechanism, vector, code, cpl, long, from_rip, entry)
            for watcher in self.watchers:
                watcher.entered(event)

    def _line(self, mechanism: str, long: bool) -> Any:
        is_long = long and mechanism not in crossings.CALLS_OF_32_BIT_CODE
        abi = crossings.ABI_OF_64_BIT_CODE if is_long else crossings.ABI_OF_32_BIT_CODE
        line = self._lines[mechanism, long] = self.ledger.line(mechanism, abi)
        return line
