"""Who may trace whom, and how it begins. ptrace(2), "PTRACE_ATTACH", "PTRACE_SEIZE"."""

from __future__ import annotations

from kernel_stub.abi.signals import SI_KERNEL, SIGSTOP
from kernel_stub.abi.tracing import KNOWN_OPTIONS
from kernel_stub.errno import EIO, EPERM, ESRCH, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.task import Task
from kernel_stub.tracing.tracee import Tracee


def trace_me(task: Task) -> None:
    """The parent of `task` traces it from now on. Raises Errno(EPERM)."""
    parent = task.process.parent
    if task.tracer_pid or parent is None or not parent.threads:
        raise Errno(EPERM)
    task.kernel.trace_calls()
    Tracee(task, parent.threads[0])


def attach(tracer: Task, tid: int) -> None:
    """`tracer` traces task `tid`, which gets SIGSTOP. Raises Errno: ESRCH, EPERM."""
    task = _permitted(tracer, tid)
    tracee = Tracee(task, tracer)
    if task.process.stopped_by:
        tracee.joins_stop(task.process.stopped_by)
    else:
        tracer.kernel.send(task, SigInfo(SIGSTOP, SI_KERNEL))


def seize(tracer: Task, tid: int, address: int, options: int) -> None:
    """`tracer` traces task `tid`, which runs on. Raises Errno: EIO, ESRCH, EPERM."""
    if address or options & ~KNOWN_OPTIONS:
        raise Errno(EIO)
    task = _permitted(tracer, tid)
    tracee = Tracee(task, tracer, options, seized=True)
    if task.process.stopped_by:
        tracee.joins_stop(task.process.stopped_by)


def _permitted(tracer: Task, tid: int) -> Task:
    task: Task | None = tracer.kernel.find_task(tid)
    if task is None:
        raise Errno(ESRCH)
    is_foreign = not tracer.may_look_into(task)
    if task.process is tracer.process or task.tracer_pid or is_foreign:
        raise Errno(EPERM)
    tracer.kernel.trace_calls()
    return task
