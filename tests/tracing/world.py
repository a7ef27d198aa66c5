"""A tracer and its tracee on a fake kernel."""

from __future__ import annotations

from typing import Any

from kernel_stub.abi.abi import X86_64, Abi
from kernel_stub.process import Process
from kernel_stub.task import Task
from kernel_stub.tracing.asked import Asked
from kernel_stub.tracing.tracee import Tracee
from tests.kernel.world import PID, SCRATCH, World

CHILD = PID + 1


class Pair:
    """A parent of `abi` that may trace its child."""

    def __init__(self, abi: Abi = X86_64) -> None:
        world = World(abi)
        self.kernel, self.tracer = world.kernel, world.task
        nothing: Any = None
        process = Process(CHILD, self.tracer.process)
        space = self.tracer.space
        self.child = Task(self.kernel, CHILD, space, nothing, nothing, abi, process)
        self.kernel.made.append(process)

    def trace(self, options: int = 0, seized: bool = False) -> Tracee:
        """From now on the parent traces."""
        return Tracee(self.child, self.tracer, options, seized)

    def asked(self, address: int = 0, data: int = SCRATCH) -> Asked:
        """A request to the tracee."""
        return Asked(self.tracer, self.child.tracing, address, data)
