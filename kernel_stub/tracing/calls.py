"""The ways of system calls into the kernel, for tasks that may stop there for a tracer.

They take the place of the kernel's own when a program first traces another. ptrace(2),
"Syscall-stops".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernel_stub.abi.abi import Abi


def _nothing(_at: int) -> bool:
    return True


def traced(
    kernel: Any,
    abi: Abi,
    make: Callable[[int], None],
    prepare: Callable[[int], bool] = _nothing,
) -> Callable[[int], None]:
    """A handler of calls of `abi`, which `make` makes of pt_regs.

    `prepare` comes before a stop; where it fails, no call is made.
    """

    def handle(at: int) -> None:
        task = kernel.task
        if not prepare(at):
            return
        if task.tracing is None:
            make(at)
        else:
            task.abi = abi
            task.tracing.enters_call(make)

    return handle
