"""Timers behind descriptors: timerfd_create, timerfd_settime, timerfd_gettime.

timerfd_create(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.errno import EINVAL, Errno
from kernel_stub.syscalls.events import anonymous, install
from kernel_stub.syscalls.table import Int, Pointer, syscall
from kernel_stub.syscalls.time import CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME, TIMER_ABSTIME
from kernel_stub.task import Task
from kernel_stub.vfs.modes import O_CLOEXEC, O_NONBLOCK
from kernel_stub.vfs.timers import DISARMED, Setting, Timer, TimerFile

TFD_TIMER_CANCEL_ON_SET: Final = 2  # nobody sets a clock here: it never cancels
CLOCKS: Final = (CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME)
# struct itimerspec: interval and value, each seconds and nanoseconds.
ITIMERSPEC: Final = {8: Struct("<4q"), 4: Struct("<4i")}
ITIMERSPEC64: Final = Struct("<4q")


@syscall(support="partial", missing="the two alarm clocks, which wake a sleeping machine: EINVAL")
def timerfd_create(task: Task, clock: Int, flags: Int) -> int:
    if flags & ~(O_CLOEXEC | O_NONBLOCK) or clock not in CLOCKS:
        raise Errno(EINVAL)
    timer = Timer(anonymous(task), is_wall=clock == CLOCK_REALTIME)
    return install(task, TimerFile(timer, flags & O_NONBLOCK), b"timerfd", flags)


def _timer(task: Task, descriptor: int) -> Timer:
    file = task.files.get(descriptor)
    if not isinstance(file, TimerFile):
        raise Errno(EINVAL)
    return file.timer


def _left(task: Task, timer: Timer) -> tuple[int, int, int, int]:
    """The interval, and the time to the next expiration, as struct itimerspec has them."""
    deadline = timer.next_deadline(task)
    left = max(deadline - timer.now(task), 1) if deadline else 0
    return *divmod(timer.setting.interval, SECOND), *divmod(left, SECOND)


def _setting(task: Task, timer: Timer, flags: int, fields: tuple[int, ...]) -> Setting:
    interval_s, interval_ns, value_s, value_ns = fields
    parts_fit = 0 <= interval_ns < SECOND and 0 <= value_ns < SECOND
    if not parts_fit or interval_s < 0 or value_s < 0:
        raise Errno(EINVAL)
    value = value_s * SECOND + value_ns
    if not value:
        return DISARMED
    start = 0 if flags & TIMER_ABSTIME else timer.now(task)
    return Setting(start + value, interval_s * SECOND + interval_ns)


def _set(task: Task, descriptor: int, flags: int, new: int, old: int, layout: Struct) -> int:
    fields = task.memory.unpack(layout, new)
    if flags & ~(TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET):
        raise Errno(EINVAL)
    timer = _timer(task, descriptor)
    setting = _setting(task, timer, flags, fields)
    before = _left(task, timer)
    timer.set(setting)
    if old:
        task.memory.pack(layout, old, *before)
    return 0


@syscall()
def timerfd_settime(task: Task, descriptor: Int, flags: Int, new: Pointer, old: Pointer) -> int:
    return _set(task, descriptor, flags, new, old, ITIMERSPEC[task.abi.word])


@syscall()
def timerfd_settime64(task: Task, descriptor: Int, flags: Int, new: Pointer, old: Pointer) -> int:
    return _set(task, descriptor, flags, new, old, ITIMERSPEC64)


@syscall()
def timerfd_gettime(task: Task, descriptor: Int, current: Pointer) -> int:
    timer = _timer(task, descriptor)
    task.memory.pack(ITIMERSPEC[task.abi.word], current, *_left(task, timer))
    return 0


@syscall()
def timerfd_gettime64(task: Task, descriptor: Int, current: Pointer) -> int:
    timer = _timer(task, descriptor)
    task.memory.pack(ITIMERSPEC64, current, *_left(task, timer))
    return 0
