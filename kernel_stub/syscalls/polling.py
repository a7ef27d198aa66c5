"""Waiting for descriptors: poll, ppoll, select, pselect6.

Other tasks make files ready, and the console's other end, which is outside. While nobody can run, a
time-out lets guest time pass at once, unless the host is waited for too.
poll(2), select(2).
"""

# ruff: noqa: ARG001 - a handler has the parameters of its manual page

from __future__ import annotations

from struct import Struct, iter_unpack
from typing import Final

from kernel_stub.abi.process_structures import SECOND, SIGSET, TIMESPEC64
from kernel_stub.abi.structures import POLLFD
from kernel_stub.errno import EBADF, EINVAL, ERESTARTNOHAND, Errno
from kernel_stub.syscalls.places import descriptor_limit
from kernel_stub.syscalls.signals import use_mask
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import PathFile
from kernel_stub.vfs.modes import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDNORM,
    POLLWRNORM,
)
from kernel_stub.vfs.readiness import Readiness, Watched, events_of, outside

MOST_SELECTED: Final = 1024
# select(2), "Correspondence between select() and poll() notifications"
READ_SET: Final = POLLIN | POLLRDNORM | POLLHUP | POLLERR
WRITE_SET: Final = POLLOUT | POLLWRNORM | POLLERR
EXCEPT_SET: Final = POLLPRI
MASKS: Final = (READ_SET, WRITE_SET, EXCEPT_SET)

Wanted = list[tuple[int, int]]  # descriptor, events
Ready = dict[int, int]  # index in Wanted -> events


def _files(task: Task, wanted: Wanted) -> list[Watched | None]:
    """The open files behind `wanted`; None for what is closed or only a place in the tree."""
    found: list[Watched | None] = []
    for descriptor, events in wanted:
        file = task.files.any(descriptor) if descriptor in task.files else None
        found.append(None if file is None or isinstance(file, PathFile) else Watched(file, events))
    return found


def _ready(task: Task, wanted: Wanted, files: list[Watched | None]) -> Ready:
    """The events of poll(2) that hold now; a negative descriptor is passed over."""
    ready = {}
    for index, (pair, watched) in enumerate(zip(wanted, files, strict=True)):
        events = POLLNVAL if watched is None else events_of(task, watched)
        if events and pair[0] >= 0:
            ready[index] = events
    return ready


def _wait(task: Task, wanted: Wanted, timeout_ns: int | None) -> Ready:
    """Waits until something of `wanted` holds, or `timeout_ns` passed (None: for ever)."""
    files = _files(task, wanted)
    ready = _ready(task, wanted, files)
    if not ready and timeout_ns != 0:
        watch(task, [one for one in files if one], "descriptors to be ready (poll)", timeout_ns)
        ready = _ready(task, wanted, files)
    return ready


def watch(
    task: Task,
    watched: list[Watched],
    what: str,
    timeout_ns: int | None,
    interrupted: int = ERESTARTNOHAND,
) -> None:
    """Waits until an event of `watched` holds; returns when `timeout_ns` has passed."""
    waits = Readiness(task, watched)
    task.kernel.block(
        task,
        what,
        waits.is_there,
        timeout_ns,
        outside(task, watched),
        interrupted,
        due=waits.due,
    )


def duration_of(task: Task, pointer: int, layout: Struct, parts: int) -> int | None:
    """A time-out in the program's memory, in nanoseconds; `parts` of a second per unit."""
    if not pointer:
        return None
    seconds, part = task.memory.unpack(layout, pointer)
    if seconds < 0 or not 0 <= part < parts:
        raise Errno(EINVAL)
    return int(seconds * SECOND + part * (SECOND // parts))


def _poll(task: Task, array: int, count: int, timeout_ns: int | None) -> int:
    if count > descriptor_limit(task):
        raise Errno(EINVAL)
    records = list(iter_unpack(POLLFD.format, task.memory.copy_in(array, count * POLLFD.size)))
    wanted = [(descriptor, events & 0xFFFF) for descriptor, events, _ in records]
    ready = _wait(task, wanted, timeout_ns)
    told = [
        POLLFD.pack(descriptor, events, ready.get(index, 0))
        for index, (descriptor, events, _) in enumerate(records)
    ]
    task.memory.copy_out(array, b"".join(told))
    return len(ready)


def use_mask_at(task: Task, pointer: int) -> None:
    """Blocks the signals of the set at `pointer` for the length of the call; NULL: none."""
    if pointer:
        use_mask(task, task.memory.unpack(SIGSET, pointer)[0])


def _use_packed_mask(task: Task, pointer: int) -> None:
    """pselect6 gives a pointer to a pointer and a size."""
    if pointer:
        (mask, _) = task.memory.unpack(task.abi.words(2), pointer)
        use_mask_at(task, mask)


@syscall()
def poll(task: Task, array: Pointer, count: UInt, timeout: Int) -> int:
    return _poll(task, array, count, None if timeout < 0 else timeout * 10**6)


@syscall()
def ppoll(
    task: Task, array: Pointer, count: UInt, timeout: Pointer, mask: Pointer, size: ULong
) -> int:
    use_mask_at(task, mask)
    return _poll(task, array, count, duration_of(task, timeout, task.abi.timespec, SECOND))


@syscall()
def ppoll_time64(
    task: Task, array: Pointer, count: UInt, timeout: Pointer, mask: Pointer, size: ULong
) -> int:
    use_mask_at(task, mask)
    return _poll(task, array, count, duration_of(task, timeout, TIMESPEC64, SECOND))


def _members(task: Task, pointer: int, count: int) -> set[int]:
    """The descriptors of an fd_set."""
    if not pointer:
        return set()
    bits = int.from_bytes(task.memory.copy_in(pointer, _set_size(task, count)), "little")
    return {number for number in range(count) if bits >> number & 1}


def _set_size(task: Task, count: int) -> int:
    """The bytes of an fd_set of `count` descriptors: whole words."""
    word = task.abi.word
    return -(-count // (8 * word)) * word


def _select(task: Task, count: int, pointers: tuple[int, int, int], timeout_ns: int | None) -> int:
    if count < 0:
        raise Errno(EINVAL)
    count = min(count, MOST_SELECTED)
    sets = [_members(task, pointer, count) for pointer in pointers]
    numbers = sorted(set().union(*sets))
    if any(number not in task.files for number in numbers):
        raise Errno(EBADF)
    wanted = [(number, _asked(number, sets)) for number in numbers]
    ready = _wait(task, wanted, timeout_ns)
    events = {numbers[index]: found for index, found in ready.items()}
    total = 0
    for pointer, members, mask in zip(pointers, sets, MASKS, strict=True):
        held = [number for number in members if events.get(number, 0) & mask]
        total += len(held)
        if pointer:
            bits = sum(1 << number for number in held)
            task.memory.copy_out(pointer, bits.to_bytes(_set_size(task, count), "little"))
    return total


def _asked(number: int, sets: list[set[int]]) -> int:
    """The events that make `number` ready for one of the sets that it is in."""
    asked = 0
    for mask, members in zip(MASKS, sets, strict=True):
        asked |= mask if number in members else 0
    return asked


def _select_and_tell(
    task: Task,
    count: int,
    pointers: tuple[int, int, int],
    timeout: int,
    layout: Struct,
    parts: int,
) -> int:
    """select(2) on Linux leaves the time that was not used in `timeout`."""
    duration = duration_of(task, timeout, layout, parts)
    end = task.deadline or task.kernel.uptime_ns() + (duration or 0)
    total = _select(task, count, pointers, duration)
    if duration is not None:
        left = max(0, end - task.kernel.uptime_ns())
        seconds, nanoseconds = divmod(left, SECOND)
        task.memory.pack(layout, timeout, seconds, nanoseconds // (SECOND // parts))
    return total


@syscall()
def select(
    task: Task, count: Pointer, reads: Pointer, writes: Pointer, excepts: Pointer, timeout: Pointer
) -> int:
    if task.abi.word == 4:  # old_select: one pointer to the five arguments
        count, reads, writes, excepts, timeout = task.memory.unpack(task.abi.words(5), count)
    return _newselect(task, count, reads, writes, excepts, timeout)


@syscall()
def _newselect(
    task: Task, count: Int, reads: Pointer, writes: Pointer, excepts: Pointer, timeout: Pointer
) -> int:
    count = (count & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
    sets = (reads, writes, excepts)
    return _select_and_tell(task, count, sets, timeout, task.abi.timeval, 10**6)


@syscall()
def pselect6(
    task: Task,
    count: Int,
    reads: Pointer,
    writes: Pointer,
    excepts: Pointer,
    timeout: Pointer,
    mask: Pointer,
) -> int:
    _use_packed_mask(task, mask)
    sets = (reads, writes, excepts)
    return _select_and_tell(task, count, sets, timeout, task.abi.timespec, SECOND)


@syscall()
def pselect6_time64(
    task: Task,
    count: Int,
    reads: Pointer,
    writes: Pointer,
    excepts: Pointer,
    timeout: Pointer,
    mask: Pointer,
) -> int:
    _use_packed_mask(task, mask)
    sets = (reads, writes, excepts)
    return _select_and_tell(task, count, sets, timeout, TIMESPEC64, SECOND)
