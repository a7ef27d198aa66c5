"""The ledger: instructions by path and by crossing. Its sum is the total.

It is told totals at each crossing and each handover, and attributes the difference. It knows
neither registers nor kernels. A crossing's *entry* runs from its first kernel instruction to the
last handover to Python; its *exit* from there to the return; *handler* is 0: the handler is Python
and executes no guest instruction. What a nested trap in the kernel runs belongs to the crossing
that is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emu.watch.spread import Detail


class Row(NamedTuple):
    """One line of the ledger: how many crossings, and the sums over them."""

    mechanism: str
    abi: str
    crossings: int
    entry: int
    exit: int


class Kept(NamedTuple):
    """A ledger's sums at one moment, to go back to."""

    lines: dict[tuple[str, str], tuple[int, int, int]]
    opened: list[tuple[str, str]]
    mark: int
    handed_over: bool
    nested: int


class Line:
    """The sums of one kind of crossing, while they grow."""

    __slots__ = ("count", "entry", "exit")

    def __init__(self) -> None:
        self.count = self.entry = self.exit = 0


class Ledger:
    """Counts crossings from ring 3, and what the kernel executed for each."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], Line] = {}
        self.open = Line()  # what a kernel runs before the first crossing belongs to none
        self._mark = 0
        self._handed_over = False
        self.nested = 0

    def line(self, mechanism: str, abi: str) -> Line:
        """The line of `mechanism` from code of `abi`: what `entered` is told."""
        return self._lines.setdefault((mechanism, abi), Line())

    def entered(self, line: Line, kernel_total: int) -> None:
        """A crossing from ring 3 begins; the kernel has executed `kernel_total` so far."""
        self.close(kernel_total)
        line.count += 1
        self.open = line
        self._handed_over = False

    def handed_over(self, kernel_total: int) -> None:
        """The entry code handed over to Python: all since the last mark was entry."""
        self.open.entry += kernel_total - self._mark
        self._mark = kernel_total
        self._handed_over = True

    def trapped_in_kernel(self) -> None:
        """The kernel itself trapped: no crossing, its instructions belong to the open one."""
        self.nested += 1

    def close(self, kernel_total: int) -> None:
        """The open crossing ends here: by the next one, or because the machine stopped."""
        rest = kernel_total - self._mark
        if self._handed_over:
            self.open.exit += rest
        else:
            self.open.entry += rest
        self._mark = kernel_total

    def details(self) -> list[Detail] | None:
        """Crossings by what each was for; None: this ledger does not keep them apart."""
        return None

    def kept(self) -> Kept:
        """All sums as they are: for `restore`."""
        lines = {
            key: (one.count, one.entry, one.exit) for key, one in self._lines.items() if one.count
        }
        opened = [key for key, one in self._lines.items() if one is self.open]
        return Kept(lines, opened, self._mark, self._handed_over, self.nested)

    def restore(self, kept: Kept) -> None:
        """All sums as they were; lines stay the same objects, which others hold."""
        for key, line in self._lines.items():
            line.count, line.entry, line.exit = kept.lines.get(key, (0, 0, 0))
        self.open = self._lines[kept.opened[0]] if kept.opened else Line()
        self._mark, self._handed_over = kept.mark, kept.handed_over
        self.nested = kept.nested

    def rows(self) -> list[Row]:
        """The lines, by mechanism and ABI, in order of their first crossing."""
        return [
            Row(mechanism, abi, line.count, line.entry, line.exit)
            for (mechanism, abi), line in self._lines.items()
            if line.count
        ]

    @property
    def entry(self) -> int:
        """Kernel instructions on the way in."""
        return sum(line.entry for line in self._lines.values())

    @property
    def exit(self) -> int:
        """Kernel instructions on the way out."""
        return sum(line.exit for line in self._lines.values())
