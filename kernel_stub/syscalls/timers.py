"""System calls that arm timers: alarm, setitimer, and the timers of timer_create.

A timer tells its owner by a signal. One of timer_create has one signal pending at most: how often
it expired meanwhile is its overrun.
alarm(2), setitimer(2), timer_create(2), timer_settime(2), timer_getoverrun(2), sigevent(3type).
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import INT, ITIMERVAL, SECOND, SIGEVENT, TIMESPEC64
from kernel_stub.abi.signals import (
    LAST_SIGNAL,
    SI_KERNEL,
    SI_TIMER,
    SIGALRM,
    SIGPROF,
    SIGVTALRM,
)
from kernel_stub.errno import EAGAIN, EINVAL, EOPNOTSUPP, Errno
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.syscalls.time import (
    CLOCK_BOOTTIME,
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    CLOCK_TAI,
    TIMER_ABSTIME,
    UPTIME,
    WALL,
    counted_by,
    load_timespec,
)
from kernel_stub.task import Task
from kernel_stub.timers import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, Timer

_SIGNALS: Final = {ITIMER_REAL: SIGALRM, ITIMER_VIRTUAL: SIGVTALRM, ITIMER_PROF: SIGPROF}
_RINGING: Final = frozenset({CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI})
SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 0, 1, 2, 4
MOST_TIMERS: Final = 4096
MOST_OVERRUNS: Final = (1 << 31) - 1
_USER_TIME: Final = "ITIMER_VIRTUAL counts the kernel's instructions too"


# ---- alarm, setitimer


def _interval_timer(task: Task, which: int) -> Timer:
    """The timer of the process, made when it is first asked for. Raises Errno(EINVAL)."""
    if which not in _SIGNALS:
        raise Errno(EINVAL)
    process, kernel = task.process, task.kernel
    timer = process.timers.get(which)
    if timer is None:
        sent = SigInfo(_SIGNALS[which], SI_KERNEL)

        def ring(_missed: int) -> None:
            kernel.send(process, sent)

        if which == ITIMER_REAL:
            timer = Timer(kernel.uptime_ns, ring)
        else:
            timer = Timer(lambda: kernel.cpu_ns_of(process), ring, process)
        process.timers[which] = timer
    return timer


def _arm(task: Task, timer: Timer, value: int, interval: int) -> None:
    if value:
        timer.arm(timer.read() + value, interval)
    else:
        timer.disarm()
    task.kernel.timers_changed()


@syscall()
def alarm(task: Task, seconds: UInt) -> int:
    timer = _interval_timer(task, ITIMER_REAL)
    remaining = timer.remaining()
    _arm(task, timer, min(seconds, MOST_OVERRUNS) * SECOND, 0)
    return max((remaining + SECOND // 2) // SECOND, int(remaining > 0))


@syscall(support="partial", missing=_USER_TIME)
def getitimer(task: Task, which: Int, pointer: Pointer) -> int:
    timer = _interval_timer(task, which)
    told = (*_timeval(timer.interval), *_timeval(timer.remaining()))
    task.memory.pack(ITIMERVAL[task.abi.word], pointer, *told)
    return 0


def _timeval(nanoseconds: int) -> tuple[int, int]:
    return nanoseconds // SECOND, nanoseconds % SECOND // 1000


@syscall(support="partial", missing=_USER_TIME)
def setitimer(task: Task, which: Int, new: Pointer, old: Pointer) -> int:
    interval = value = 0
    if new:
        numbers = task.memory.unpack(ITIMERVAL[task.abi.word], new)
        interval, value = _nanoseconds(*numbers[:2]), _nanoseconds(*numbers[2:])
    timer = _interval_timer(task, which)
    if old:
        getitimer(task, which, old)
    _arm(task, timer, value, interval)
    return 0


def _nanoseconds(seconds: int, microseconds: int) -> int:
    if seconds < 0 or not 0 <= microseconds < 1_000_000:
        raise Errno(EINVAL)
    return seconds * SECOND + microseconds * 1000


# ---- timer_create


class PosixTimer(Timer):
    """A timer of timer_create(2), with its number; `overrun` is of the signal taken last."""

    def __init__(
        self,
        number: int,
        read: Callable[[], int],
        notify: Callable[[SigInfo], None] | None,
        sent: SigInfo,
        counts: Task | Process | None,
    ) -> None:
        super().__init__(read, self._rings, counts)
        self.number = number
        self.overrun = 0
        self.clock_offset = 0  # what its clock shows more than the one that is read
        self._notify = notify
        self._sent = sent._replace(finish=self._taken)
        self._missed: int | None = None  # since its signal became pending

    def _rings(self, missed: int) -> None:
        if self._missed is not None:
            self._missed += missed + 1
            return
        if self._notify is not None:
            self._missed = missed
            self._notify(self._sent)

    def _taken(self, sent: SigInfo) -> SigInfo:
        """Its signal arrives: it says how often the timer expired besides."""
        self.look()
        self.overrun, self._missed = min(self._missed or 0, MOST_OVERRUNS), None
        return sent._replace(uid=self.overrun, finish=None)

    def forget_signal(self) -> None:
        """It is set anew: what it told before no longer counts."""
        self._missed = None


@syscall()
def timer_create(task: Task, clock: Int, event: Pointer, result: Pointer) -> int:
    known = clock in WALL or clock in UPTIME
    if known and clock not in _RINGING:
        raise Errno(EOPNOTSUPP)
    counts = None if known else counted_by(task, clock)
    timers = task.process.posix_timers
    if len(timers) >= MOST_TIMERS:
        raise Errno(EAGAIN)
    number = task.process.next_timer
    value, signal, notify, thread = number, SIGALRM, SIGEV_SIGNAL, 0
    if event:
        value, signal, notify, thread = task.memory.unpack(SIGEVENT[task.abi.word], event)
    target = _target(task, notify, signal, thread)
    task.memory.pack(INT, result, number)
    sent = SigInfo(signal, SI_TIMER, number, value=value)
    kernel = task.kernel
    read = (lambda: kernel.cpu_ns_of(counts)) if counts is not None else kernel.uptime_ns
    tell = (lambda sent: kernel.send(target, sent)) if target is not None else None
    timer = PosixTimer(number, read, tell, sent, counts)
    timer.clock_offset = kernel.now_ns() - kernel.uptime_ns() if clock in WALL else 0
    timers[number] = timer
    task.process.next_timer += 1
    return 0


def _target(task: Task, notify: int, signal: int, thread: int) -> Task | Process | None:
    """Whom the timer tells. Raises Errno(EINVAL)."""
    if notify == SIGEV_NONE:
        return None
    if notify not in (SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID):
        raise Errno(EINVAL)
    if not 1 <= signal <= LAST_SIGNAL:
        raise Errno(EINVAL)
    if notify != SIGEV_THREAD_ID:
        return task.process
    found: Task | None = task.kernel.find_task(thread)
    if found is None or found.process is not task.process:
        raise Errno(EINVAL)
    return found


def _timer(task: Task, number: int) -> PosixTimer:
    timer = task.process.posix_timers.get(number)
    if timer is None:
        raise Errno(EINVAL)
    assert isinstance(timer, PosixTimer), "they are made here"
    return timer


@syscall()
def timer_delete(task: Task, number: Int) -> int:
    _timer(task, number)
    del task.process.posix_timers[number]
    return 0


@syscall()
def timer_getoverrun(task: Task, number: Int) -> int:
    return _timer(task, number).overrun


@syscall()
def timer_gettime(task: Task, number: Int, pointer: Pointer) -> int:
    return _store(task, _timer(task, number), pointer, task.abi.timespec)


@syscall()
def timer_gettime64(task: Task, number: Int, pointer: Pointer) -> int:
    return _store(task, _timer(task, number), pointer, TIMESPEC64)


def _store(task: Task, timer: PosixTimer, pointer: int, layout: Struct) -> int:
    """A struct itimerspec: the interval, and what remains."""
    timer.look()
    pairs = (divmod(value, SECOND) for value in (timer.interval, timer.remaining()))
    task.memory.copy_out(pointer, b"".join(layout.pack(*pair) for pair in pairs))
    return 0


@syscall()
def timer_settime(task: Task, number: Int, flags: Int, new: Pointer, old: Pointer) -> int:
    return _set(task, number, flags, new, old, task.abi.timespec)


@syscall()
def timer_settime64(task: Task, number: Int, flags: Int, new: Pointer, old: Pointer) -> int:
    return _set(task, number, flags, new, old, TIMESPEC64)


def _set(task: Task, number: int, flags: int, new: int, old: int, layout: Struct) -> int:
    if not new:
        raise Errno(EINVAL)
    interval = load_timespec(task, layout, new)
    value = load_timespec(task, layout, new + layout.size)
    timer = _timer(task, number)
    if old:
        _store(task, timer, old, layout)
    timer.forget_signal()
    if not value:
        timer.disarm()
    elif flags & TIMER_ABSTIME:
        timer.arm(value - timer.clock_offset, interval)
    else:
        timer.arm(timer.read() + value, interval)
    task.kernel.timers_changed()
    return 0
