"""The alternate signal stack: who is on it, what a program may change, where frames go.

A task keeps it as (start, ss_flags, size) with the flags that were asked for. It writes no frame.
sigaltstack(2).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kernel_stub.abi.signals import (
    SA_ONSTACK,
    SMALLEST_SIGNAL_STACK,
    SS_AUTODISARM,
    SS_DISABLE,
    SS_ONSTACK,
)
from kernel_stub.errno import EFAULT, EINVAL, ENOMEM, EPERM, Errno
from kernel_stub.task import Task

NO_STACK: Final = (0, SS_DISABLE, 0)
_LOW: Final = 0xFFFF_FFFF


def _contains(task: Task, pointer: int) -> bool:
    start, _, size = task.signal_stack
    return start < pointer <= start + size


def is_on_stack(task: Task, pointer: int) -> bool:
    """Whether the task uses its alternate stack; one that disarms itself is never in use."""
    return not task.signal_stack[1] & SS_AUTODISARM and _contains(task, pointer)


def stack_mode(task: Task, pointer: int) -> int:
    """ss_flags as sigaltstack(2) tells them."""
    _, flags, size = task.signal_stack
    mode = (SS_ONSTACK if is_on_stack(task, pointer) else 0) if size else SS_DISABLE
    return mode | flags & SS_AUTODISARM


def change_stack(task: Task, wanted: tuple[int, int, int], pointer: int) -> None:
    """Sets start, flags and size. Raises Errno: EPERM, EINVAL, ENOMEM."""
    start, flags, size = wanted
    flags &= _LOW
    if is_on_stack(task, pointer):
        raise Errno(EPERM)
    mode = flags & ~SS_AUTODISARM
    if mode not in (0, SS_ONSTACK, SS_DISABLE):
        raise Errno(EINVAL)
    if mode == SS_DISABLE:
        start = size = 0
    elif size < SMALLEST_SIGNAL_STACK:
        raise Errno(ENOMEM)
    task.signal_stack = (start, flags, size)


def disarm(task: Task) -> None:
    """A handler starts: a stack that disarms itself is forgotten until sigreturn."""
    if task.signal_stack[1] & SS_AUTODISARM:
        task.signal_stack = NO_STACK


class FramePlace(NamedTuple):
    """Where a frame goes below, and whether it must lie on the alternate stack."""

    top: int
    on_stack: bool

    def check(self, task: Task, frame: int) -> None:
        """Raises Errno(EFAULT): the frame would lie below the alternate stack."""
        if self.on_stack and not _contains(task, frame):
            raise Errno(EFAULT)


def frame_place(task: Task, pointer: int, red_zone: int, flags: int) -> FramePlace:
    """Below the alternate stack's end if the handler wants it and nobody is on it yet."""
    start, _, size = task.signal_stack
    nested = is_on_stack(task, pointer)
    below = pointer - red_zone
    if flags & SA_ONSTACK and size and not is_on_stack(task, below):
        return FramePlace(start + size, True)
    return FramePlace(below, nested)
