"""Who runs next, and what happens while nobody can.

Tasks take turns as turns.py says. When all wait, time passes to the next deadline at once, or the
host is waited for; when nothing can ever come, that is a deadlock, and is told. It switches
nothing, and does not know what a wait is for.
sched(7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.clock import Clock
from kernel_stub.errors import Deadlock
from kernel_stub.task import Process, Task
from kernel_stub.turns import Turns

ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF = range(3)

# Waits for poll(2) events of the host's descriptors, for so many seconds; None: for ever. What it
# returns is true if one came.
WaitForHost = Callable[[Mapping[int, int], float | None], object]


class Scheduler:
    """The tasks of one machine. `ring` is told of each timer that expired."""

    def __init__(self, clock: Clock, turns: Turns, ring: Callable[[Process, int], None]) -> None:
        self.clock = clock
        self.tasks: list[Task] = []
        self._turns = turns
        self._ring = ring
        self._turn_ends: int | None = None

    def turn_ends(self) -> int | None:
        """When whoever runs is to be interrupted, by CLOCK_MONOTONIC: for the others, or a timer.

        Others may want to run at any time, so the turn of a task that is not alone always ends.
        """
        due = self.next_deadline()
        if len(self.tasks) < 2:
            return due
        if self._turn_ends is None:
            self._turn_ends = self.clock.uptime_ns() + self._turns.length_ns()
        return self._turn_ends if due is None else min(due, self._turn_ends)

    def next_after(self, current: Task | None, wait_for_host: WaitForHost) -> Task | None:
        """The task to run, after `current` in the order; None if there is none left.

        Raises Deadlock.
        """
        while self.tasks:
            self._expire()
            task = self._turns.choose(task for task in self._from(current) if self._is_ready(task))
            if task is not None:
                self._turn_ends = None
                return task
            self._pass_time(wait_for_host)
        return None

    def _from(self, current: Task | None) -> Iterable[Task]:
        start = self.tasks.index(current) + 1 if current in self.tasks else 0
        return self.tasks[start:] + self.tasks[:start]

    def _is_ready(self, task: Task) -> bool:
        if task.can_run:
            return True
        deadline = self._deadline(task)
        return deadline is not None and deadline <= self.clock.uptime_ns()

    def _deadline(self, task: Task) -> int | None:
        stopped = task.process.stopped_by
        return task.wait.deadline if task.wait and not stopped else None

    def next_deadline(self) -> int | None:
        """When the next interval timer expires, or the next wait, by CLOCK_MONOTONIC."""
        timers = [
            process.timers[ITIMER_REAL][1]
            for process in self._processes()
            if ITIMER_REAL in process.timers
        ]
        waits = [deadline for task in self.tasks if (deadline := self._deadline(task)) is not None]
        return min(timers + waits, default=None)

    def _processes(self) -> list[Process]:
        return list({id(task.process): task.process for task in self.tasks}.values())

    def _expire(self) -> None:
        """Interval timers that are over send their signals, and start anew."""
        now = self.clock.uptime_ns()
        for process in self._processes():
            interval, deadline = process.timers.get(ITIMER_REAL, (0, 0))
            if deadline and deadline <= now:
                del process.timers[ITIMER_REAL]
                if interval:
                    missed = (now - deadline) // interval + 1
                    process.timers[ITIMER_REAL] = (interval, deadline + missed * interval)
                self._ring(process, ITIMER_REAL)

    def _pass_time(self, wait_for_host: WaitForHost) -> None:
        """Nobody can run: lets time pass to the next deadline, or waits for the host."""
        deadline = self.next_deadline()
        outside = self._outside()
        if deadline is None and not outside:
            raise Deadlock(_deadlock(self.tasks))
        now = self.clock.uptime_ns()
        if outside or self.clock.realtime:
            seconds = None if deadline is None else max(deadline - now, 0) / SECOND
            if wait_for_host(outside, seconds) or deadline is None:
                return
        self.clock.advance_to(deadline or now)

    def _outside(self) -> dict[int, int]:
        """All events of the host that somebody waits for."""
        wanted: dict[int, int] = {}
        for task in self.tasks:
            for descriptor, events in task.wait.outside.items() if task.wait else ():
                wanted[descriptor] = wanted.get(descriptor, 0) | events
        return wanted


def _deadlock(tasks: list[Task]) -> str:
    """Who waits for what."""
    told = []
    for task in tasks:
        if task.process.stopped_by:
            told.append(f"process {task.pid} is stopped, and nobody sends it SIGCONT")
        elif task.wait:
            kind = "process" if task.tid == task.pid else f"thread {task.tid} of process"
            told.append(f"{kind} {task.pid} waits for {task.wait.what}, for ever")
    return "deadlock: " + "; ".join(told)
