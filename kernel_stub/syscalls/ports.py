"""System calls that open I/O ports to a program: iopl(2), ioperm(2).

As in Linux since 5.5, both work by the bitmap of the TSS: RFLAGS.IOPL stays 0, so that no level
allows CLI. Who holds CAP_SYS_RAWIO may open ports: root. What a port leads to, it does not know.
"""

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EINVAL, EPERM, Errno
from kernel_stub.layout import IO_BITMAP_SIZE
from kernel_stub.syscalls.table import Int, UInt, ULong, syscall
from kernel_stub.task import Task

PORTS: Final = 8 * IO_BITMAP_SIZE
HIGHEST_LEVEL: Final = 3
_NO_PORT: Final = (1 << PORTS) - 1


@syscall()
def iopl(task: Task, level: UInt) -> int:
    if level > HIGHEST_LEVEL:
        raise Errno(EINVAL)
    if level > task.io_level:
        _require_raw_io(task)
    task.io_level = level
    task.kernel.tables_changed(task)
    return 0


@syscall()
def ioperm(task: Task, first: ULong, number: ULong, turn_on: Int) -> int:
    end = first + number & task.abi.word_mask
    if end <= first or end > PORTS:
        raise Errno(EINVAL)
    if turn_on:
        _require_raw_io(task)
    elif task.io_bitmap is None:
        return 0
    forbidden = _NO_PORT if task.io_bitmap is None else int.from_bytes(task.io_bitmap, "little")
    ports = (1 << number) - 1 << first
    forbidden = forbidden & ~ports if turn_on else forbidden | ports
    task.io_bitmap = None
    if forbidden != _NO_PORT:
        task.io_bitmap = forbidden.to_bytes(IO_BITMAP_SIZE, "little")
    task.kernel.tables_changed(task)
    return 0


def _require_raw_io(task: Task) -> None:
    if task.uid:
        raise Errno(EPERM)
