"""One run to a goal or a point, whichever comes first, and a look at where it led.

Only a `Stop` comes out. It keeps nothing between two calls. The ways that people know are made of
it in ways.py and line_ways.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cpu.spies import EVERYWHERE, Range
from emu.debug import code, points, stops
from emu.debug.code import Kinds
from emu.debug.crossing import Crossing, Return, Seen, see
from emu.debug.guest import Guest
from emu.debug.handling import Handling
from emu.debug.history import History
from emu.debug.memory import Memory
from emu.debug.news import EXIT, SIGNAL, VFORK, News
from emu.debug.points import Point, Points
from emu.debug.running import ASKED, KERNEL_HALF, LIMIT, STOPPED, Plan, Runner
from emu.debug.stops import Stop
from emu.debug.watching import Watching
from emu.errors import RingscopeError
from emu.x86 import crossings as mechanisms
from emu.x86.registers import RAX

CALLS: Final = (mechanisms.SYSCALL, mechanisms.SYSENTER, mechanisms.INT80)


class Goal(NamedTuple):
    """Where to stop, points apart, and what the stop is called.

    At `arrivals`, or in front of any instruction in `within` for which `everywhere` is true, if
    `holds` is true there; at the first instruction of ring 3 if `on_return`; after about `limit`
    instructions. With `task` only where that one runs.
    """

    kind: str = stops.ARRIVED
    arrivals: frozenset[int] = frozenset()
    everywhere: Callable[[int], bool] | None = None
    holds: Callable[[], bool] = lambda: True
    on_return: bool = False
    limit: int | None = None
    within: frozenset[Range] = frozenset((EVERYWHERE,))
    task: int = 0


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
        self._wants_return = self._is_watching = self._has_new_files = False
        self._is_running = False
        self._sought: object = None  # among which files which points were found
        self._news: list[News] = []
        self.news_at = runner.position  # where the machine stood at the last news
        self.handling = Handling()
        self.hear: Callable[[News], None] = lambda news: None
        runner.current_task = guest.current_task
        guest.report(self._told, self.handling.passes)

    # ---- one run and what it led to

    def go(self, goal: Goal) -> Stop:
        """Runs until the goal or a point is reached, or nothing can run."""
        self._news.clear()
        self._has_new_files = False
        self._is_running = True
        try:
            return self._go(goal)
        finally:
            self._is_running = False
            self._guest.report_layout(None)

    def _go(self, goal: Goal) -> Stop:
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
            if self._has_new_files:
                self._has_new_files = False
                self._find_again()
                plan = plan._replace(ranges=self._ranges(goal, plan.accesses))

    def _prepare(self, goal: Goal) -> Plan:
        self._kinds.forget()
        self._goal = goal
        enabled = [point for point in self._points if point.enabled]
        if any(point.find is not None for point in enabled):
            self._guest.report_layout(self._told_of_files)
            sought = self._guest.layout(), [point.number for point in enabled if point.find]
            if sought != self._sought:
                self._sought = sought
                self._find_again()
        catches = {point.kind for point in enabled}
        self._wants_return = goal.on_return or bool(catches & _NEED_RETURNS)
        accesses = self._watching.prepare(enabled)
        self._is_watching = bool(accesses)
        crossed = self._is_caught if catches & _NEED_CROSSINGS else Plan().crossed
        ranges = self._ranges(goal, accesses)
        return Plan(ranges, self._before, crossed, accesses, self._watching.accessed)

    def _ranges(self, goal: Goal, accesses: frozenset[tuple[Range, bool]]) -> frozenset[Range]:
        """Where to look; `_addresses` are the single ones."""
        breaks = (p.addresses for p in self._points.enabled(points.BREAK))
        self._addresses = goal.arrivals.union(*breaks)
        if accesses:
            return frozenset((EVERYWHERE,))
        wanted = goal.within if goal.everywhere is not None else frozenset()
        if EVERYWHERE in wanted:
            return wanted
        ranges = wanted | {KERNEL_HALF} if self._wants_return else wanted
        covered = [
            address
            for address in self._addresses
            if not any(places.first <= address <= places.last for places in ranges)
        ]
        return ranges | {Range(address, address) for address in covered}

    def _find_again(self) -> None:
        for point in self._points.enabled(points.BREAK):
            point.find_again()

    # ---- what the kernel tells

    def _told_of_files(self) -> None:
        if self._is_running:
            self._has_new_files = True
            self._runner.halt()

    def _told(self, news: News) -> None:
        if not self._is_running:
            return
        if not self.again:
            self.hear(news)
        kind = points.NEWS_CATCHES[news.kind]
        is_caught = any(p.what in ("", news.text) for p in self._points.enabled(kind))
        is_signal = news.kind == SIGNAL and self.handling.stops(news.text) and not self.again
        if news.kind == SIGNAL and self.handling.is_dropped(news.text):
            return
        if is_caught or is_signal:
            self._news.append(news)
            self._runner.halt()

    def _about_news(self) -> Stop | None:
        """The stop for the first of the news: where its task goes on in ring 3, if it does."""
        news, self._news = self._news[0], []
        caught = self._points.enabled(points.NEWS_CATCHES[news.kind])
        hit = tuple(point for point in caught if self._hits(point, news))
        if not hit and (news.kind != SIGNAL or not self.handling.stops(news.text)):
            return None
        self.news_at = self._runner.position
        stop = self.here(stops.NEWS)
        lives = any(task.number == news.task for task in self._guest.tasks())
        if news.kind not in (EXIT, VFORK) and lives:
            stop = self._go(Goal(stops.NEWS, on_return=True, task=news.task))
            if stop.kind != stops.NEWS:
                return stop
        return stop._replace(points=hit, news=news)

    def _hits(self, point: Point, news: News) -> bool:
        return point.what in ("", news.text) and self._points.reached(point, self.again)

    def _run(self, plan: Plan, rest: int | None) -> tuple[str, Return | None]:
        """One run; an instruction that leaves ring 0 is a run of its own."""
        if not self._runner.is_leaving():
            return self._runner.run(plan, rest), None
        before = self._see()
        how = self._runner.run(plan._replace(ranges=frozenset((EVERYWHERE,)), before=_at_once))
        if self._state.cpl != 3:
            return how, None
        last = self._runner.last_crossing(self._guest.current_task())
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
        if self._news:
            return self._about_news()
        stop = self._point_reached(crossing, returned)
        if stop is not None:
            return stop
        if self._is_reached(goal, returned):
            return self.here(goal.kind, crossing, returned)
        return self.here(stops.LIMIT, crossing, returned) if how == LIMIT else None

    def _is_reached(self, goal: Goal, returned: Return | None) -> bool:
        if goal.task and goal.task != self._guest.current_task():
            return False
        if returned is not None and goal.on_return:
            return True
        rip = self._state.rip
        return (rip in goal.arrivals or self._is_goal(rip)) and goal.holds()

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
        if point.task and point.task != self._guest.current_task():
            return False
        if point.kind == points.BREAK:
            return point.is_here(self._state.rip)
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
            task=self._guest.current_task(),
        )


def _at_once(_address: int) -> bool:
    return True


def _rest(limit: int | None, done: int) -> int | None:
    """How much of `limit` is left after `done`."""
    return None if limit is None else max(0, limit - done)


_NEED_RETURNS: Final = frozenset((points.CATCH_RETURN, points.CATCH_MODE))
_NEED_CROSSINGS: Final = frozenset(points.RING_CATCHES) - {points.CATCH_RETURN}
_STOP_OF: Final = {
    points.BREAK: stops.BREAKPOINT,
    **dict.fromkeys(points.WATCHES, stops.WATCHPOINT),
    **dict.fromkeys(points.RING_CATCHES, stops.CROSSING),
    points.CATCH_RETURN: stops.RETURN,
}
