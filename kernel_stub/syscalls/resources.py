"""System calls about limits and use of resources.

getrlimit(2), getrusage(2), times(2), sysinfo(2).
"""

from __future__ import annotations

from typing import Final

from emu.x86.paging import PAGE_SHIFT, PAGE_SIZE
from kernel_stub.abi.capabilities import CAP_SYS_RESOURCE
from kernel_stub.abi.process_structures import (
    RLIMIT,
    RLIMIT64,
    RUSAGE,
    RUSAGE_MAXRSS,
    SECOND,
    SYSINFO,
    TMS,
)
from kernel_stub.abi.resources import (
    INFINITY,
    MOST_FILES,
    RLIMIT_AS,
    RLIMIT_CPU,
    RLIMIT_DATA,
    RLIMIT_NOFILE,
    RLIMIT_STACK,
    START,
)
from kernel_stub.errno import EINVAL, EPERM, Errno
from kernel_stub.limits import limit_cpu_time
from kernel_stub.syscalls.process import find_task
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.task import Task

_TICK_NS: Final = 10_000_000  # clock_t counts hundredths of a second
RUSAGE_THREAD: Final = 1
_USAGE_KINDS: Final = {0: True, 1: True, -1: False}  # RUSAGE_SELF, _THREAD, _CHILDREN: is it us?
# What the 32-bit structures say for "no limit".
_OLD_INFINITY: Final = 0x7FFF_FFFF
_INFINITY_32: Final = 0xFFFF_FFFF


def limit_of(task: Task, resource: int) -> tuple[int, int]:
    """The soft and the hard limit. Raises Errno(EINVAL)."""
    start = START.get(resource)
    if start is None:
        raise Errno(EINVAL)
    return task.limits.get(resource, start)


def _set_limit(task: Task, resource: int, soft: int, hard: int, is_able: bool) -> None:
    old = limit_of(task, resource)
    if soft > hard:
        raise Errno(EINVAL)
    if (hard > old[1] and not is_able) or (resource == RLIMIT_NOFILE and hard > MOST_FILES):
        raise Errno(EPERM)
    task.limits[resource] = (soft, hard)
    if resource == RLIMIT_STACK:
        task.space.stack_limit = soft
    elif resource == RLIMIT_DATA:
        task.space.data_limit = soft
    elif resource == RLIMIT_CPU:
        limit_cpu_time(task.kernel, task.process)
    elif resource == RLIMIT_AS:
        task.space.size_limit = soft


@syscall()
def getrlimit(task: Task, resource: UInt, pointer: Pointer) -> int:
    infinity = _OLD_INFINITY if task.abi.word == 4 else INFINITY
    return _get_limit(task, resource, pointer, infinity)


@syscall()
def ugetrlimit(task: Task, resource: UInt, pointer: Pointer) -> int:
    return _get_limit(task, resource, pointer, _INFINITY_32)


def _get_limit(task: Task, resource: int, pointer: int, infinity: int) -> int:
    limits = (min(limit, infinity) for limit in limit_of(task, resource))
    task.memory.pack(RLIMIT[task.abi.word], pointer, *limits)
    return 0


@syscall()
def setrlimit(task: Task, resource: UInt, pointer: Pointer) -> int:
    soft, hard = task.memory.unpack(RLIMIT[task.abi.word], pointer)
    if task.abi.word == 4:
        soft, hard = (INFINITY if limit == _INFINITY_32 else limit for limit in (soft, hard))
    _set_limit(task, resource, soft, hard, is_able=task.is_able(CAP_SYS_RESOURCE))
    return 0


def _may_limit(task: Task, whose: Task) -> bool:
    """Whether it may see and set the limits of another process: of its own user, or of any."""
    own, theirs = task.identity, whose.identity
    is_same = {own.uids.real} == set(theirs.uids[:3]) and {own.gids.real} == set(theirs.gids[:3])
    return whose.process is task.process or is_same or task.is_able(CAP_SYS_RESOURCE)


@syscall()
def prlimit64(task: Task, pid: Int, resource: UInt, new: Pointer, old: Pointer) -> int:
    wanted = task.memory.unpack(RLIMIT64, new) if new else None
    whose = find_task(task, pid)
    if not _may_limit(task, whose):
        raise Errno(EPERM)
    before = limit_of(whose, resource)
    if wanted is not None:
        soft, hard = wanted
        _set_limit(whose, resource, soft, hard, is_able=task.is_able(CAP_SYS_RESOURCE))
    if old:
        task.memory.pack(RLIMIT64, old, *before)
    return 0


@syscall(support="partial", missing="all time is user time; only ru_maxrss is counted besides")
def getrusage(task: Task, who: Int, pointer: Pointer) -> int:
    ours = _USAGE_KINDS.get(who)
    if ours is None:
        raise Errno(EINVAL)
    fields = [0] * 18
    if not ours:
        used = task.process.children_ns
        fields[0], fields[1] = used // SECOND, used % SECOND // 1000
    if ours:
        used = task.kernel.cpu_ns_of(task if who == RUSAGE_THREAD else task.process)
        fields[0], fields[1] = used // SECOND, used % SECOND // 1000
        fields[RUSAGE_MAXRSS] = task.space.pages.most_resident * PAGE_SIZE >> 10
    task.memory.pack(RUSAGE[task.abi.word], pointer, *fields)
    return 0


@syscall(support="partial", missing="all time is user time")
def times(task: Task, pointer: Pointer) -> int:
    if pointer:
        used = task.kernel.cpu_ns_of(task.process) // _TICK_NS
        children = task.process.children_ns // _TICK_NS
        task.memory.pack(TMS[task.abi.word], pointer, used, 0, children, 0)
    return task.kernel.uptime_ns() // _TICK_NS


@syscall(support="partial", missing="load averages are 0, and the only process is this one")
def sysinfo(task: Task, pointer: Pointer) -> int:
    physical = task.kernel.physical
    unit = 1 if task.abi.word == 8 else PAGE_SIZE
    total, free = physical.size // unit, (physical.frames_free << PAGE_SHIFT) // unit
    uptime = task.kernel.uptime_ns() // SECOND
    numbers = (uptime, 0, 0, 0, total, free, 0, 0, 0, 0, 1, 0, 0, 0, unit)
    task.memory.pack(SYSINFO[task.abi.word], pointer, *numbers)
    return 0
