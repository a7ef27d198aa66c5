"""futex(2) for one task: nobody waits, nobody wakes.

A wait ends only by its time-out; one without is a deadlock, and is reported.
futex(2).
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import INT, TIMESPEC64, UINT
from kernel_stub.errno import EAGAIN, EINVAL, ENOSYS, ETIMEDOUT, Errno
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.syscalls.time import load_timespec
from kernel_stub.syscalls.waiting import sleep_until, wait_for_signal
from kernel_stub.task import Task

FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP = 0, 1, 3, 4, 5
FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 9, 10
FUTEX_PRIVATE_FLAG: Final = 128
FUTEX_CLOCK_REALTIME: Final = 256
_COMMAND: Final = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
_MAY_USE_REALTIME: Final = (FUTEX_WAIT, FUTEX_WAIT_BITSET)
_WAKERS: Final = (FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_REQUEUE)
_SINGLE: Final = "there is one thread; priority inheritance is ENOSYS"

_OPERATIONS: Final[dict[int, Callable[[int, int], int]]] = {
    0: lambda old, operand: operand,
    1: lambda old, operand: old + operand,
    2: lambda old, operand: old | operand,
    3: lambda old, operand: old & ~operand,
    4: lambda old, operand: old ^ operand,
}
_OPERAND_IS_SHIFT: Final = 8


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
        bits = third if command == FUTEX_WAIT_BITSET else 1
        deadline = _deadline(task, operation, timeout, layout) if timeout else None
        return _wait(task, address, value, bits, deadline)
    _check_address(address)
    if command == FUTEX_WAKE_BITSET and not third:
        raise Errno(EINVAL)
    if command == FUTEX_CMP_REQUEUE and _load(task, address) != third:
        raise Errno(EAGAIN)
    if command == FUTEX_WAKE_OP:
        _check_address(second)
        _apply(task, second, third)
    elif command not in _WAKERS and command != FUTEX_CMP_REQUEUE:
        raise Errno(ENOSYS)
    return 0


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
    if not bits:
        raise Errno(EINVAL)
    _check_address(address)
    if _load(task, address) != value:
        raise Errno(EAGAIN)
    if deadline is None:
        wait_for_signal(task, f"the futex at {address:#x} to be woken")
    else:
        sleep_until(task, deadline)
    raise Errno(ETIMEDOUT)


def _apply(task: Task, address: int, encoded: int) -> None:
    """FUTEX_WAKE_OP: changes the second word; the comparison then decides whom to wake: nobody."""
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
