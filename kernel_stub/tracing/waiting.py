"""What wait(2) tells a tracer of its tracees. ptrace(2), "Real parent"; wait(2)."""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.signals import CLD_EXITED, CLD_KILLED, CLD_TRAPPED
from kernel_stub.process import Process
from kernel_stub.tracing.ends import part
from kernel_stub.tracing.tracee import Tracee

_SIGNAL: Final = 0x7F


def tracees(process: Process) -> list[Tracee]:
    """Those of all threads of `process`."""
    return [tracee for task in process.threads for tracee in task.tracees]


def news(tracee: Tracee) -> tuple[int, int] | None:
    """A CLD_ code, and a status or a signal with its event; None: nothing that was not told."""
    if tracee.status is not None:
        signal = tracee.status & _SIGNAL
        return (CLD_KILLED, signal) if signal else (CLD_EXITED, tracee.status >> 8)
    if tracee.stop is None or tracee.is_told:
        return None
    return CLD_TRAPPED, tracee.stop.code


def tell(tracee: Tracee) -> None:
    """The tracer was told; of a tracee that has ended, nothing is left."""
    tracee.is_told = True
    if tracee.status is not None:
        part(tracee)
