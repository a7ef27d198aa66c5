"""A request of ptrace(2) to a tracee, with who asks. ptrace(2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from kernel_stub.task import Task
from kernel_stub.tracing.tracee import Tracee


class Asked(NamedTuple):
    """A request: who asks whom, and the last two arguments."""

    tracer: Task
    tracee: Tracee
    address: int
    data: int

    @property
    def task(self) -> Task:
        """The tracee's task."""
        return self.tracee.task


Answer: TypeAlias = Callable[[Asked], int]
