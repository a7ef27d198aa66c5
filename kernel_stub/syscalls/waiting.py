"""How a task waits: guest time passes up to a deadline, and a timer may send its signal first.

There is one task, so nobody else can wake it: what has no deadline and no timer waits for ever, and
that is reported. It is no system call itself.
setitimer(2), signal(7).
"""

from __future__ import annotations

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
