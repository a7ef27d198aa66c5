"""How a task waits: time passes up to a deadline, and a timer may send its signal first.

There is one task, so nobody else can wake it: what has no deadline and no timer waits for ever, and
that is reported. It is no system call itself.
setitimer(2), signal(7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.abi.signals import SIGALRM
from kernel_stub.syscalls.sending import send
from kernel_stub.task import Task

ITIMER_REAL: Final = 0


def sleep_until(task: Task, deadline_ns: int) -> None:
    """CLOCK_MONOTONIC advances to `deadline_ns`; an alarm on the way sends its signal."""
    while True:
        alarm = _next_alarm(task)
        if alarm is None or alarm > deadline_ns:
            break
        _ring(task, alarm)
    task.kernel.sleep_until(deadline_ns)


def wait(task: Task, outside: Mapping[int, int], deadline_ns: int | None, what: str) -> bool:
    """Waits for the poll(2) events of the host's descriptors `outside`, or up to a deadline.

    Returns whether one came.

    While the host is waited for, guest time stands still. It advances to the deadline, or to an
    alarm, once that much of the host's time has passed; not at all if an event came first.
    """
    alarm = _next_alarm(task)
    until = min((time for time in (alarm, deadline_ns) if time is not None), default=None)
    if outside:
        left = None if until is None else until - task.kernel.uptime_ns()
        if task.kernel.wait_outside(outside, left):
            return True
    if until is None:
        task.kernel.deadlock(task, what)
    sleep_until(task, until)
    return False


def wait_for_signal(task: Task, what: str) -> None:
    """Waits until an alarm's signal ends the program. `what` says for whom it waits."""
    while True:
        alarm = _next_alarm(task)
        if alarm is None:
            task.kernel.deadlock(task, what)
        _ring(task, alarm)


def _next_alarm(task: Task) -> int | None:
    _, deadline = task.timers.get(ITIMER_REAL, (0, 0))
    return deadline or None


def _ring(task: Task, deadline: int) -> None:
    """The alarm goes off: time passes to it, it is set anew or ends, its signal is sent."""
    task.kernel.sleep_until(deadline)
    interval, _ = task.timers.pop(ITIMER_REAL)
    if interval:
        task.timers[ITIMER_REAL] = (interval, deadline + interval)
    send(task, SIGALRM)
