"""System calls about scheduling: one processor, one task, ordinary policy.

sched(7), sched_setaffinity(2), sched_setscheduler(2), getpriority(2), getcpu(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import SCHED_PARAM, TIMESPEC64, UINT
from kernel_stub.errno import EINVAL, EPERM, ESRCH, Errno
from kernel_stub.syscalls.process import find_task
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.task import Task

SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE = 0, 1, 2, 3, 5, 6
_ORDINARY: Final = (SCHED_OTHER, SCHED_BATCH, SCHED_IDLE)
_REAL_TIME: Final = (SCHED_FIFO, SCHED_RR)
_RESET_ON_FORK: Final = 0x4000_0000
_HIGHEST_REAL_TIME: Final = 99
_MASK_SIZE: Final = 8  # of the kernel's set of processors, in bytes
_SLICE_NS: Final = 4_000_000
_PRIO_KINDS: Final = range(3)  # PRIO_PROCESS, PRIO_PGRP, PRIO_USER


@syscall()
def sched_yield(task: Task) -> int:
    task.kernel.give_way()
    return 0


@syscall()
def sched_getaffinity(task: Task, pid: Int, length: UInt, mask: Pointer) -> int:
    find_task(task, pid)
    if not length or length % task.abi.word:
        raise Errno(EINVAL)
    size = min(length, _MASK_SIZE)
    task.memory.copy_out(mask, (1).to_bytes(size, "little"))
    return size


@syscall()
def sched_setaffinity(task: Task, pid: Int, length: UInt, mask: Pointer) -> int:
    wanted = task.memory.copy_in(mask, min(length, _MASK_SIZE))
    find_task(task, pid)
    if not wanted or not wanted[0] & 1:
        raise Errno(EINVAL)
    return 0


@syscall()
def sched_getscheduler(task: Task, pid: Int) -> int:
    if pid < 0:
        raise Errno(EINVAL)
    find_task(task, pid)
    return task.policy


@syscall(support="partial", missing="real-time policies are EPERM")
def sched_setscheduler(task: Task, pid: Int, policy: Int, parameter: Pointer) -> int:
    if pid < 0 or not parameter:
        raise Errno(EINVAL)
    (priority,) = task.memory.unpack(SCHED_PARAM, parameter)
    find_task(task, pid)
    policy &= ~_RESET_ON_FORK
    if policy in _REAL_TIME and 1 <= priority <= _HIGHEST_REAL_TIME:
        raise Errno(EPERM)
    if policy not in _ORDINARY or priority:
        raise Errno(EINVAL)
    task.policy = policy
    return 0


@syscall()
def sched_getparam(task: Task, pid: Int, parameter: Pointer) -> int:
    if pid < 0 or not parameter:
        raise Errno(EINVAL)
    find_task(task, pid)
    task.memory.pack(SCHED_PARAM, parameter, 0)
    return 0


@syscall()
def sched_setparam(task: Task, pid: Int, parameter: Pointer) -> int:
    return sched_setscheduler(task, pid, task.policy, parameter)


@syscall()
def sched_get_priority_max(task: Task, policy: Int) -> int:  # noqa: ARG001 - the same for all
    return _limit(policy, _HIGHEST_REAL_TIME)


@syscall()
def sched_get_priority_min(task: Task, policy: Int) -> int:  # noqa: ARG001 - the same for all
    return _limit(policy, 1)


def _limit(policy: int, real_time: int) -> int:
    if policy in _REAL_TIME:
        return real_time
    if policy in (*_ORDINARY, SCHED_DEADLINE):
        return 0
    raise Errno(EINVAL)


@syscall()
def sched_rr_get_interval(task: Task, pid: Int, interval: Pointer) -> int:
    return _interval(task, pid, interval, task.abi.timespec)


@syscall()
def sched_rr_get_interval_time64(task: Task, pid: Int, interval: Pointer) -> int:
    return _interval(task, pid, interval, TIMESPEC64)


def _interval(task: Task, pid: int, pointer: int, layout: Struct) -> int:
    if pid < 0:
        raise Errno(EINVAL)
    find_task(task, pid)
    task.memory.pack(layout, pointer, 0, _SLICE_NS)
    return 0


@syscall()
def getcpu(task: Task, cpu: Pointer, node: Pointer, cache: Pointer) -> int:  # noqa: ARG001 - Linux ignores it too
    for pointer in (cpu, node):
        if pointer:
            task.memory.pack(UINT, pointer, 0)
    return 0


def _require_own_priority(task: Task, kind: int, who: int) -> None:
    if kind not in _PRIO_KINDS:
        raise Errno(EINVAL)
    if who not in (0, (task.pid, task.process_group, task.uid)[kind]):
        raise Errno(ESRCH)


@syscall()
def getpriority(task: Task, kind: Int, who: Int) -> int:
    _require_own_priority(task, kind, who)
    return 20 - task.nice


@syscall()
def setpriority(task: Task, kind: Int, who: Int, priority: Int) -> int:
    _require_own_priority(task, kind, who)
    return _renice(task, priority)


@syscall("nice")
def nice(task: Task, increment: Int) -> int:
    return _renice(task, task.nice + increment)


def _renice(task: Task, priority: int) -> int:
    priority = max(-20, min(19, priority))
    if priority < task.nice and task.uid:
        raise Errno(EPERM)
    task.nice = priority
    return 0
