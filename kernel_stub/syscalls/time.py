"""System calls about time, all of it the guest's: clocks, sleeping, alarms.

clock_gettime(2), gettimeofday(2), time(2), nanosleep(2), alarm(2), setitimer(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import ITIMERVAL, SECOND, TIMESPEC64
from kernel_stub.errno import EINVAL, EOPNOTSUPP, EPERM, ERESTARTNOHAND, Errno
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
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
_CPU: Final = frozenset({CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID})
COARSE: Final = frozenset({CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE})
_SLEEPABLE: Final = frozenset({CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI})
TIMER_ABSTIME: Final = 1
ITIMER_REAL: Final = 0
_ITIMERS: Final = range(3)  # ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF
_NEVER_RINGS: Final = "ITIMER_VIRTUAL and ITIMER_PROF never send their signals"


def read_clock(task: Task, clock: int) -> int:
    """What `clock` shows, in nanoseconds. Raises Errno(EINVAL)."""
    if clock in WALL:
        now = task.kernel.now_ns()
    elif clock in UPTIME:
        now = task.kernel.uptime_ns()
    elif clock in _CPU or _is_own_cpu_clock(task, clock):
        now = task.kernel.cpu_ns()
    else:
        raise Errno(EINVAL)
    return now - now % COARSE_NS if clock in COARSE else now


def _is_own_cpu_clock(task: Task, clock: int) -> bool:
    """Whether clock_getcpuclockid(3) gave `clock` for this process: ~pid << 3, then the kind."""
    return clock < 0 and clock & 3 != 3 and ~(clock >> 3) in (0, task.pid)


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


@syscall(support="partial", missing=_NEVER_RINGS)
def alarm(task: Task, seconds: UInt) -> int:
    remaining = _remaining(task, ITIMER_REAL)
    _arm(task, ITIMER_REAL, 0, seconds * SECOND)
    return max((remaining + SECOND // 2) // SECOND, int(remaining > 0))


def _remaining(task: Task, which: int) -> int:
    """How many nanoseconds the timer still has to go; 0: it is not armed."""
    _, deadline = task.timers.get(which, (0, 0))
    return max(deadline - _timer_clock(task, which), 1) if deadline else 0


def _timer_clock(task: Task, which: int) -> int:
    return task.kernel.uptime_ns() if which == ITIMER_REAL else task.kernel.cpu_ns()


def _arm(task: Task, which: int, interval: int, value: int) -> None:
    task.timers.pop(which, None)
    if value:
        task.timers[which] = (interval, _timer_clock(task, which) + value)
        task.kernel.timers_changed()


@syscall(support="partial", missing=_NEVER_RINGS)
def getitimer(task: Task, which: Int, pointer: Pointer) -> int:
    if which not in _ITIMERS:
        raise Errno(EINVAL)
    interval, _ = task.timers.get(which, (0, 0))
    task.memory.pack(
        ITIMERVAL[task.abi.word], pointer, *_timeval(interval), *_timeval(_remaining(task, which))
    )
    return 0


def _timeval(nanoseconds: int) -> tuple[int, int]:
    return nanoseconds // SECOND, nanoseconds % SECOND // 1000


@syscall(support="partial", missing=_NEVER_RINGS)
def setitimer(task: Task, which: Int, new: Pointer, old: Pointer) -> int:
    if which not in _ITIMERS:
        raise Errno(EINVAL)
    interval = value = 0
    if new:
        numbers = task.memory.unpack(ITIMERVAL[task.abi.word], new)
        interval, value = _nanoseconds(*numbers[:2]), _nanoseconds(*numbers[2:])
    if old:
        getitimer(task, which, old)
    _arm(task, which, interval, value)
    return 0


def _nanoseconds(seconds: int, microseconds: int) -> int:
    if seconds < 0 or not 0 <= microseconds < 1_000_000:
        raise Errno(EINVAL)
    return seconds * SECOND + microseconds * 1000
