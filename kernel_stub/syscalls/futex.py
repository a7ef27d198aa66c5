"""futex(2): waiting for a word of memory to change, and waking who waits.

Priority inheritance is refused: ENOSYS. futex(2).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import INT, TIMESPEC64, UINT
from kernel_stub.errno import (
    EAGAIN,
    EINVAL,
    ENOSYS,
    ERESTARTNOHAND,
    ERESTARTSYS,
    ETIMEDOUT,
    Errno,
)
from kernel_stub.futexes import ALL_BITS, Waiter
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.syscalls.time import load_timespec
from kernel_stub.task import Task

FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP = 0, 1, 3, 4, 5
FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 9, 10
FUTEX_PRIVATE_FLAG: Final = 128
FUTEX_CLOCK_REALTIME: Final = 256
_COMMAND: Final = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
_MAY_USE_REALTIME: Final = (FUTEX_WAIT, FUTEX_WAIT_BITSET)
_SINGLE: Final = "priority inheritance is ENOSYS"

_OPERATIONS: Final[dict[int, Callable[[int, int], int]]] = {
    0: lambda old, operand: operand,
    1: lambda old, operand: old + operand,
    2: lambda old, operand: old | operand,
    3: lambda old, operand: old & ~operand,
    4: lambda old, operand: old ^ operand,
}
_OPERAND_IS_SHIFT: Final = 8
_COMPARISONS: Final[dict[int, Callable[[int, int], bool]]] = {
    0: operator.eq,
    1: operator.ne,
    2: operator.lt,
    3: operator.le,
    4: operator.gt,
    5: operator.ge,
}


@syscall(support="partial", missing=_SINGLE)
def futex(
    task: Task,
    address: Pointer,
    operation: Int,
    value: UInt,
    timeout: ULong,
    second: Pointer,
    third: UInt,
) -> int:
    return _futex(task, address, operation, value, timeout, second, third, task.abi.timespec)


@syscall(support="partial", missing=_SINGLE)
def futex_time64(
    task: Task,
    address: Pointer,
    operation: Int,
    value: UInt,
    timeout: ULong,
    second: Pointer,
    third: UInt,
) -> int:
    return _futex(task, address, operation, value, timeout, second, third, TIMESPEC64)


def _futex(
    task: Task,
    address: int,
    operation: int,
    value: int,
    timeout: int,
    second: int,
    third: int,
    layout: Struct,
) -> int:
    command = operation & _COMMAND
    if operation & FUTEX_CLOCK_REALTIME and command not in _MAY_USE_REALTIME:
        raise Errno(ENOSYS)
    if command in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
        bits = third if command == FUTEX_WAIT_BITSET else ALL_BITS
        deadline = _deadline(task, operation, timeout, layout) if timeout else None
        return _wait(task, address, value, bits, deadline)
    _check_address(address)
    return _wake(task, address, command, value, timeout, second, third)


def _wake(
    task: Task, address: int, command: int, value: int, limit: int, second: int, third: int
) -> int:
    """The commands that wake; `limit` is how many waits are moved, or woken at `second`."""
    futexes, key = task.kernel.futexes, task.space.futex_key(address)
    if command == FUTEX_WAKE:
        return futexes.wake(key, _count(value))
    if command == FUTEX_WAKE_BITSET:
        if not third:
            raise Errno(EINVAL)
        return futexes.wake(key, _count(value), third)
    if command not in (FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP):
        raise Errno(ENOSYS)
    _check_address(second)
    other = task.space.futex_key(second)
    if command == FUTEX_WAKE_OP:
        woken_too = _apply(task, second, third)
        woken = futexes.wake(key, _count(value))
        return woken + (futexes.wake(other, _count(limit)) if woken_too else 0)
    if command == FUTEX_CMP_REQUEUE and _load(task, address) != third:
        raise Errno(EAGAIN)
    woken = futexes.wake(key, _count(value))
    moved = futexes.requeue(key, other, _count(limit))
    return woken + moved if command == FUTEX_CMP_REQUEUE else woken


def _count(value: int) -> int:
    """How many to wake: a C int, and at least one for anything below."""
    signed = (value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
    if signed < 0:
        raise Errno(EINVAL)
    return signed


def _check_address(address: int) -> None:
    if address % 4:
        raise Errno(EINVAL)


def _load(task: Task, address: int) -> int:
    value: int = task.memory.unpack(UINT, address)[0]
    return value


def _deadline(task: Task, operation: int, pointer: int, layout: Struct) -> int:
    """When the wait ends, by CLOCK_MONOTONIC: FUTEX_WAIT names a duration, the other a time."""
    time = load_timespec(task, layout, pointer)
    kernel = task.kernel
    if operation & _COMMAND == FUTEX_WAIT:
        return kernel.uptime_ns() + time
    if operation & FUTEX_CLOCK_REALTIME:
        return time - kernel.now_ns() + kernel.uptime_ns()
    return time


def _wait(task: Task, address: int, value: int, bits: int, deadline: int | None) -> int:
    waiter = task.futex
    if waiter is None:
        waiter = _begin(task, address, value, bits)
    kernel = task.kernel
    left = None if deadline is None else max(deadline - kernel.uptime_ns(), 0)
    try:
        if not waiter.woken:
            what = f"the futex at {address:#x} to be woken"
            code = ERESTARTSYS if left is None else ERESTARTNOHAND
            kernel.block(task, what, waiter.is_woken, left, interrupted=code)
    except Errno:
        _leave(task)
        raise
    woken = waiter.woken
    _leave(task)
    if not woken:
        raise Errno(ETIMEDOUT)
    return 0


def _begin(task: Task, address: int, value: int, bits: int) -> Waiter:
    if not bits:
        raise Errno(EINVAL)
    _check_address(address)
    if _load(task, address) != value:
        raise Errno(EAGAIN)
    task.futex = task.kernel.futexes.wait(task.space.futex_key(address), bits)
    waiter: Waiter = task.futex
    return waiter


def _leave(task: Task) -> None:
    task.kernel.futexes.leave(task.futex)
    task.futex = None


def _apply(task: Task, address: int, encoded: int) -> bool:
    """FUTEX_WAKE_OP: changes the second word; the comparison says whether to wake there too."""
    code = encoded >> 28
    operand = (encoded >> 12 & 0xFFF) ^ 0x800
    operand -= 0x800
    if code & _OPERAND_IS_SHIFT:
        operand = 1 << (operand & 31)
    operation = _OPERATIONS.get(code & ~_OPERAND_IS_SHIFT)
    if operation is None:
        raise Errno(ENOSYS)
    (old,) = task.memory.unpack(INT, address)
    task.memory.pack(UINT, address, operation(old, operand) & 0xFFFF_FFFF)
    compare = _COMPARISONS.get(encoded >> 24 & 15)
    if compare is None:
        raise Errno(ENOSYS)
    argument = (encoded & 0xFFF ^ 0x800) - 0x800
    return compare(old, argument)
