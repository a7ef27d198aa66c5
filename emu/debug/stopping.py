"""The ways to go on, each a goal for the runner and a look at where it led.

Each looks at the points on its way; only a `Stop` comes out. It keeps nothing between two calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cpu.spies import EVERYWHERE, Range
from emu.debug import code, points, stops
from emu.debug.code import Kinds
from emu.debug.crossing import Crossing, Return, Seen, see
from emu.debug.guest import Guest
from emu.debug.history import OVERSHOOT, History
from emu.debug.memory import Memory
from emu.debug.points import Point, Points
from emu.debug.running import ASKED, KERNEL_HALF, LIMIT, STOPPED, Plan, Runner
from emu.debug.stops import Stop
from emu.debug.watching import Watching
from emu.errors import RingscopeError, UsageError
from emu.x86 import crossings as ways
from emu.x86.instructions import LONGEST
from emu.x86.registers import RAX, RSP

CALLS: Final = (ways.SYSCALL, ways.SYSENTER, ways.INT80)


class Goal(NamedTuple):
    """Where to stop, points apart, and what the stop is called.

    At `arrivals`, or in front of any instruction for which `everywhere` is true, if `holds` is true
    there; at the first instruction of ring 3 if `on_return`; after about `limit` instructions.
    """

    kind: str = stops.ARRIVED
    arrivals: frozenset[int] = frozenset()
    everywhere: Callable[[int], bool] | None = None
    holds: Callable[[], bool] = lambda: True
    on_return: bool = False
    limit: int | None = None


class Stopping:
    """Goes on and finds out why it stopped."""

    def __init__(
        self, runner: Runner, table: Points, memory: Memory, guest: Guest, history: History
    ) -> None:
        self._runner = runner
        self._history = history
        self.again = False  # whether the machine runs where it has run before
        self._points = table
        self._guest = guest
        self._memory = memory
        self._state = runner.machine.engine.state
        self._engine = runner.machine.engine
        self._kinds = Kinds(memory)
        self._watching = Watching(runner.machine.engine, memory)
        self._goal = Goal()
        self._addresses: frozenset[int] = frozenset()
        self._wants_return = self._is_watching = False

    # ---- the ways

    def step(self, count: int = 1) -> Stop:
        """`count` instructions, unless a point comes first."""
        goal = Goal(stops.STEPPED, everywhere=lambda address: True)
        stop = self.go(goal)
        while stop.kind == stops.STEPPED and count > 1:
            count -= 1
            stop = self.go(goal)
        return stop

    def to_instruction(self, number: int) -> Stop:
        """Until `number` instructions have retired, exactly."""
        rest = number - self._runner.position.instructions
        if rest > OVERSHOOT:
            stop = self.go(Goal(limit=rest - OVERSHOOT))
            if stop.kind != stops.LIMIT:
                return stop
        stop = self.here(stops.ARRIVED)
        while self._runner.position.instructions < number:
            stop = self.step()
            if stop.kind != stops.STEPPED:
                return stop
        return stop._replace(kind=stops.ARRIVED)

    def next(self) -> Stop:
        """One instruction; what it calls, or has the kernel do, runs whole."""
        state = self._state
        start, cpl, pointer = state.rip, state.cpl, state.words[RSP]
        if self._kind_here() == code.CALL:
            after = frozenset((start + self._length(start),))
            goal = Goal(stops.STEPPED, after, holds=lambda: state.words[RSP] > pointer - 8)
            return self.go(goal)
        user = self._runner.machine.counter.user
        while True:
            stop = self.step()
            if stop.kind == stops.STEPPED and cpl == 3 and stop.cpl == 0:
                stop = self.finish_trap()._replace(kind=stops.STEPPED)
            repeats = state.rip == start and self._runner.machine.counter.user == user
            if stop.kind != stops.STEPPED or not repeats:
                return stop

    def until(self) -> Stop:
        """As `next`, but not backwards: a loop runs to its end."""
        start, pointer = self._state.rip, self._state.words[RSP]
        stop = self.next()
        while stop.kind == stops.STEPPED and stop.rip <= start:
            if self._state.words[RSP] > pointer:
                return stop
            stop = self.next()
        return stop

    def finish(self) -> Stop:
        """Until the function that runs has returned to its caller, in the same ring."""
        engine, state = self._engine, self._state
        pointer, cpl, long = state.words[RSP], state.cpl, state.in_64bit_mode

        def is_at_its_return(address: int) -> bool:
            if self._kinds.at(address, long) != code.RET:
                return False
            engine.state.load()
            return state.cpl == cpl and state.words[RSP] >= pointer

        if not is_at_its_return(state.rip):
            stop = self.go(Goal(stops.ARRIVED, everywhere=is_at_its_return))
            if stop.kind != stops.ARRIVED:
                return stop
        stop = self.step()
        return stop._replace(kind=stops.ARRIVED) if stop.kind == stops.STEPPED else stop

    def finish_trap(self) -> Stop:
        """Until ring 3 runs again.

        Where its next page must be fetched first, that is one more trap on the way.
        """
        crossings = self._runner.crossings
        crossing = crossings[-1] if crossings else None
        stop = self.go(Goal(stops.ARRIVED, on_return=True))
        if stop.returned is None:
            return stop
        return stop._replace(returned=stop.returned._replace(crossing=crossing))

    # ---- one run and what it led to

    def go(self, goal: Goal) -> Stop:
        """Runs until the goal or a point is reached, or nothing can run."""
        plan = self._prepare(goal)
        start = self._runner.position.instructions
        while True:
            own = _rest(goal.limit, self._runner.position.instructions - start)
            due = None if self.again else self._history.due_in()
            how, returned = self._run(
                plan, min((n for n in (own, due) if n is not None), default=None)
            )
            if not self.again and due is not None:
                self._history.lay()
            if how == LIMIT and (own is None or (due is not None and due < own)):
                how = ASKED
            stop = self._look(goal, how, returned)
            if stop is not None:
                return stop

    def _prepare(self, goal: Goal) -> Plan:
        self._kinds.forget()
        self._goal = goal
        enabled = [point for point in self._points if point.enabled]
        self._addresses = goal.arrivals | {p.address for p in enabled if p.kind == points.BREAK}
        catches = {point.kind for point in enabled}
        self._wants_return = goal.on_return or bool(catches & _NEED_RETURNS)
        accesses = self._watching.prepare(enabled)
        self._is_watching = bool(accesses)
        if accesses or goal.everywhere is not None:
            ranges = frozenset((EVERYWHERE,))
        else:
            ranges = frozenset(Range(address, address) for address in self._addresses)
            ranges |= {KERNEL_HALF} if self._wants_return else set()
        crossed = self._is_caught if catches & _NEED_CROSSINGS else Plan().crossed
        return Plan(ranges, self._before, crossed, accesses, self._watching.accessed)

    def _run(self, plan: Plan, rest: int | None) -> tuple[str, Return | None]:
        """One run; an instruction that leaves ring 0 is a run of its own."""
        if not self._runner.is_leaving():
            return self._runner.run(plan, rest), None
        before = self._see()
        how = self._runner.run(plan._replace(ranges=frozenset((EVERYWHERE,)), before=_at_once))
        if self._state.cpl != 3:
            return how, None
        crossings = self._runner.crossings
        last = crossings[-1] if crossings else None
        return how, Return(self._runner.position, before, self._see(), last)

    def _see(self) -> Seen:
        return see(self._state, self._state.rip, self._engine.flags())

    def _before(self, address: int) -> bool:
        """Whether to stop in front of `address`: asked at each instruction of the plan's ranges."""
        if self._is_watching:
            if address >= KERNEL_HALF.first:
                self._watching.compare()
            if self._watching.has_news:
                return True
            self._watching.rip = address
        if address in self._addresses:
            return True
        if self._wants_return and address >= KERNEL_HALF.first:
            return self._kinds.at(address, True) == code.LEAVE or self._is_goal(address)
        return self._is_goal(address)

    def _is_goal(self, address: int) -> bool:
        return self._goal.everywhere is not None and self._goal.everywhere(address)

    def _is_caught(self, crossing: Crossing) -> bool:
        return any(self._catches(point, crossing) for point in self._points if point.enabled)

    def _look(self, goal: Goal, how: str, returned: Return | None) -> Stop | None:
        """Why the machine stands here; None if that is no reason to stop."""
        crossing = self._crossing_here()
        if self._guest.ending() is not None:
            return self.here(stops.ENDED)
        if how == STOPPED:
            return self.here(stops.INTERRUPTED, crossing, returned)
        stop = self._point_reached(crossing, returned)
        if stop is not None:
            return stop
        rip = self._state.rip
        if (returned is not None and goal.on_return) or (
            (rip in goal.arrivals or self._is_goal(rip)) and goal.holds()
        ):
            return self.here(goal.kind, crossing, returned)
        return self.here(stops.LIMIT, crossing, returned) if how == LIMIT else None

    def _crossing_here(self) -> Crossing | None:
        """The crossing whose first instruction is next."""
        crossings = self._runner.crossings
        if crossings and crossings[-1].position == self._runner.position:
            return crossings[-1]
        return None

    # ---- points

    def _point_reached(self, crossing: Crossing | None, returned: Return | None) -> Stop | None:
        hit, access, message = [], None, ""
        for point in self._points:
            if not point.enabled:
                continue
            here = self._watching.take(point) if point.kind in points.WATCHES else None
            if here is None and not self._is_at(point, crossing, returned):
                continue
            try:
                if not self._points.reached(point, self.again):
                    continue
            except RingscopeError as error:
                message = f"the condition of {point.number} failed: {error}"
            hit.append(point)
            access = here or access
        if not hit:
            return None
        kind = _STOP_OF[hit[0].kind]
        stop = self.here(kind, crossing, returned, message)
        return stop._replace(points=tuple(hit), access=access)

    def _is_at(self, point: Point, crossing: Crossing | None, returned: Return | None) -> bool:
        if point.kind == points.BREAK:
            return point.address == self._state.rip
        if point.kind == points.CATCH_RETURN:
            return returned is not None
        if point.kind == points.CATCH_MODE and returned is not None:
            return True
        return crossing is not None and self._catches(point, crossing)

    def _catches(self, point: Point, crossing: Crossing) -> bool:
        event, what = crossing.event, point.what
        if point.kind == points.CATCH_CROSSING:
            return what in ("", event.mechanism)
        if point.kind == points.CATCH_MODE:
            return event.from_cpl == 3
        if point.kind == points.CATCH_VECTOR:
            return event.vector is not None and what in ("", str(event.vector))
        if point.kind == points.CATCH_CALL and event.from_cpl == 3 and event.mechanism in CALLS:
            return not what or what == self.call_name(crossing)
        return False

    def call_name(self, crossing: Crossing) -> str:
        """The name of the system call that `crossing` makes."""
        event = crossing.event
        number = crossing.before.gprs[RAX] & 0xFFFF_FFFF
        return self._guest.call_name(number, event.mechanism, event.from_long)

    def here(
        self,
        kind: str,
        crossing: Crossing | None = None,
        returned: Return | None = None,
        message: str = "",
    ) -> Stop:
        runner, state = self._runner, self._state
        return Stop(
            kind,
            runner.position,
            state.rip,
            state.cpl,
            crossing=crossing,
            returned=returned,
            ending=self._guest.ending(),
            message=message,
        )

    def _length(self, address: int) -> int:
        """The length of the instruction at `address`."""
        from emu.watch.disasm import decode

        found = decode(self._memory.read_some(address, LONGEST), address, self._long())
        if not found:
            raise UsageError(f"no instruction can be read at {address:#x}")
        return found[0].length

    def _long(self) -> bool:
        return self._state.in_64bit_mode

    def _kind_here(self) -> str:
        return self._kinds.at(self._state.rip, self._state.in_64bit_mode)


def _at_once(_address: int) -> bool:
    return True


def _rest(limit: int | None, done: int) -> int | None:
    """How much of `limit` is left after `done`."""
    return None if limit is None else max(0, limit - done)


_NEED_RETURNS: Final = frozenset((points.CATCH_RETURN, points.CATCH_MODE))
_NEED_CROSSINGS: Final = frozenset(points.CATCHES) - {points.CATCH_RETURN}
_STOP_OF: Final = {
    points.BREAK: stops.BREAKPOINT,
    **dict.fromkeys(points.WATCHES, stops.WATCHPOINT),
    **dict.fromkeys(points.CATCHES, stops.CROSSING),
    points.CATCH_RETURN: stops.RETURN,
}
