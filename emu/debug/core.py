"""The debugger: a machine with its kernel, stopped; what to read, and the ways to go on.

It joins the runner, the points and the history, and says in a `Stop` why the machine stands still.
It knows neither prompt nor socket nor Linux: what a kernel alone knows comes through `Guest`.
The machine always stands between two instructions while a method is not running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from emu.debug import registers, stops
from emu.debug.backwards import Backwards
from emu.debug.crossing import Crossing
from emu.debug.guest import Guest
from emu.debug.history import History
from emu.debug.memory import Memory
from emu.debug.points import Points
from emu.debug.position import Position
from emu.debug.running import Runner
from emu.debug.stopping import Goal, Stopping
from emu.debug.stops import Stop
from emu.errors import Interrupted, RingscopeError, UsageError
from emu.machine import Machine


class Debugger:
    """A debugger of the program that `guest` has put on `machine`.

    The methods that run the machine return a `Stop`; they raise nothing but errors of the caller.
    `interrupt` may be called from any thread. `points` are breakpoints, watchpoints, catchpoints.
    """

    def __init__(self, machine: Machine, guest: Guest) -> None:
        self.machine: Final = machine
        self.engine: Final = machine.engine
        self.guest: Final = guest
        self.points: Final = Points()
        self.runner: Final = Runner(machine)
        self.memory: Final = Memory(machine.engine)
        self.history: Final = History(self.runner, guest)
        self._ways = Stopping(self.runner, self.points, self.memory, guest, self.history)
        self._back = Backwards(self.runner, self.history, self._ways)
        self.engine.state.load()
        self.stop = self._standing(stops.STARTED)

    # ---- where it stands

    @property
    def position(self) -> Position:
        """Instructions retired and crossings made so far."""
        return self.runner.position

    @property
    def rip(self) -> int:
        """Where the next instruction stands."""
        return self.engine.state.rip

    @property
    def cpl(self) -> int:
        """The ring that it will run in."""
        return self.engine.state.cpl

    @property
    def has_ended(self) -> bool:
        """Whether the program ended, so that nothing can run (backwards it can)."""
        return self.guest.ending() is not None

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """The last crossings, the newest at the end."""
        return tuple(self.runner.crossings)

    # ---- reading and changing

    def read_register(self, name: str) -> int:
        """The register `name` (emu.debug.registers). Raises UsageError."""
        return registers.find(name).read(self.engine)

    def write_register(self, name: str, value: int) -> None:
        """Raises UsageError: no such register, or it cannot hold `value` here."""
        registers.write(self.engine, name, value)
        self.history.changed()

    def read_memory(self, address: int, size: int) -> bytes:
        """`size` bytes of linear memory, whatever the rights. Raises Unreadable."""
        return self.memory.read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Raises Unreadable, before any byte is written."""
        self.memory.write(address, data)
        self.history.changed()

    # ---- forwards

    def step(self, count: int = 1) -> Stop:
        """Executes `count` instructions, into the kernel and out of it; points are looked at."""
        return self._run(lambda: self._ways.step(count))

    def next(self) -> Stop:
        """One instruction; a call or a crossing that it makes runs whole."""
        return self._run(self._ways.next)

    def until(self) -> Stop:
        """As `next`, but forwards only: a loop runs to its end."""
        return self._run(self._ways.until)

    def finish(self) -> Stop:
        """Until the function that runs has returned."""
        return self._run(self._ways.finish)

    def finish_trap(self) -> Stop:
        """Until ring 3 runs again. Raises UsageError in ring 3."""
        if self.cpl == 3:
            raise UsageError("ring 3 runs already: finish-trap leads from the kernel back to it")
        return self._run(self._ways.finish_trap)

    def resume(self, limit: int | None = None) -> Stop:
        """Runs until a point is reached, the program ends, or `limit` instructions have run."""
        return self._run(lambda: self._ways.go(Goal(limit=limit)))

    def run_to(self, addresses: Iterable[int]) -> Stop:
        """Runs until one of `addresses` is next (stop `ARRIVED`), or as `resume` does."""
        goal = Goal(arrivals=frozenset(addresses))
        return self._run(lambda: self._ways.go(goal))

    def run_to_instruction(self, number: int) -> Stop:
        """Until `number` instructions have retired since the start; backwards if that is past."""
        if number < self.position.instructions:
            return self._go_back(lambda: self._back.to_instruction(number))
        return self._run(lambda: self._ways.to_instruction(number))

    # ---- backwards; each raises UsageError where there is no history

    def reverse_step(self, count: int = 1) -> Stop:
        """Takes back `count` instructions; `BEGINNING` where there are no more."""
        return self._go_back(lambda: self._back.step(count))

    def reverse_resume(self) -> Stop:
        """Back to where a point was reached last, or to the beginning."""
        return self._go_back(self._back.resume)

    def go_to(self, position: Position) -> Stop:
        """To a position where the machine has stood."""
        return self._go_back(lambda: self._back.go_to(position))

    def interrupt(self) -> None:
        """Stops the machine soon: the running method returns `INTERRUPTED`."""
        self.runner.interrupt()

    # ---- how a run becomes a stop

    def _run(self, way: Callable[[], Stop]) -> Stop:
        if self.has_ended:
            return self._standing(stops.ENDED)
        self.history.begin()
        return self._guarded(way)

    def _go_back(self, way: Callable[[], Stop]) -> Stop:
        here = self.position
        stop = self._guarded(way)
        if stop.kind == stops.INTERRUPTED and self.position != here:
            self.runner.is_interrupted = False
            self.history.go_to(here)
            stop = self._standing(stops.INTERRUPTED)
        return stop

    def _guarded(self, way: Callable[[], Stop]) -> Stop:
        """What goes wrong with the machine is a stop; what the caller does wrong is raised."""
        self.runner.is_interrupted = False
        try:
            self.stop = way()
        except UsageError:
            raise
        except Interrupted:
            if self.guest.retract():
                self.machine.processor.retract_handover()
            self.stop = self._standing(stops.INTERRUPTED)
        except RingscopeError as error:
            self.stop = self._standing(stops.FAILED, str(error))
        return self.stop

    def _standing(self, kind: str, message: str = "") -> Stop:
        ending = self.guest.ending()
        return Stop(kind, self.position, self.rip, self.cpl, ending=ending, message=message)
