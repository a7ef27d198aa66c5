"""Who runs next, and what happens while nobody can.

Tasks take turns as turns.py says. When all wait, time passes to the next deadline at once, or the
host is waited for; when nothing can ever come, that is a deadlock, and is told. It switches
nothing, and does not know what a wait is for.
sched(7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.clock import Clock
from kernel_stub.errors import Deadlock
from kernel_stub.process import Process
from kernel_stub.task import Task
from kernel_stub.timers import Timer
from kernel_stub.turns import Turns

MOST_TOLD: Final = 8  # tasks of a deadlock
# Waits for poll(2) events of the host's descriptors, for so many seconds; None: for ever. What it
# returns is true if one came.
WaitForHost = Callable[[Mapping[int, int], float | None], object]


class Scheduler:
    """The tasks of one machine."""

    def __init__(self, clock: Clock, turns: Turns) -> None:
        self.clock = clock
        self.tasks: list[Task] = []
        self._turns = turns
        self._turn_ends: int | None = None
        self._sleepers: dict[Task, None] = {}  # whose wait has a deadline, or had one
        self._timing: list[Process] = []  # whose timer runs, or ran

    def turn_ends(self, task: Task) -> int | None:
        """When `task`, which runs, is to be interrupted: for the others, or a timer.

        Others may want to run at any time, so the turn of a task that is not alone always ends.
        """
        deadline = self.next_deadline()
        times = [*self._time_is_up(task), *([] if deadline is None else [deadline])]
        due = min(times, default=None)
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
            self.expire()
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
        return task.wait.deadline if task.wait and not task.is_stopped else None

    def next_deadline(self) -> int | None:
        """When the next timer expires, or the next wait, by CLOCK_MONOTONIC."""
        for task in [task for task in self._sleepers if not _sleeps(task)]:
            del self._sleepers[task]
        waits = [
            task.wait.deadline
            for task in self._sleepers
            if task.wait and task.wait.deadline is not None and not task.is_stopped
        ]
        timers = [
            timer.deadline
            for timer in self._timers()
            if timer.counts is None and timer.deadline is not None
        ]
        return min(timers + waits, default=None)

    def _time_is_up(self, task: Task) -> list[int]:
        """When timers expire that count the time of `task`, if it runs on."""
        now = self.clock.uptime_ns()
        return [
            now + timer.deadline - timer.read()
            for timer in task.process.all_timers()
            if timer.counts in (task, task.process) and timer.deadline is not None
        ]

    def waits(self, task: Task) -> None:
        """`task` waits from now on."""
        if _sleeps(task):
            self._sleepers[task] = None

    def forget(self, task: Task) -> None:
        """`task` has ended."""
        self.tasks.remove(task)
        self._sleepers.pop(task, None)

    def timers_changed(self) -> None:
        """A process armed a timer."""
        everyone = dict.fromkeys(task.process for task in self.tasks)
        self._timing = [process for process in everyone if _has_armed(process)]

    def _timers(self) -> list[Timer]:
        """The timers of processes in which one runs."""
        self._timing = [one for one in self._timing if one.is_alive and _has_armed(one)]
        return [timer for process in self._timing for timer in process.all_timers()]

    def expire(self) -> None:
        """Timers that are over send their signals, and start anew."""
        for timer in self._timers():
            timer.look()

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


def _sleeps(task: Task) -> bool:
    return task.wait is not None and task.wait.deadline is not None


def _has_armed(process: Process) -> bool:
    return any(timer.deadline is not None for timer in process.all_timers())


def _deadlock(tasks: list[Task]) -> str:
    """Who waits for what."""
    told = []
    for task in tasks[:MOST_TOLD]:
        if task.tracing is not None and task.tracing.stop is not None:
            told.append(f"process {task.pid} is stopped, and its tracer does not let it go on")
        elif task.is_stopped:
            told.append(f"process {task.pid} is stopped, and nobody sends it SIGCONT")
        elif task.wait:
            kind = "process" if task.tid == task.pid else f"thread {task.tid} of process"
            told.append(f"{kind} {task.pid} waits for {task.wait.what}, for ever")
    if len(tasks) > MOST_TOLD:
        told.append(f"and {len(tasks) - MOST_TOLD} more")
    return "deadlock: " + "; ".join(told)
