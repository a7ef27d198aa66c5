"""The signal before the death: where an exception kills the program, a client sees it alive first.

The core tells of a program that ended. Here the machine is taken back to ring 3, in front of the
instruction that did it, so that registers and stack can be looked at; the next time it dies. It
needs a history, and says nothing where there is none. signal(7); gdb's manual, "Signals".
"""

from __future__ import annotations

from typing import Final

from emu.debug import stops
from emu.debug.core import Debugger
from emu.debug.crossing import Crossing
from emu.debug.position import Position
from emu.errors import UsageError
from emu.x86 import crossings as ways
from emu.x86 import vectors
from emu.x86.paging import PF_FETCH
from emu.x86.registers import GPRS, RSP

SIGNALLED: Final = "signalled"  # a kind of stop: `ending` is what comes next
_WORD: Final = 8


class Deaths:
    """The deaths of one program."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._known: Position | None = None  # of the crossing that will kill it

    def in_front_of(self, stop: stops.Stop) -> stops.Stop:
        """`stop`, or if an exception killed the program, a stop of kind SIGNALLED before that."""
        crossings = self._debugger.crossings
        if stop.ending is None or not stop.ending.signal or not crossings:
            return stop
        deadly = crossings[-1]
        if deadly.event.mechanism != ways.FAULT or deadly.position == self._known:
            return stop
        try:
            here = self._go_back(deadly)
        except UsageError:  # there is no history
            return stop
        if here is None:
            return self._debugger.stop  # the client did not want to wait
        instructions, crossing = here.position.instructions, deadly.position.crossings
        self._known = Position(instructions, crossing)
        return here._replace(kind=SIGNALLED, ending=stop.ending)

    def _go_back(self, deadly: Crossing) -> stops.Stop | None:
        """Stands in ring 3 as before the crossing; None if it did not come there.

        The machine has never stood in front of an instruction that cannot be fetched: it goes to
        the jump that led there, and is given what that made of registers and stack.
        """
        debugger, before = self._debugger, deadly.before
        place = deadly.position._replace(crossings=deadly.position.crossings - 1)
        if not _is_fetch(deadly):
            return self._go_to(place)
        pointer = before.gprs[RSP]
        pushed = debugger.memory.read_some(pointer, _WORD)
        stop = self._go_to(place._replace(instructions=place.instructions - 1))
        if stop is None:
            return None
        for name, value in (*zip(GPRS, before.gprs, strict=True), ("rip", before.rip)):
            if debugger.read_register(name) != value:
                debugger.write_register(name, value)
        if debugger.memory.read_some(pointer, _WORD) != pushed:
            debugger.write_memory(pointer, pushed)
        return stop._replace(rip=before.rip)

    def _go_to(self, place: Position) -> stops.Stop | None:
        stop = self._debugger.go_to(place)
        return stop if self._debugger.position == place else None


def _is_fetch(crossing: Crossing) -> bool:
    """Whether the instruction itself was not there, or not to be executed."""
    code = crossing.event.error_code
    return crossing.event.vector == vectors.PF and code is not None and bool(code & PF_FETCH)
