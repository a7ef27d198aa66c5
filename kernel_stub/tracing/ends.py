"""What becomes of tracees and of tracers that end, or part. ptrace(2), "Death under ptrace"."""

from __future__ import annotations

from kernel_stub.abi.signals import CLD_EXITED, CLD_KILLED, SI_KERNEL, SIGKILL
from kernel_stub.abi.tracing import EXITKILL
from kernel_stub.pending import SigInfo
from kernel_stub.task import Task
from kernel_stub.tracing.tracee import Tracee
from kernel_stub.waits import TaskEnded


def leave(task: Task, ended: TaskEnded) -> None:
    """`task` is about to end: its tracees are free, and its tracer will be told."""
    for tracee in list(task.tracees):
        if tracee.options & EXITKILL and tracee.status is None:
            task.kernel.send(tracee.task, SigInfo(SIGKILL, SI_KERNEL))
        part(tracee)
    if task.tracing is not None and not task.tracing.is_parted:
        _end(task.tracing, ended)


def _end(tracee: Tracee, ended: TaskEnded) -> None:
    task, process = tracee.task, tracee.task.process
    leads = task.tid == process.pid
    if leads and (ended.alone or tracee.tracer.process is process.parent):
        part(tracee)  # it is told of as a child, or when its last thread has ended
        return
    tracee.status = ended.signal or (ended.status & 0xFF) << 8
    process.is_hidden = process.is_hidden or leads
    tracee.stop, tracee.is_told = None, False
    tracee.notify(*(CLD_KILLED, ended.signal) if ended.signal else (CLD_EXITED, ended.status))


def part(tracee: Tracee) -> None:
    """Its tracer traces it no more; if it has ended, its parent hears of it."""
    task = tracee.task
    tracee.tracer.tracees.remove(tracee)
    if tracee.status is not None:
        if tracee.tid == task.pid:
            task.kernel.tell_of_end(task.process)
        return
    tracee.part()
