"""Signals: sending them, and what they do when they arrive.

A signal is kept pending, and arrives when its task is about to return to ring 3: it starts a
handler, ends or stops the process, or vanishes. It does not know how frames look, nor how the
processor holds registers.
signal(7), sigaction(2), kill(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kernel_stub.abi.process_structures import SIGACTION
from kernel_stub.abi.signals import (
    CLD_CONTINUED,
    CLD_STOPPED,
    IGNORED_BY_DEFAULT,
    SA_NOCLDSTOP,
    SA_NODEFER,
    SA_RESETHAND,
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGSEGV,
    SIGSTOP,
    STOPPING,
    signal_bit,
)
from kernel_stub.errno import Errno
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.signalling.frames import Action
from kernel_stub.task import Task
from kernel_stub.waits import TaskEnded

_UNBLOCKABLE: Final = signal_bit(SIGKILL) | signal_bit(SIGSTOP)
_STOPPING: Final = sum(signal_bit(signal) for signal in STOPPING)
_KEPT: Final = SIGACTION[8]
_DEFAULT: Final = Action(SIG_DFL, 0, 0, 0)

# Starts the handler of a signal in a task; the mask is what sigreturn restores. Raises Errno.
Push = Callable[[Task, Action, SigInfo, int], None]


def action_of(process: Process, signal: int) -> Action:
    """What `process` does with `signal`."""
    kept = process.actions.get(signal)
    return Action(*_KEPT.unpack(kept)) if kept else _DEFAULT


def send(target: Task | Process, sent: SigInfo) -> None:
    """Makes `sent` pending, unless nobody would ever notice it."""
    process = target.process if isinstance(target, Task) else target
    signal = sent.signal
    if not process.is_alive or not process.threads:
        return
    everyone = [process.pending, *(task.pending for task in process.threads)]
    if signal == SIGCONT:
        for pending in everyone:
            pending.discard(_STOPPING)
        _continue(process)
    elif signal in STOPPING:
        for pending in everyone:
            pending.discard(signal_bit(SIGCONT))
    takers = [target] if isinstance(target, Task) else process.threads
    if takers[0].ignores(signal) and not any(_wants_to_know(task, signal) for task in takers):
        return
    target.pending.add(sent)


def _wants_to_know(task: Task, signal: int) -> bool:
    """Whether `task` is told even of a signal that it ignores, now or later."""
    return task.blocks(signal) or (task.tracing is not None and signal != SIGKILL)


def force(task: Task, sent: SigInfo) -> None:
    """A signal that the task's own instruction caused: it can neither block nor ignore it."""
    signal = sent.signal
    if task.blocks(signal) or action_of(task.process, signal).handler == SIG_IGN:
        task.process.actions.pop(signal, None)
        task.signal_mask &= ~signal_bit(signal)
    task.pending.add(sent)


def set_mask(task: Task, mask: int) -> None:
    """Blocks the signals of `mask` and no others."""
    task.signal_mask = mask & ~_UNBLOCKABLE


def arrive(task: Task, sent: SigInfo, push: Push) -> bool:
    """`sent`, taken from the pending ones, arrives; returns whether a handler starts.

    Raises TaskEnded: it kills.
    """
    signal = sent.signal
    action = action_of(task.process, signal)
    if action.handler == SIG_IGN:
        return False
    if action.handler != SIG_DFL:
        _start_handler(task, action, sent, push)
        return True
    if signal in IGNORED_BY_DEFAULT:
        return False
    if signal in STOPPING:
        _stop(task.process, signal)
        return False
    raise TaskEnded(0, signal)


def _start_handler(task: Task, action: Action, sent: SigInfo, push: Push) -> None:
    mask = task.signal_mask if task.saved_mask is None else task.saved_mask
    try:
        push(task, action, sent, mask)
    except Errno:
        if sent.signal == SIGSEGV:
            raise TaskEnded(0, SIGSEGV) from None
        force(task, SigInfo(SIGSEGV, 0x80))
        return
    task.saved_mask = None
    if action.flags & SA_RESETHAND:
        task.process.actions.pop(sent.signal, None)
    blocked = action.mask | (0 if action.flags & SA_NODEFER else signal_bit(sent.signal))
    set_mask(task, task.signal_mask | blocked)


def _stop(process: Process, signal: int) -> None:
    if not process.stopped_by:
        process.stopped_by = signal
        process.untold = (CLD_STOPPED, signal)
        if not is_traced_by_parent(process):
            _tell_parent(process, CLD_STOPPED, signal)
    for task in process.threads:
        if task.tracing is not None:
            task.tracing.joins_stop(signal)


def is_traced_by_parent(process: Process) -> bool:
    """Whether its parent hears of its stops as its tracer."""
    tracing = process.threads[0].tracing if process.threads else None
    if tracing is None or tracing.is_parted:
        return False
    return bool(tracing.tracer.process is process.parent)


def _continue(process: Process) -> None:
    for task in process.threads:
        if task.tracing is not None:
            task.tracing.continues()
    if process.stopped_by:
        process.stopped_by = 0
        process.untold = (CLD_CONTINUED, SIGCONT)
        _tell_parent(process, CLD_CONTINUED, SIGCONT)


def _tell_parent(process: Process, code: int, status: int) -> None:
    parent = process.parent
    if parent is None or action_of(parent, SIGCHLD).flags & SA_NOCLDSTOP:
        return
    uid = process.threads[0].uid if process.threads else 0
    send(parent, SigInfo(SIGCHLD, code, process.pid, uid, status))
