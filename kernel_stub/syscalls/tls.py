"""System calls about thread-local storage: segment bases, and the TLS entries of the GDT.

Handlers give descriptors and bases to the kernel; how the processor holds them, they do not know.
arch_prctl(2), set_thread_area(2).
"""

from __future__ import annotations

from typing import Final

from emu.x86.descriptors import SEGMENT
from kernel_stub.abi.process_structures import USER_DESC
from kernel_stub.errno import EINVAL, ENODEV, ENOSYS, EPERM, ESRCH, Errno
from kernel_stub.layout import TLS_ENTRIES, TLS_FIRST_ENTRY, USER_64
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.task import Task

ARCH_SET_GS: Final = 0x1001
ARCH_SET_FS: Final = 0x1002
ARCH_GET_FS: Final = 0x1003
ARCH_GET_GS: Final = 0x1004
ARCH_GET_CPUID: Final = 0x1011
ARCH_SET_CPUID: Final = 0x1012

_ANY_ENTRY: Final = 0xFFFF_FFFF
# struct user_desc, the bits of its last word.
_SEG_32BIT: Final = 1 << 0
_CONTENTS: Final = 3 << 1
_READ_EXEC_ONLY: Final = 1 << 3
_LIMIT_IN_PAGES: Final = 1 << 4
_SEG_NOT_PRESENT: Final = 1 << 5
_USEABLE: Final = 1 << 6
_ALL_BITS: Final = (1 << 7) - 1
# What says "no descriptor": all zero, or an empty one as modify_ldt(2) writes it.
_EMPTY: Final = ((0, 0, 0), (0, 0, _READ_EXEC_ONLY | _SEG_NOT_PRESENT))
_LONGEST: Final = (1 << 20) - 1


@syscall(support="partial", missing="CPUID faulting and shadow stacks do not exist here")
def arch_prctl(task: Task, option: Int, address: ULong) -> int:
    kernel = task.kernel
    if option == ARCH_GET_CPUID:
        return 1
    if option == ARCH_SET_CPUID:
        raise Errno(ENODEV)
    if task.abi.word == 4:
        raise Errno(EINVAL)
    if option in (ARCH_SET_FS, ARCH_SET_GS):
        if address >= USER_64.task_size:
            raise Errno(EPERM)
        (kernel.set_fs_base if option == ARCH_SET_FS else kernel.set_gs_base)(address)
    elif option in (ARCH_GET_FS, ARCH_GET_GS):
        base = kernel.get_fs_base() if option == ARCH_GET_FS else kernel.get_gs_base()
        task.memory.pack(task.abi.pointer, address, base)
    else:
        raise Errno(EINVAL)
    return 0


@syscall()
def set_thread_area(task: Task, pointer: Pointer) -> int:
    _require_i386(task)
    entry, base, limit, bits = task.memory.unpack(USER_DESC, pointer)
    empty = (base, limit, bits & _ALL_BITS) in _EMPTY
    if not empty and not _is_allowed(bits):
        raise Errno(EINVAL)
    if entry == _ANY_ENTRY:
        entry = TLS_FIRST_ENTRY + _free_slot(task)
        task.memory.pack(USER_DESC, pointer, entry, base, limit, bits)
    slot = tls_slot(entry)
    task.kernel.set_tls_descriptor(slot, 0 if empty else descriptor(base, limit, bits))
    return 0


@syscall()
def get_thread_area(task: Task, pointer: Pointer) -> int:
    _require_i386(task)
    entry = task.memory.unpack(USER_DESC, pointer)[0]
    found = task.kernel.get_tls_descriptor(tls_slot(entry))
    task.memory.pack(USER_DESC, pointer, entry, *user_desc(found))
    return 0


def _require_i386(task: Task) -> None:
    """64-bit programs have arch_prctl(2) instead."""
    if task.abi.word != 4:
        raise Errno(ENOSYS)


def _is_allowed(bits: int) -> bool:
    """A present 32-bit data segment: nothing else may stand in a TLS entry."""
    return bool(bits & _SEG_32BIT) and not bits & (_SEG_NOT_PRESENT | 2 << 1)


def _free_slot(task: Task) -> int:
    for slot in range(TLS_ENTRIES):
        if not task.kernel.get_tls_descriptor(slot):
            return slot
    raise Errno(ESRCH)


def tls_slot(entry: int) -> int:
    """The TLS slot that entry `entry` of the GDT is. Raises Errno(EINVAL)."""
    slot = entry - TLS_FIRST_ENTRY
    if not 0 <= slot < TLS_ENTRIES:
        raise Errno(EINVAL)
    return slot


def descriptor(base: int, limit: int, bits: int) -> int:
    """The segment descriptor that a struct user_desc asks for."""
    writable = 0 if bits & _READ_EXEC_ONLY else 1
    return SEGMENT.pack(
        limit=limit & _LONGEST,
        base=base,
        type=1 | writable << 1 | (bits & _CONTENTS) << 1,
        s=1,
        dpl=3,
        present=int(not bits & _SEG_NOT_PRESENT),
        avl=int(bool(bits & _USEABLE)),
        default_big=int(bool(bits & _SEG_32BIT)),
        granularity=int(bool(bits & _LIMIT_IN_PAGES)),
    )


def user_desc(found: int) -> tuple[int, int, int]:
    """Base, limit and bits of a struct user_desc that describes the descriptor `found`."""
    fields = SEGMENT.unpack(found)
    bits = (
        fields["default_big"] * _SEG_32BIT
        | (fields["type"] >> 2 & 3) << 1
        | (not fields["type"] & 2) * _READ_EXEC_ONLY
        | fields["granularity"] * _LIMIT_IN_PAGES
        | (not fields["present"]) * _SEG_NOT_PRESENT
        | fields["avl"] * _USEABLE
    )
    return fields["base"], fields["limit"], bits
