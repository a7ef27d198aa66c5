"""The USER area of a tracee, word by word: its registers, and the debug registers behind them.

ptrace(2), "PTRACE_PEEKUSER"; SDM 3B, "Debug Registers".
"""

from __future__ import annotations

from typing import Final

from emu.x86 import debug
from kernel_stub import layout
from kernel_stub.abi.abi import Abi
from kernel_stub.abi.tracing import DEBUG_REGISTERS, USER_AREA
from kernel_stub.errno import EINVAL, EIO, Errno
from kernel_stub.task import Task
from kernel_stub.tracing import registers

_STATUS, _CONTROL = 6, 7
_CONTROL_OF_KERNEL: Final = 0xFC00


def _place(abi: Abi, offset: int) -> tuple[str, int | None]:
    """The register, or the debug register, at `offset`; nothing else is kept there.

    Raises Errno(EIO).
    """
    area = USER_AREA[abi]
    if offset % abi.word or offset >= area.size:
        raise Errno(EIO)
    index, number = offset // abi.word, (offset - area.debug_at) // abi.word
    name = area.registers[index] if index < len(area.registers) else ""
    return name, number if 0 <= number < DEBUG_REGISTERS else None


def peek(task: Task, abi: Abi, offset: int) -> int:
    """The word at `offset`. Raises Errno(EIO)."""
    name, number = _place(abi, offset)
    if name:
        return registers.read(task, name) & abi.word_mask
    return 0 if number is None else _read_debug(task, number) & abi.word_mask


def poke(task: Task, abi: Abi, offset: int, value: int) -> None:
    """Sets it. Raises Errno: EIO, EINVAL."""
    name, number = _place(abi, offset)
    if name:
        registers.write(task, name, value, abi)
        registers.judge_restart(task)
    elif number is not None:
        _write_debug(task, number, value)
    elif not USER_AREA[abi].ignores:
        raise Errno(EIO)


def _read_debug(task: Task, number: int) -> int:
    if number in (4, 5):
        return 0
    if number == _STATUS:
        status: int = task.tracing.debug_status
        return status
    value = task.kernel.debug_register(number)
    return value & ~debug.CONTROL_AT_RESET if number == _CONTROL else value


def _write_debug(task: Task, number: int, value: int) -> None:
    """Breakpoints of user memory alone: no tracer may watch the kernel."""
    if number in (4, 5):
        raise Errno(EIO)
    if number < 4 and value >= layout.USER_64.task_size:
        raise Errno(EINVAL)
    if number == _STATUS:
        task.tracing.debug_status = value
        return
    if number == _CONTROL:
        value &= ~_CONTROL_OF_KERNEL
        addresses = [task.kernel.debug_register(slot) for slot in range(4)]
        if any(_is_wrong(value, slot, addresses[slot]) for slot in range(4)):
            raise Errno(EINVAL)
    task.kernel.set_debug_register(number, value)


def _is_wrong(control: int, slot: int, address: int) -> bool:
    """Whether an enabled breakpoint is one that Linux does not set."""
    if not control >> 2 * slot & 3:
        return False
    kind, length = control >> 16 + 4 * slot & 3, (1, 2, 8, 4)[control >> 18 + 4 * slot & 3]
    if kind == debug.EXECUTE:
        return length != 1
    return kind == debug.PORT or bool(address % length)
