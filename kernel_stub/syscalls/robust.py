"""The list of robust futexes that a task leaves when it ends. get_robust_list(2)."""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.process_structures import ROBUST_LIST_HEAD, UINT
from kernel_stub.errno import Errno
from kernel_stub.task import Task

FUTEX_WAITERS: Final = 0x8000_0000
FUTEX_OWNER_DIED: Final = 0x4000_0000
FUTEX_TID_MASK: Final = 0x3FFF_FFFF
_LONGEST: Final = 2048


def release_robust_list(task: Task) -> None:
    """Marks every futex that the ending task holds, and wakes one who waits for each."""
    head, _ = task.robust_list
    if not head:
        return
    try:
        _walk(task, head)
    except Errno:
        return  # the list is broken: what is behind is lost, as in Linux


def _walk(task: Task, head: int) -> None:
    first, offset, pending = task.memory.unpack(ROBUST_LIST_HEAD[task.program_abi.word], head)
    entry, rest = first & ~1, _LONGEST
    while entry != head and rest:
        (following,) = task.memory.unpack(task.program_abi.pointer, entry)
        if entry != pending & ~1:
            _release(task, entry + offset)
        entry, rest = following & ~1, rest - 1
    if pending & ~1:
        _release(task, (pending & ~1) + offset)


def _release(task: Task, address: int) -> None:
    address &= task.program_abi.word_mask
    (value,) = task.memory.unpack(UINT, address)
    if value & FUTEX_TID_MASK != task.tid:
        return
    task.memory.pack(UINT, address, value & FUTEX_WAITERS | FUTEX_OWNER_DIED)
    if value & FUTEX_WAITERS:
        task.kernel.futexes.wake(task.space.futex_key(address), 1)
