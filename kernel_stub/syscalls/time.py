"""System calls about time, all of it the guest's: clocks and sleeping.

clock_gettime(2), gettimeofday(2), time(2), nanosleep(2), clock_getcpuclockid(3).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import SECOND, TIMESPEC64
from kernel_stub.errno import EINVAL, EOPNOTSUPP, EPERM, ERESTARTNOHAND, Errno
from kernel_stub.process import Process
from kernel_stub.syscalls.table import Int, Pointer, syscall
from kernel_stub.task import Task
from kernel_stub.waits import never

COARSE_NS: Final = 4_000_000  # a coarse clock moves with the tick

CLOCK_REALTIME: Final = 0
CLOCK_MONOTONIC: Final = 1
CLOCK_PROCESS_CPUTIME_ID: Final = 2
CLOCK_THREAD_CPUTIME_ID: Final = 3
CLOCK_MONOTONIC_RAW: Final = 4
CLOCK_REALTIME_COARSE: Final = 5
CLOCK_MONOTONIC_COARSE: Final = 6
CLOCK_BOOTTIME: Final = 7
CLOCK_TAI: Final = 11
# The two alarm clocks need a hardware clock that runs on; this machine has none.
WALL: Final = frozenset({CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI})
UPTIME: Final = frozenset(
    {CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME}
)
# clock_getcpuclockid(3) makes such a clock: ~pid << 3, then these bits.
_KIND, _NO_KIND, _PER_THREAD = 3, 3, 4
COARSE: Final = frozenset({CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE})
_SLEEPABLE: Final = frozenset({CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI})
TIMER_ABSTIME: Final = 1


def read_clock(task: Task, clock: int) -> int:
    """What `clock` shows, in nanoseconds. Raises Errno(EINVAL)."""
    if clock in WALL:
        now = task.kernel.now_ns()
    elif clock in UPTIME:
        now = task.kernel.uptime_ns()
    else:
        now = task.kernel.cpu_ns_of(counted_by(task, clock))
    return now - now % COARSE_NS if clock in COARSE else now


def counted_by(task: Task, clock: int) -> Task | Process:
    """The process or task whose time on the processor `clock` counts. Raises Errno(EINVAL)."""
    if clock == CLOCK_PROCESS_CPUTIME_ID:
        return task.process
    if clock == CLOCK_THREAD_CPUTIME_ID:
        return task
    if clock >= 0 or clock & _KIND == _NO_KIND:
        raise Errno(EINVAL)
    number = ~(clock >> 3)
    if clock & _PER_THREAD:
        thread = task.kernel.find_task(number) if number else task
        if thread is None or thread.process is not task.process:
            raise Errno(EINVAL)
        return thread
    process = task.kernel.process(number) if number else task.process
    if process is None:
        raise Errno(EINVAL)
    return process


def _store(task: Task, layout: Struct, pointer: int, nanoseconds: int) -> int:
    task.memory.pack(layout, pointer, nanoseconds // SECOND, nanoseconds % SECOND)
    return 0


def load_timespec(task: Task, layout: Struct, pointer: int) -> int:
    """The nanoseconds in a struct timespec. Raises Errno: EFAULT, EINVAL."""
    seconds, nanoseconds = task.memory.unpack(layout, pointer)
    if task.abi.word == 4:
        nanoseconds &= 0xFFFF_FFFF  # what a 32-bit program leaves above is padding
    if seconds < 0 or not 0 <= nanoseconds < SECOND:
        raise Errno(EINVAL)
    total: int = seconds * SECOND + nanoseconds
    return total


@syscall()
def clock_gettime(task: Task, clock: Int, pointer: Pointer) -> int:
    return _store(task, task.abi.timespec, pointer, read_clock(task, clock))


@syscall()
def clock_gettime64(task: Task, clock: Int, pointer: Pointer) -> int:
    return _store(task, TIMESPEC64, pointer, read_clock(task, clock))


@syscall()
def clock_getres(task: Task, clock: Int, pointer: Pointer) -> int:
    return _resolution(task, clock, pointer, task.abi.timespec)


@syscall()
def clock_getres_time64(task: Task, clock: Int, pointer: Pointer) -> int:
    return _resolution(task, clock, pointer, TIMESPEC64)


def _resolution(task: Task, clock: int, pointer: int, layout: Struct) -> int:
    read_clock(task, clock)
    if pointer:
        _store(task, layout, pointer, COARSE_NS if clock in COARSE else 1)
    return 0


@syscall("clock_settime", "clock_settime64", support="partial", missing="always EPERM")
def clock_settime(task: Task, clock: Int, pointer: Pointer) -> int:  # noqa: ARG001 - nobody may set a clock
    read_clock(task, clock)
    raise Errno(EPERM if clock == CLOCK_REALTIME else EINVAL)


@syscall("settimeofday", "stime", support="partial", missing="always EPERM")
def settimeofday(task: Task, pointer: Pointer) -> int:  # noqa: ARG001 - nobody may set a clock
    raise Errno(EPERM)


@syscall()
def gettimeofday(task: Task, pointer: Pointer, zone: Pointer) -> int:
    now = task.kernel.now_ns()
    if pointer:
        task.memory.pack(task.abi.timeval, pointer, now // SECOND, now % SECOND // 1000)
    if zone:
        task.memory.copy_out(zone, bytes(8))  # UTC
    return 0


@syscall()
def time(task: Task, pointer: Pointer) -> int:
    now = task.kernel.now_ns() // SECOND
    if pointer:
        task.memory.pack(task.abi.pointer, pointer, now & task.abi.word_mask)
    return now


@syscall()
def nanosleep(task: Task, wanted: Pointer, remaining: Pointer) -> int:
    duration = load_timespec(task, task.abi.timespec, wanted)
    return _sleep_for(task, duration, task.abi.timespec, remaining)


@syscall()
def clock_nanosleep(task: Task, clock: Int, flags: Int, wanted: Pointer, remaining: Pointer) -> int:
    return _sleep(task, clock, flags, wanted, remaining, task.abi.timespec)


@syscall()
def clock_nanosleep_time64(
    task: Task, clock: Int, flags: Int, wanted: Pointer, remaining: Pointer
) -> int:
    return _sleep(task, clock, flags, wanted, remaining, TIMESPEC64)


def _sleep(task: Task, clock: int, flags: int, wanted: int, remaining: int, layout: Struct) -> int:
    if clock == CLOCK_THREAD_CPUTIME_ID:
        raise Errno(EINVAL)
    now = read_clock(task, clock)
    if clock not in _SLEEPABLE and clock != CLOCK_PROCESS_CPUTIME_ID:
        raise Errno(EOPNOTSUPP)
    until = load_timespec(task, layout, wanted)
    if not flags & TIMER_ABSTIME:
        return _sleep_for(task, until, layout, remaining)
    if until > now:
        what = "time to pass (sleep)"
        task.kernel.block(task, what, never, until - now, interrupted=ERESTARTNOHAND)
    return 0


def _sleep_for(task: Task, duration: int, layout: Struct, remaining: int) -> int:
    """Sleeps; if a handler runs first, what remains is told."""
    try:
        if duration:
            what = "time to pass (sleep)"
            task.kernel.block(task, what, never, duration, interrupted=ERESTARTNOHAND)
    except Errno:
        if remaining and task.deadline is not None:
            _store(task, layout, remaining, max(task.deadline - task.kernel.uptime_ns(), 0))
        raise
    return 0
