"""The ways back, made of the history and of the ways forwards.

To find where a point was reached last, stretches of the past are run again, the latest first.
"""

from __future__ import annotations

from emu.debug import stops
from emu.debug.history import OVERSHOOT, History
from emu.debug.position import Position
from emu.debug.running import Runner
from emu.debug.stopping import Goal
from emu.debug.stops import Stop
from emu.debug.ways import Ways
from emu.errors import Interrupted

_POINTS = (stops.BREAKPOINT, stops.WATCHPOINT, stops.CROSSING, stops.RETURN, stops.NEWS)


class Backwards:
    """Goes back, and says where it arrived."""

    def __init__(self, runner: Runner, history: History, ways: Ways) -> None:
        self._runner = runner
        self._history = history
        self._ways = ways

    def step(self, count: int) -> Stop:
        """`count` steps back."""
        for _ in range(count):
            before = self._history.previous()
            if before is None:
                return self._ways.here(stops.BEGINNING)
            self._history.go_to(before)
        return self._ways.here(stops.STEPPED)

    def go_to(self, position: Position) -> Stop:
        """To a position of the past, or of the future that is known."""
        self._history.go_to(position)
        return self._ways.here(stops.ARRIVED)

    def to_instruction(self, number: int) -> Stop:
        """To the last position in front of instruction `number`."""
        first = self._history.first
        if number < first.instructions:
            return self.go_to(first)._replace(kind=stops.BEGINNING)
        before = self._history.snapshots_before(Position(number, 0))
        if before:
            self._history.restore(before[-1])
        else:
            self._history.go_to(first)
        return self._ways.to_instruction(number)

    def resume(self) -> Stop:
        """To the last point reached before here; the points count nothing."""
        first, end = self._history.first, self._runner.position
        self._ways.again = True
        try:
            for snapshot in reversed(self._history.snapshots_before(end)):
                self._history.restore(snapshot)
                found = self._last_point(end)
                if found is not None:
                    self._history.go_to(found.position)
                    return found
                end = snapshot.position
        finally:
            self._ways.again = False
        return self.go_to(first)._replace(kind=stops.BEGINNING)

    def _last_point(self, end: Position) -> Stop | None:
        """Runs up to `end`; the last stop at a point before it."""
        found: Stop | None = None
        while self._runner.position < end:
            rest = end.instructions - self._runner.position.instructions - OVERSHOOT
            stop = self._ways.go(Goal(limit=rest)) if rest > OVERSHOOT else self._ways.step()
            if stop.kind in _POINTS and stop.position < end:
                found = stop
            if stop.kind == stops.INTERRUPTED:
                raise Interrupted("interrupted on the way back")
        return found
