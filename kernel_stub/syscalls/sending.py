"""Sending a signal to the task itself: at once, or when it is no longer blocked.

What a signal that arrives does, the kernel decides. It is no system call itself. signal(7).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.signals import (
    LAST_SIGNAL,
    NAMES,
    SI_USER,
    SIGKILL,
    SIGSTOP,
    STOPPING,
    signal_bit,
)
from kernel_stub.task import Task

_UNBLOCKABLE: Final = signal_bit(SIGKILL) | signal_bit(SIGSTOP)


def send(task: Task, signal: int, code: int = SI_USER) -> None:
    """Sends `signal` to `task`: a blocked one stays pending."""
    if task.ignores(signal):
        return
    if task.signal_mask & signal_bit(signal):
        task.signal_pending |= signal_bit(signal)
    else:
        _arrive(task, signal, code)


def _arrive(task: Task, signal: int, code: int) -> None:
    """Nobody could continue a task that is stopped, so that is the end too, but another one."""
    if signal in STOPPING and not task.has_handler(signal):
        task.kernel.deadlock(task, f"SIGCONT, for it stopped itself ({NAMES[signal]})")
    task.kernel.signal(task, signal, code)


def set_mask(task: Task, mask: int) -> None:
    """Blocks the signals of `mask` and no others; pending ones that are free now arrive."""
    task.signal_mask = mask & ~_UNBLOCKABLE
    arriving = task.signal_pending & ~task.signal_mask
    task.signal_pending &= task.signal_mask
    for signal in range(1, LAST_SIGNAL + 1):
        if arriving & signal_bit(signal):
            _arrive(task, signal, SI_USER)
