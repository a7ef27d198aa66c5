"""The system call about a program's own descriptor table: modify_ldt(2).

What is no segment of ring 3 cannot be asked for: no gate, no system segment, no 64-bit code.
Where the table lies and when the processor sees it, it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.errors import OutOfFrames
from emu.x86.descriptors import SEGMENT
from kernel_stub.abi.process_structures import USER_DESC
from kernel_stub.errno import EINVAL, ENOMEM, ENOSYS, Errno
from kernel_stub.mm.ldt import LDT_ENTRIES, LDT_ENTRY_SIZE
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.syscalls.user_desc import (
    CONFORMING,
    CONTENTS,
    SEG_NOT_PRESENT,
    descriptor,
    is_empty,
)
from kernel_stub.task import Task

_LARGEST: Final = LDT_ENTRIES * LDT_ENTRY_SIZE
_DEFAULT_SIZE: Final = 128  # what function 2 gives: zeroes
_LOW: Final = 0xFFFF_FFFF


@syscall()
def modify_ldt(task: Task, function: Int, pointer: Pointer, size: ULong) -> int:
    """An error is an int, also in a program whose words are 64 bits wide: no sign extends it."""
    action = _FUNCTIONS.get(function)
    try:
        if action is None:
            raise Errno(ENOSYS)
        return action(task, pointer, size)
    except Errno as error:
        return -error.number & _LOW


def _read(task: Task, pointer: int, size: int) -> int:
    table = task.space.ldt
    if not table.size:
        return 0
    size = min(size, _LARGEST)
    task.memory.copy_out(pointer, table.read(size).ljust(size, b"\0"))
    return size


def _read_default(task: Task, pointer: int, size: int) -> int:
    size = min(size, _DEFAULT_SIZE)
    task.memory.copy_out(pointer, bytes(size))
    return size


def _write_old(task: Task, pointer: int, size: int) -> int:
    """A base and a limit of 0 clear the entry; the bit AVL cannot be set."""
    index, base, limit, bits = _asked_for(task, pointer, size)
    if bits & CONTENTS == CONFORMING:
        raise Errno(EINVAL)
    made = SEGMENT.put(_made(base, limit, bits), "avl", 0)
    return _set(task, index, made if base or limit else 0)


def _write(task: Task, pointer: int, size: int) -> int:
    index, base, limit, bits = _asked_for(task, pointer, size)
    if bits & CONTENTS == CONFORMING and not bits & SEG_NOT_PRESENT:
        raise Errno(EINVAL)
    return _set(task, index, _made(base, limit, bits))


def _made(base: int, limit: int, bits: int) -> int:
    return 0 if is_empty(base, limit, bits) else descriptor(base, limit, bits)


_FUNCTIONS: Final[dict[int, Callable[[Task, int, int], int]]] = {
    0: _read,
    1: _write_old,
    2: _read_default,
    0x11: _write,
}


def _asked_for(task: Task, pointer: int, size: int) -> tuple[int, int, int, int]:
    """A struct user_desc: entry_number, base_addr, limit, bits."""
    if size != USER_DESC.size:
        raise Errno(EINVAL)
    index, base, limit, bits = task.memory.unpack(USER_DESC, pointer)
    if index >= LDT_ENTRIES:
        raise Errno(EINVAL)
    return index, base, limit, bits


def _set(task: Task, index: int, made: int) -> int:
    try:
        task.space.ldt.write(index, made)
    except OutOfFrames:
        raise Errno(ENOMEM) from None
    task.kernel.tables_changed(task)
    return 0
