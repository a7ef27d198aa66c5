"""System calls that copy between the memories of two processes.

They take what the pages' rights allow their owner, as its own accesses would.
process_vm_readv(2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kernel_stub.errno import EFAULT, EINVAL, EPERM, ESRCH, Errno
from kernel_stub.syscalls.io import Vectors, vectors_at
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.usermem import UserMemory

_LONGEST: Final = 1 << 20  # bytes that are copied at once


def _target(task: Task, pid: int) -> Task:
    found: Task | None = task.kernel.find_task(pid)
    if found is None:
        raise Errno(ESRCH)
    if not task.may_look_into(found):
        raise Errno(EPERM)
    return found


@syscall()
def process_vm_readv(
    task: Task,
    pid: Int,
    local: Pointer,
    local_count: ULong,
    remote: Pointer,
    remote_count: ULong,
    flags: ULong,
) -> int:
    return _copy(task, pid, (local, local_count), (remote, remote_count), flags, False)


@syscall()
def process_vm_writev(
    task: Task,
    pid: Int,
    local: Pointer,
    local_count: ULong,
    remote: Pointer,
    remote_count: ULong,
    flags: ULong,
) -> int:
    return _copy(task, pid, (local, local_count), (remote, remote_count), flags, True)


def _copy(
    task: Task,
    pid: int,
    local: tuple[int, int],
    remote: tuple[int, int],
    flags: int,
    writes: bool,
) -> int:
    """How many bytes went; up to the first that one side may not use. Raises Errno."""
    if flags:
        raise Errno(EINVAL)
    here, there = vectors_at(task, *local), vectors_at(task, *remote)
    if not any(size for _, size in here) or not any(size for _, size in there):
        return 0
    memory = _target(task, pid).memory
    done = 0
    for mine, other, size in _pieces(here, there):
        if writes:
            moved = _move(task.memory, mine, memory, other, size)
        else:
            moved = _move(memory, other, task.memory, mine, size)
        done += moved
        if moved < size:
            break
    if not done:
        raise Errno(EFAULT)
    return done


def _move(source: UserMemory, start: int, target: UserMemory, end: int, size: int) -> int:
    data = source.copy_in_some(start, size)
    return target.copy_out_some(end, data)


def _pieces(here: Vectors, there: Vectors) -> Iterator[tuple[int, int, int]]:
    """Both lists cut to the same lengths: an address of each, and a size."""
    mine, others = list(reversed(here)), list(reversed(there))
    while mine and others:
        (first, room), (second, rest) = mine.pop(), others.pop()
        size = min(room, rest, _LONGEST)
        if size:
            yield first, second, size
        if room > size:
            mine.append((first + size, room - size))
        if rest > size:
            others.append((second + size, rest - size))
