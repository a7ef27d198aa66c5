"""Who is told what becomes of tasks: a tracer. Nobody, unless a verb asks for it."""

from __future__ import annotations

from typing import Protocol

from kernel_stub.pending import SigInfo
from kernel_stub.task import Task
from kernel_stub.waits import TaskEnded


class Observer(Protocol):
    """Who is told what becomes of tasks."""

    def arrives(self, task: Task, sent: SigInfo) -> None:
        """A signal arrives at `task`: its handler starts, or it kills, stops or does nothing."""

    def made(self, parent: Task, child: Task, flags: int) -> None:
        """`parent` made `child`, by clone(2) with `flags` or what is like it."""

    def executed(self, task: Task) -> None:
        """`task` is another program now."""

    def ends(self, task: Task, ended: TaskEnded) -> None:
        """`task` ends: alone, or with its whole process."""
