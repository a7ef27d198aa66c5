"""Resource limits that act by themselves: the processor's time, and how many tasks a user has.

Limits of memory and files act where memory and files are made.
getrlimit(2): RLIMIT_CPU, RLIMIT_NPROC.
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.abi.resources import INFINITY, RLIMIT_CPU, RLIMIT_NPROC, START
from kernel_stub.abi.signals import SI_KERNEL, SIGKILL, SIGXCPU
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.protocol import Services
from kernel_stub.task import Task
from kernel_stub.timers import Timer

_AGAIN_NS: Final = SECOND  # how long after SIGXCPU it comes again


def limit_cpu_time(kernel: Services, process: Process) -> None:
    """From now on SIGXCPU tells of the soft limit, each second anew; SIGKILL of the hard one."""
    soft, _ = process.limits.get(RLIMIT_CPU, START[RLIMIT_CPU])
    process.cpu_limit = None
    if soft == INFINITY:
        return

    def ring(_missed: int) -> None:
        _, hard = process.limits[RLIMIT_CPU]
        is_over = kernel.cpu_ns_of(process) >= hard * SECOND
        kernel.send(process, SigInfo(SIGKILL if is_over else SIGXCPU, SI_KERNEL))

    process.cpu_limit = Timer(lambda: kernel.cpu_ns_of(process), ring, process)
    process.cpu_limit.arm(max(soft, 1) * SECOND, _AGAIN_NS)
    kernel.timers_changed()


def has_too_many_tasks(task: Task, tasks: list[Task]) -> bool:
    """Whether the user of `task`, who is not root, may have no further one beside `tasks`."""
    soft, _ = task.limits.get(RLIMIT_NPROC, START[RLIMIT_NPROC])
    return bool(task.uid) and sum(other.uid == task.uid for other in tasks) >= soft
