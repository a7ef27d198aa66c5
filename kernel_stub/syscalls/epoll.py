"""Interest lists: making them, changing them, waiting for what they watch.

What an item does, kernel_stub/vfs/epoll.py knows.
epoll_create(2), epoll_ctl(2), epoll_wait(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import SECOND, SIGSET, TIMESPEC64
from kernel_stub.errno import EINTR, EINVAL, Errno
from kernel_stub.syscalls.events import anonymous, install
from kernel_stub.syscalls.polling import duration_of, use_mask_at, watch
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.epoll import EPOLL_CTL_DEL, InterestFile, InterestList, change
from kernel_stub.vfs.modes import O_CLOEXEC, POLLIN
from kernel_stub.vfs.readiness import Watched

EVENT: Final = Struct("<IQ")  # struct epoll_event: packed in both ABIs
MOST_EVENTS: Final = 0x7FFF_FFFF // EVENT.size


@syscall()
def epoll_create(task: Task, size: Int) -> int:
    if size <= 0:
        raise Errno(EINVAL)
    return epoll_create1(task, 0)


@syscall()
def epoll_create1(task: Task, flags: Int) -> int:
    if flags & ~O_CLOEXEC:
        raise Errno(EINVAL)
    return install(task, InterestFile(InterestList(anonymous(task))), b"eventpoll", flags)


@syscall()
def epoll_ctl(task: Task, list_: Int, operation: Int, descriptor: Int, event: Pointer) -> int:
    events = data = 0
    if operation != EPOLL_CTL_DEL:
        events, data = task.memory.unpack(EVENT, event)
    interests, file = task.files.get(list_), task.files.get(descriptor)
    change(task, interests, operation, (descriptor, file), events, data)
    return 0


def _wait(task: Task, list_: int, events: int, most: int, timeout_ns: int | None) -> int:
    if not 0 < most <= MOST_EVENTS:
        raise Errno(EINVAL)
    file = task.files.get(list_)
    if not isinstance(file, InterestFile):
        raise Errno(EINVAL)
    told = file.interests.collect(task, most)
    if not told and timeout_ns != 0:
        watch(task, [Watched(file, POLLIN)], "events (epoll)", timeout_ns, EINTR)
        told = file.interests.collect(task, most)
    task.memory.copy_out(events, b"".join(EVENT.pack(*one) for one in told))
    return len(told)


@syscall()
def epoll_wait(task: Task, list_: Int, events: Pointer, most: Int, timeout: Int) -> int:
    return _wait(task, list_, events, most, None if timeout < 0 else timeout * 10**6)


def _use_mask(task: Task, mask: int, size: int) -> None:
    if mask and size != SIGSET.size:
        raise Errno(EINVAL)
    use_mask_at(task, mask)


@syscall()
def epoll_pwait(
    task: Task, list_: Int, events: Pointer, most: Int, timeout: Int, mask: Pointer, size: ULong
) -> int:
    _use_mask(task, mask, size)
    return epoll_wait(task, list_, events, most, timeout)


@syscall()
def epoll_pwait2(
    task: Task,
    list_: Int,
    events: Pointer,
    most: Int,
    timeout: Pointer,
    mask: Pointer,
    size: ULong,
) -> int:
    duration = duration_of(task, timeout, TIMESPEC64, SECOND)
    _use_mask(task, mask, size)
    return _wait(task, list_, events, most, duration)
