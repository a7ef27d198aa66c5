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
from emu.debug.guest import Guest, SourceLine
from emu.debug.handling import Handling
from emu.debug.history import History
from emu.debug.line_ways import LineWays
from emu.debug.looking import Looking
from emu.debug.memory import Memory, Unreadable
from emu.debug.news import SIGNAL, News
from emu.debug.points import Points
from emu.debug.position import Position
from emu.debug.running import Runner
from emu.debug.stopping import Goal
from emu.debug.stops import Stop
from emu.debug.ways import Ways
from emu.errors import Interrupted, RingscopeError, UsageError
from emu.machine import Machine

_MASK64: Final = (1 << 64) - 1


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
        self._ways = Ways(self.runner, self.points, self.memory, guest, self.history)
        self._lines = LineWays(self._ways, guest)
        self._back = Backwards(self.runner, self.history, self._ways)
        self._looking = Looking(machine.engine, guest)
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
    def line(self) -> SourceLine | None:
        """The source line of the next instruction; None in ring 0."""
        return self._lines.here()

    @property
    def handling(self) -> Handling:
        """What is done when a signal arrives."""
        return self._ways.handling

    def hear(self, tell: Callable[[News], None]) -> None:
        """From now on `tell` hears what becomes of tasks while the machine runs forwards."""
        self._ways.hear = tell

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """The last crossings, the newest at the end."""
        return tuple(self.runner.crossings)

    def last_crossing(self) -> Crossing | None:
        """The last one of the task that is looked at."""
        return self.runner.last_crossing(self.task)

    # ---- reading and changing

    def read_register(self, name: str) -> int:
        """The register `name` (emu.debug.registers). Raises UsageError."""
        return registers.find(name).read(self.engine)

    def write_register(self, name: str, value: int) -> None:
        """Raises UsageError: no such register, or it cannot hold `value` here."""
        registers.write(self.engine, name, value)
        self._looking.changed()
        self.history.changed()

    def read_memory(self, address: int, size: int) -> bytes:
        """`size` bytes of linear memory, whatever the rights. Raises Unreadable."""
        content = self.show_memory(address, size)
        if len(content) < size:
            raise Unreadable(address + len(content) & _MASK64)
        return content

    def show_memory(self, address: int, size: int) -> bytes:
        """As much of `size` bytes as there is, untouched pages as a touch would find them."""
        content = self.memory.read_some(address, size)
        while len(content) < size:
            more = self.guest.peek(address + len(content), size - len(content))
            if not more:
                break
            content += more
            content += self.memory.read_some(address + len(content), size - len(content))
        return content

    def write_memory(self, address: int, data: bytes) -> None:
        """Raises Unreadable, before any byte is written."""
        self.memory.write(address, data)
        self.history.changed()

    # ---- tasks

    @property
    def task(self) -> int:
        """The task that is looked at: the one that runs, or another that was selected."""
        return self._looking.task

    def select(self, task: int) -> None:
        """Looks at `task` until the machine runs again. Raises UsageError: there is none."""
        self._looking.look_at(task)

    def send_signal(self, name: str) -> None:
        """Sends a signal to the task that is looked at. Raises UsageError."""
        task = self.task
        self._looking.end()
        self.guest.send_signal(task, name)
        self.history.changed()

    def drop_signal(self) -> None:
        """The signal for which the machine stands here will not arrive: goes back before it did.

        Raises UsageError: it does not stand here for a signal, or there is no way back.
        """
        news = self.stop.news
        if news is None or news.kind != SIGNAL:
            raise UsageError("the machine does not stand here for a signal")
        place = self._ways.news_at
        self.go_to(place)
        self.reverse_step()
        self.handling.drop_next(news.text)
        self.history.changed()

    # ---- forwards

    def step(self, count: int = 1) -> Stop:
        """Executes `count` instructions, into the kernel and out of it; points are looked at."""
        return self._run(lambda: self._ways.step(count))

    def step_line(self) -> Stop:
        """To another source line, into functions that have lines; without a line, as `step`."""
        return self._run(self._lines.step)

    def next_line(self) -> Stop:
        """To another source line of this function or its caller; without a line, as `next`."""
        return self._run(self._lines.next)

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
        return self._run(lambda: self._ways.finish_trap(self.guest.current_task()))

    def resume(self, limit: int | None = None) -> Stop:
        """Runs until a point is reached, the program ends, or `limit` instructions have run."""
        return self._run(lambda: self._ways.go(Goal(limit=limit)), of_task=False)

    def run_to(self, addresses: Iterable[int]) -> Stop:
        """Runs until one of `addresses` is next (stop `ARRIVED`), or as `resume` does."""
        goal = Goal(arrivals=frozenset(addresses))
        return self._run(lambda: self._ways.go(goal), of_task=False)

    def run_to_instruction(self, number: int) -> Stop:
        """Until `number` instructions have retired since the start; backwards if that is past."""
        if number < self.position.instructions:
            return self._go_back(lambda: self._back.to_instruction(number))
        return self._run(lambda: self._ways.to_instruction(number), of_task=False)

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

    def _run(self, way: Callable[[], Stop], of_task: bool = True) -> Stop:
        """`of_task`: the way belongs to the task that is looked at, so that one must come first."""
        task = self.task
        self._looking.end()
        if self.has_ended:
            return self._standing(stops.ENDED)
        self.history.begin()
        if of_task and task != self.guest.current_task():
            stop = self._guarded(lambda: self._ways.to_task(task))
            if stop.kind != stops.ARRIVED:
                return stop
        return self._guarded(way)

    def _go_back(self, way: Callable[[], Stop]) -> Stop:
        self._looking.end()
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
        task = self.guest.current_task()
        stop = Stop(kind, self.position, self.rip, self.cpl, ending=ending, message=message)
        return stop._replace(task=task)
