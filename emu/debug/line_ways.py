"""The ways to go on by source lines: step into functions, next over them.

A line is left where another one begins, in front of a statement. What has no lines is run whole, as
gdb does; a function of a library is found through the stub that jumps to it. Where the machine
stands on no line, the ways by instructions are what there is.
gdb's manual, "Continuing and Stepping".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.cpu.spies import Range
from emu.debug import code, stops
from emu.debug.guest import Guest, SourceLine
from emu.debug.running import KERNEL_HALF
from emu.debug.stopping import Goal
from emu.debug.stops import Stop
from emu.debug.ways import Ways
from emu.x86.registers import RSP

_USER_HALF: Final = frozenset((Range(0, KERNEL_HALF.first - 1),))


class _Left(NamedTuple):
    """A line was left: by the instruction at `last`, in front of `rip`."""

    last: int
    rip: int
    pointer: int


class LineWays:
    """Goes on by lines, made of the ways by instructions."""

    def __init__(self, ways: Ways, guest: Guest) -> None:
        self._ways = ways
        self._guest = guest

    def here(self) -> SourceLine | None:
        """The line where the machine stands; None in ring 0."""
        state = self._ways.state
        return self._guest.line_at(state.rip) if state.cpl == 3 else None

    def step(self) -> Stop:
        """To another line, into functions that have lines."""
        return self._to_another_line(into=True)

    def next(self) -> Stop:
        """To another line of this function, or of its caller."""
        return self._to_another_line(into=False)

    def _to_another_line(self, into: bool) -> Stop:
        line = self.here()
        if line is None:
            return self._ways.step() if into else self._ways.next()
        start = line
        while True:
            stop, left = self._leave(line)
            if left is None:
                return stop
            if self._is_call(left):
                stop = self._through_call(left, into)
                if stop.kind != stops.STEPPED:
                    return stop
            there = self.here()
            if there is None:
                return self._ways.here(stops.STEPPED)
            is_other = (there.file, there.line) != (start.file, start.line)
            begins = there.is_statement and there.start == self._ways.state.rip
            if (is_other and (begins or self._has_returned(left))) or self._has_entered(left, into):
                return self._ways.here(stops.STEPPED)
            line = there

    def _has_entered(self, left: _Left, into: bool) -> bool:
        """Whether the machine stands in the function that was called, behind its prologue."""
        return into and self._is_call(left) and self._ways.state.words[RSP] <= left.pointer

    def _has_returned(self, left: _Left) -> bool:
        return self._ways.kind_at(left.last) == code.RET

    def _leave(self, line: SourceLine) -> tuple[Stop, _Left | None]:
        """Runs until an instruction outside of `line` is next, in the same task and in ring 3."""
        ways, state = self._ways, self._ways.state
        task, last = self._guest.current_task(), state.rip

        def is_outside(address: int) -> bool:
            nonlocal last
            if self._guest.current_task() != task:
                return False
            if line.start <= address < line.end:
                last = address
                return False
            return True

        goal = Goal(stops.STEPPED, everywhere=is_outside, within=_USER_HALF, task=task)
        stop = ways.go(goal)
        if stop.kind != stops.STEPPED:
            return stop, None
        return stop, _Left(last, state.rip, state.words[RSP])

    def _is_call(self, left: _Left) -> bool:
        """Whether the line was left by a call, whose return address is on the stack."""
        return self._ways.kind_at(left.last) == code.CALL

    def _through_call(self, left: _Left, into: bool) -> Stop:
        """Behind the prologue of what was called, or back from it."""
        target = self._guest.line_at(left.rip)
        if into and target is not None:
            return self._behind_prologue(target)
        ways = self._ways
        back = left.last + ways.length(left.last)
        task, pointer = self._guest.current_task(), left.pointer
        lined = self._guest.lined() if into else []

        def has_returned() -> bool:
            return ways.state.words[RSP] > pointer

        def is_entered(address: int) -> bool:
            """Whether a stub jumped to a function with lines: our return address is on top."""
            if address == back:
                return True
            ways.load()
            return ways.state.words[RSP] == pointer and self._guest.current_task() == task

        ranges = frozenset(Range(low, high - 1) for low, high in lined) | {Range(back, back)}
        if into and lined:
            goal = Goal(stops.STEPPED, everywhere=is_entered, within=_disjoint(ranges), task=task)
        else:
            goal = Goal(stops.STEPPED, frozenset((back,)), holds=has_returned, task=task)
        stop = ways.go(goal)
        while stop.kind == stops.STEPPED and stop.rip == back and not has_returned():
            stop = ways.go(goal)
        target = self._guest.line_at(stop.rip)
        if stop.kind == stops.STEPPED and stop.rip != back and target is not None:
            return self._behind_prologue(target)
        return stop

    def _behind_prologue(self, target: SourceLine) -> Stop:
        """In front of the second line of a function, as its arguments are in their places then."""
        place = behind_prologue(self._guest, target.start)
        if place == target.start:
            return self._ways.here(stops.STEPPED)
        goal = Goal(stops.STEPPED, frozenset((place,)), task=self._guest.current_task())
        return self._ways.go(goal)


def behind_prologue(guest: Guest, start: int) -> int:
    """Where the second line of the function at `start` begins; `start` if that is unknown."""
    line = guest.line_at(start)
    if line is None or line.is_assembly or line.start != start:
        return start
    first = line.line
    while line is not None and line.line == first:
        end, line = line.end, guest.line_at(line.end)
    return start if line is None else end


def _disjoint(ranges: frozenset[Range]) -> frozenset[Range]:
    """The same addresses in ranges that do not overlap: each instruction is asked about once."""
    found: list[Range] = []
    for places in sorted(ranges):
        if found and places.first <= found[-1].last + 1:
            found[-1] = Range(found[-1].first, max(found[-1].last, places.last))
        else:
            found.append(places)
    return frozenset(found)
