"""Watchpoints: who reads and writes a place in memory, and what it held before.

The engine tells physical addresses, and a page may move, so each access is compared with where the
place is at that moment. That makes every access of the program a call into Python: a machine with
a watchpoint is slow, one without pays nothing. What Python writes for the kernel no processor sees:
in ring 0 the values are compared.
"""

from __future__ import annotations

from typing import Final

from emu.cpu.engine import Engine
from emu.cpu.spies import Range
from emu.debug.memory import Memory, Unreadable
from emu.debug.points import ACCESS_WATCH, READ_WATCH, WATCH, WATCHES, Point
from emu.debug.stops import Access
from emu.x86.paging import PAGE_SIZE

_SEES_WRITES: Final = (WATCH, ACCESS_WATCH)
_SEES_READS: Final = (READ_WATCH, ACCESS_WATCH)


class Watching:
    """The places watched during one run."""

    def __init__(self, engine: Engine, memory: Memory) -> None:
        self._all_of_ram = Range(0, engine.physical.size - 1)
        self._memory = memory
        self._points: list[Point] = []
        self._values: dict[int, bytes] = {}
        self._touched: dict[int, tuple[bool, int]] = {}  # by number: is a write, by which RIP
        self.rip = 0  # of the instruction that runs

    def prepare(self, table: list[Point]) -> frozenset[tuple[Range, bool]]:
        """Watches the watchpoints of `table`; returns the accesses that must be told."""
        self._points = [point for point in table if point.kind in WATCHES]
        self._touched.clear()
        self._values = {point.number: self.value(point) for point in self._points}
        accesses = set()
        for point in self._points:
            if point.kind in _SEES_READS:
                accesses.add((self._all_of_ram, False))
            if point.kind in _SEES_WRITES:
                accesses.add((self._all_of_ram, True))
        return frozenset(accesses)

    @property
    def has_news(self) -> bool:
        """Whether a watched place was touched since the last `take`."""
        return bool(self._touched)

    def value(self, point: Point) -> bytes:
        """What stands there; less than all where no page is."""
        return self._memory.read_some(point.address, point.size)

    def accessed(self, address: int, size: int, write: bool) -> None:
        """The program accessed `size` bytes at the physical `address`."""
        for point in self._points:
            if point.kind not in (_SEES_WRITES if write else _SEES_READS):
                continue
            if self._overlaps(point, address, size):
                was_write = self._touched.get(point.number, (False, 0))[0]
                self._touched[point.number] = (write or was_write, self.rip)

    def _overlaps(self, point: Point, address: int, size: int) -> bool:
        start, end = point.address, point.address + point.size
        while start < end:
            length = min(end - start, PAGE_SIZE - start % PAGE_SIZE)
            if (start - address) % PAGE_SIZE < size or (address - start) % PAGE_SIZE < length:
                try:
                    here = self._memory.translate(start)
                except Unreadable:
                    here = -PAGE_SIZE
                if here < address + size and address < here + length:
                    return True
            start += length
        return False

    def compare(self) -> None:
        """Looks for changes that no instruction made."""
        for point in self._points:
            if point.kind in _SEES_WRITES and self.value(point) != self._values[point.number]:
                self._touched.setdefault(point.number, (True, self.rip))

    def take(self, point: Point) -> Access | None:
        """The access to the place of `point` that is to be told, if there was one."""
        touched = self._touched.pop(point.number, None)
        if touched is None:
            return None
        old, new = self._values[point.number], self.value(point)
        self._values[point.number] = new
        if point.kind == WATCH and old == new:
            return None
        is_write, rip = touched
        before = old if is_write else new  # who reads changes nothing; others may have
        return Access(point.address, point.size, is_write, rip, before, new)
