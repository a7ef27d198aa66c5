"""System calls for the priority of input and output, which nobody here competes for.

It is kept and told. ioprio_set(2), ioprio_get(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EINVAL, EPERM, Errno
from kernel_stub.syscalls.scheduling import tasks_meant
from kernel_stub.syscalls.table import Int, syscall
from kernel_stub.task import Task

_CLASS_SHIFT: Final = 13
_NONE, _REAL_TIME, _BEST_EFFORT, _IDLE = range(4)
_LEVELS: Final = 8


@syscall()
def ioprio_set(task: Task, kind: Int, who: Int, priority: Int) -> int:
    sort, level = priority >> _CLASS_SHIFT, priority & (1 << _CLASS_SHIFT) - 1
    if sort not in (_NONE, _REAL_TIME, _BEST_EFFORT, _IDLE):
        raise Errno(EINVAL)
    if sort == _REAL_TIME and task.uid:
        raise Errno(EPERM)
    if level & (_LEVELS - 1) and sort == _NONE:
        raise Errno(EINVAL)
    for other in tasks_meant(task, kind - 1, who):
        if task.uid not in (0, other.uid):
            raise Errno(EPERM)
        other.io_priority = priority
    return 0


@syscall()
def ioprio_get(task: Task, kind: Int, who: Int) -> int:
    return max(other.io_priority for other in tasks_meant(task, kind - 1, who))
