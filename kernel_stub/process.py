"""Processes: a thread group's place among the others, what its threads share, how it ended.

State and no policy; what a task is, it does not know.
Linux: credentials(7), signal(7), wait(2).
"""

from __future__ import annotations

from typing import Any

from kernel_stub.abi.signals import SIGCHLD
from kernel_stub.pending import Pending
from kernel_stub.timers import Timer


class Process:
    """A thread group: its place among the processes, what its threads share, how it ended."""

    def __init__(self, pid: int, parent: Process | None = None) -> None:
        self.pid = pid
        self.parent = parent
        self.children: list[Process] = []
        self.threads: list[Any] = []  # its tasks
        self.group: int = parent.group if parent else pid
        self.session: int = parent.session if parent else 1
        self.actions: dict[int, bytes] = {}
        self.pending = Pending()
        self.limits: dict[int, tuple[int, int]] = dict(parent.limits) if parent else {}
        self.timers: dict[int, Timer] = {}  # setitimer(2), by its first argument
        self.posix_timers: dict[int, Timer] = {}  # timer_create(2)
        self.next_timer = 0  # the number of the next one
        self.cpu_limit: Timer | None = None  # RLIMIT_CPU
        self.exit_signal = SIGCHLD
        self.stopped_by = 0  # the signal that stopped it
        self.untold: tuple[int, int] | None = None  # CLD_STOPPED or CLD_CONTINUED, for wait(2)
        self.status: int | None = None  # as wait(2) tells it, once it ended
        self.is_hidden = False  # its tracer hears of its end before its parent
        self.has_executed = False
        self.is_subreaper = False  # it adopts the orphans among its descendants
        self.cpu_ns = 0  # of all its tasks, up to the last switch
        self.children_ns = 0
        if parent:
            parent.children.append(self)

    @property
    def parent_pid(self) -> int:
        return self.parent.pid if self.parent else 1

    def all_timers(self) -> list[Timer]:
        """Those that may be armed."""
        timers = [*self.timers.values(), *self.posix_timers.values()]
        return timers if self.cpu_limit is None else [*timers, self.cpu_limit]

    @property
    def is_alive(self) -> bool:
        return self.status is None
