"""System calls about thread-local storage: segment bases, and the TLS entries of the GDT.

Handlers give descriptors and bases to the kernel; how the processor holds them, they do not know.
arch_prctl(2), set_thread_area(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.process_structures import U64, USER_DESC
from kernel_stub.errno import EINVAL, ENODEV, ENOSYS, EOPNOTSUPP, EPERM, ESRCH, Errno
from kernel_stub.layout import TLS_ENTRIES, TLS_FIRST_ENTRY, USER_64
from kernel_stub.syscalls.table import Int, Pointer, ULong, syscall
from kernel_stub.syscalls.user_desc import (
    ALL_BITS,
    CODE,
    SEG_32BIT,
    SEG_NOT_PRESENT,
    descriptor,
    is_empty,
    user_desc,
)
from kernel_stub.task import Task

ARCH_SET_GS: Final = 0x1001
ARCH_SET_FS: Final = 0x1002
ARCH_GET_FS: Final = 0x1003
ARCH_GET_GS: Final = 0x1004
ARCH_GET_CPUID: Final = 0x1011
ARCH_SET_CPUID: Final = 0x1012
ARCH_GET_XCOMP_SUPP: Final = 0x1021
ARCH_GET_XCOMP_PERM: Final = 0x1022
ARCH_REQ_XCOMP_PERM: Final = 0x1023

_X87_AND_SSE: Final = 3  # the state components that a processor without XSAVE has
_COMPONENTS: Final = 19  # as many as Linux knows

_ANY_ENTRY: Final = 0xFFFF_FFFF


@syscall(support="partial", missing="CPUID faulting, XSAVE and shadow stacks do not exist here")
def arch_prctl(task: Task, option: Int, address: ULong) -> int:
    kernel = task.kernel
    if option == ARCH_GET_CPUID:
        return 1
    if option == ARCH_SET_CPUID:
        raise Errno(ENODEV)
    if option in (ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM):
        task.memory.pack(U64, address, _X87_AND_SSE)
        return 0
    if option == ARCH_REQ_XCOMP_PERM:
        raise Errno(EINVAL if address >= _COMPONENTS else EOPNOTSUPP)
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
    if _is_refused(base, limit, bits):
        raise Errno(EINVAL)
    if entry == _ANY_ENTRY:
        entry = TLS_FIRST_ENTRY + _free_slot(task)
        task.memory.pack(USER_DESC, pointer, entry, base, limit, bits)
    store_thread_area(task, entry, base, limit, bits)
    return 0


def store_thread_area(task: Task, entry: int, base: int, limit: int, bits: int) -> None:
    """Sets an entry of the GDT for the task that runs. Raises Errno(EINVAL)."""
    if _is_refused(base, limit, bits):
        raise Errno(EINVAL)
    found = 0 if _is_nothing(base, limit, bits) else descriptor(base, limit, bits)
    task.kernel.set_tls_descriptor(tls_slot(entry), found)


def _is_nothing(base: int, limit: int, bits: int) -> bool:
    return is_empty(base, limit, bits) or not (base or limit or bits & ALL_BITS)


def _is_refused(base: int, limit: int, bits: int) -> bool:
    return not _is_nothing(base, limit, bits) and not _is_allowed(bits)


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
    return bool(bits & SEG_32BIT) and not bits & (SEG_NOT_PRESENT | CODE)


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
