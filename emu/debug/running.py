"""Running up to exactly the instruction that is wanted, and never beyond.

The engine runs long and calls back before the instructions that a plan names; whoever answers
"stop" there has the machine in front of that instruction, and the counter takes back what did not
run. It knows no breakpoints: a plan is a set of addresses and a question.

A callback that comes twice for one instruction (a `rep` goes on, a page fault was answered) is
known by the count, which is the same.

The machine's timer rings in front of the very instruction at which it is due, however the way there
was cut into runs: that makes a run with several tasks one that can be repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cpu.counters import KERNEL, USER
from emu.cpu.spies import EVERYWHERE, OnAccess, Range, Spies
from emu.debug.code import LEAVE, kind_of
from emu.debug.crossing import Crossing, frame_names, see
from emu.debug.memory import Memory
from emu.debug.position import Position
from emu.events import Entered, Refused
from emu.machine import Machine
from emu.memory import walk
from emu.x86.instructions import LONGEST
from emu.x86.registers import RSP

KERNEL_HALF: Final = Range(1 << 63, (1 << 64) - 1)
_LAST_OF_USER: Final = KERNEL_HALF.first - 1
_KEPT: Final = 256  # crossings

# How a run ended.
ASKED: Final = "asked"  # the plan's question said so
CROSSED: Final = "crossed"  # the plan's question about crossings said so
LIMIT: Final = "limit"
STOPPED: Final = "stopped"  # by `interrupt`, or because the program ended
_PIECE: Final = "piece"  # a piece of the way, cut off for the timer
_BLOCK: Final = 600  # instructions: no block has more
_NEAR_TIMER: Final = 2 * _BLOCK  # the engine stops up to a block before what it is told


class Plan(NamedTuple):
    """Where to look, and what to answer there.

    `before(address)` is asked in front of each instruction in `ranges`, `crossed` at each crossing;
    true stops the machine. `accesses` are physical addresses (True: writes), told to `accessed`.
    """

    ranges: frozenset[Range] = frozenset()
    before: Callable[[int], bool] = lambda address: True
    crossed: Callable[[Crossing], bool] = lambda crossing: False
    accesses: frozenset[tuple[Range, bool]] = frozenset()
    accessed: OnAccess = lambda address, size, write: None


_ALL: Final = frozenset((EVERYWHERE,))
ONE_STEP: Final = Plan(_ALL)


class Runner:
    """Runs one machine by plans, and watches its crossings."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.crossings: deque[Crossing] = deque(maxlen=_KEPT)
        self.current_task: Callable[[], int] = lambda: 0
        self._crossed = 0
        self._refusals: list[Refused] = []
        self._engine = machine.engine
        self._totals = machine.counter.totals
        self._memory = Memory(machine.engine)
        self._old = machine.engine.other_state()
        self._plan = Plan()
        self._start = 0
        self._key: tuple[int, int] | None = None
        self._ended = ""
        self.is_interrupted = False
        self._is_piecewise = False
        self._spies = Spies(machine.engine, self._before, self._accessed)
        machine.timer.slack = _BLOCK
        machine.processor.watch(self)

    @property
    def position(self) -> Position:
        """Where the machine stands. Exact between two runs only."""
        return Position(self._totals[USER] + self._totals[KERNEL], self._crossed)

    def last_crossing(self, task: int) -> Crossing | None:
        """The last crossing of `task` among those that are kept."""
        return next((one for one in reversed(self.crossings) if one.task == task), None)

    def forget(self, position: Position) -> None:
        """The machine was taken back to `position`: what came later did not happen."""
        self._crossed = position.crossings
        self._refusals.clear()
        while self.crossings and self.crossings[-1].position > position:
            self.crossings.pop()

    def run(self, plan: Plan, limit: int | None = None) -> str:
        """Runs by `plan`, at most until the block that reaches `limit` more instructions.

        Returns how it ended. Raises RingscopeError where the machine cannot go on.
        """
        self._plan = plan
        origin = self.position
        end = None if limit is None else origin.instructions + limit
        self._ended = ASKED
        while not self.is_interrupted:
            self._run_piece(plan, end)
            is_over = self._ended != _PIECE and (self._ended != ASKED or self.position != origin)
            if is_over:
                break
        if self.is_interrupted:
            self._ended = STOPPED
        return self._ended

    def halt(self) -> None:
        """Makes `run` end as ASKED, from within what it calls."""
        self._ended = ASKED
        self._engine.stop()

    def _run_piece(self, plan: Plan, end: int | None) -> None:
        """Runs as far as the timer allows, or rings it."""
        rest = None if end is None else max(end - self.position.instructions, 0)
        self.machine.timer.settle()
        due = self.machine.timer.due_in()
        self._is_piecewise = due is not None and due <= _NEAR_TIMER
        self.machine.timer.slack = _NEAR_TIMER if self._is_piecewise else _BLOCK
        if due == 0 and self._ring(plan):
            return
        self._spies.look_at(_ALL if self._is_piecewise else plan.ranges, plan.accesses)
        self._run_once(rest)

    def _ring(self, plan: Plan) -> bool:
        """The timer's interrupt, if ring 3 is next; it is a step of its own."""
        self._ended = _PIECE
        if not self.machine.ring_timer():
            return False
        self._engine.state.load()
        if self._ended == _PIECE and self._is_wanted(plan, self._engine.state.rip):
            self._ended = ASKED
        return True

    def _is_wanted(self, plan: Plan, address: int) -> bool:
        is_in = any(places.first <= address <= places.last for places in plan.ranges)
        return is_in and plan.before(address)

    def is_leaving(self) -> bool:
        """Whether the next instruction returns from ring 0 by SYSRET, SYSEXIT or IRET."""
        state = self._engine.state
        if state.cpl:
            return False
        return kind_of(self._memory.read_some(state.rip, LONGEST), True) == LEAVE

    def _run_once(self, limit: int | None) -> None:
        self._key = None
        self._start = self._engine.state.rip
        self._ended = STOPPED
        try:
            if self.machine.run(limit) and self._ended == STOPPED:
                self._ended = LIMIT
            elif self._ended == STOPPED and self.machine.is_near_timer:
                self._ended = _PIECE
        finally:
            self.machine.processor.pause()

    def interrupt(self) -> None:
        """Makes `run` return soon. May be called from any thread, and from a signal handler."""
        self.is_interrupted = True
        self._engine.stop()

    # ---- what the engine and the processor call

    def _before(self, address: int) -> None:
        totals = self._totals
        key = address, totals[USER] + (totals[KERNEL] if address > _LAST_OF_USER else 0)
        if key == self._key:
            return
        is_first, self._key = self._key is None, key
        if is_first and address == self._start:
            return
        if self.is_interrupted:
            self._engine.stop()
        elif self._is_piecewise:
            self._ended = ASKED if self._is_wanted(self._plan, address) else _PIECE
            self._engine.stop()
        elif self._plan.before(address):
            self._ended = ASKED
            self._engine.stop()

    def _accessed(self, address: int, size: int, write: bool) -> None:
        self._plan.accessed(address, size, write)

    def entered(self, event: Entered) -> None:
        """A crossing was delivered: kept, and told to the plan."""
        self._crossed += 1
        crossing = self._record(event)
        self.crossings.append(crossing)
        self._refusals.clear()
        if self._plan.crossed(crossing):
            self._ended = CROSSED
            self._engine.stop()

    def refused(self, event: Refused) -> None:
        """A check of a delivery failed: told with the crossing that follows."""
        self._refusals.append(event)

    def _record(self, event: Entered) -> Crossing:
        """In a watcher's call: the engine holds what was, the state block what will be."""
        state, old = self._engine.state, self._old
        old.load()
        names = frame_names(event)
        at = state.words[RSP] if names else 0
        return Crossing(
            event=event,
            position=self.position,
            before=see(old, event.from_rip, self.machine.processor.rflags),
            after=see(state, event.entry_rip, state.flags_set),
            frame_at=at,
            frame=tuple(zip(names, self._quads(at, len(names)), strict=True)),
            refusals=tuple(self._refusals),
            task=self.current_task(),
        )

    def _quads(self, address: int, count: int) -> list[int]:
        if not count:
            return []
        content = walk.read(
            self._engine.physical, self._engine.state.control(3), address, 8 * count
        )
        return list(memoryview(content).cast("Q"))
