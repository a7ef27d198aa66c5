"""System calls about who the process is: user and group ids, capabilities.

The ids of a process do not change here: it may only become who it is.
credentials(7), getuid(2), setuid(2), getgroups(2), capget(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.process_structures import CAPABILITY_DATA, CAPABILITY_HEADER, UINT
from kernel_stub.errno import EFAULT, EINVAL, EPERM, ESRCH, Errno
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.task import Task

_UNCHANGED: Final = 0xFFFF_FFFF
_UNCHANGED_16: Final = 0xFFFF
_OVERFLOW_16: Final = 65534  # how an id looks that 16 bits cannot hold
_NO_CHANGE: Final = "a process of root cannot become another user"

# The versions of capget(2)'s structures, and how many data structures each has.
_CAPABILITY_VERSIONS: Final = {0x1998_0330: 1, 0x2007_1026: 2, 0x2008_0522: 2}
_NEWEST_VERSION: Final = 0x2008_0522
_ALL_CAPABILITIES: Final = (1 << 41) - 1


def short(number: int) -> int:
    """An id as a 16-bit system call shows it."""
    return number if number < 1 << 16 else _OVERFLOW_16


def _shown(task: Task, number: int) -> int:
    """An id as the old call of the ABI shows it: of 16 bits in the i386 ABI."""
    return short(number) if task.abi.word == 4 else number


@syscall("getuid", "geteuid")
def getuid(task: Task) -> int:
    return _shown(task, task.uid)


@syscall("getgid", "getegid")
def getgid(task: Task) -> int:
    return _shown(task, task.gid)


@syscall("getuid32", "geteuid32")
def getuid32(task: Task) -> int:
    return task.uid


@syscall("getgid32", "getegid32")
def getgid32(task: Task) -> int:
    return task.gid


def _id_layout(task: Task) -> Struct:
    return Struct("<H") if task.abi.word == 4 else UINT


def _store_ids(task: Task, layout: Struct, number: int, pointers: tuple[int, ...]) -> int:
    shown = short(number) if layout.size == 2 else number
    for pointer in pointers:
        task.memory.pack(layout, pointer, shown)
    return 0


@syscall()
def getresuid(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, _id_layout(task), task.uid, (real, effective, saved))


@syscall()
def getresgid(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, _id_layout(task), task.gid, (real, effective, saved))


@syscall()
def getresuid32(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, UINT, task.uid, (real, effective, saved))


@syscall()
def getresgid32(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, UINT, task.gid, (real, effective, saved))


def _require_own(task: Task, own: int, wanted: tuple[int, ...]) -> int:
    """Each wanted id must be the process's own, or say "unchanged". Raises Errno(EPERM)."""
    unchanged = (_UNCHANGED, _UNCHANGED_16) if task.abi.word == 4 else (_UNCHANGED,)
    if any(number != own and number not in unchanged for number in wanted):
        raise Errno(EPERM)
    return 0


def _require_one(own: int, wanted: int) -> int:
    if wanted == _UNCHANGED:
        raise Errno(EINVAL)
    if wanted != own:
        raise Errno(EPERM)
    return 0


@syscall("setuid", "setuid32", support="partial", missing=_NO_CHANGE)
def setuid(task: Task, wanted: UInt) -> int:
    return _require_one(task.uid, wanted)


@syscall("setgid", "setgid32", support="partial", missing=_NO_CHANGE)
def setgid(task: Task, wanted: UInt) -> int:
    return _require_one(task.gid, wanted)


@syscall("setreuid", "setreuid32", support="partial", missing=_NO_CHANGE)
def setreuid(task: Task, real: UInt, effective: UInt) -> int:
    return _require_own(task, task.uid, (real, effective))


@syscall("setregid", "setregid32", support="partial", missing=_NO_CHANGE)
def setregid(task: Task, real: UInt, effective: UInt) -> int:
    return _require_own(task, task.gid, (real, effective))


@syscall("setresuid", "setresuid32", support="partial", missing=_NO_CHANGE)
def setresuid(task: Task, real: UInt, effective: UInt, saved: UInt) -> int:
    return _require_own(task, task.uid, (real, effective, saved))


@syscall("setresgid", "setresgid32", support="partial", missing=_NO_CHANGE)
def setresgid(task: Task, real: UInt, effective: UInt, saved: UInt) -> int:
    return _require_own(task, task.gid, (real, effective, saved))


@syscall("setfsuid", "setfsuid32", support="partial", missing=_NO_CHANGE)
def setfsuid(task: Task, wanted: UInt) -> int:  # noqa: ARG001 - this call answers with the old id, whatever it does
    return task.uid


@syscall("setfsgid", "setfsgid32", support="partial", missing=_NO_CHANGE)
def setfsgid(task: Task, wanted: UInt) -> int:  # noqa: ARG001 - this call answers with the old id, whatever it does
    return task.gid


@syscall()
def getgroups(task: Task, size: Int, groups: Pointer) -> int:
    return _get_groups(task, size, groups, _id_layout(task))


@syscall()
def getgroups32(task: Task, size: Int, groups: Pointer) -> int:
    return _get_groups(task, size, groups, UINT)


def _get_groups(task: Task, size: int, pointer: int, layout: Struct) -> int:
    if size < 0:
        raise Errno(EINVAL)
    if size:
        if size < len(task.groups):
            raise Errno(EINVAL)
        shown = (short(group) if layout.size == 2 else group for group in task.groups)
        task.memory.copy_out(pointer, b"".join(layout.pack(group) for group in shown))
    return len(task.groups)


@syscall("setgroups", "setgroups32", support="partial", missing=_NO_CHANGE)
def setgroups(task: Task, size: Int, groups: Pointer) -> int:  # noqa: ARG001 - they cannot change
    raise Errno(EPERM)


@syscall()
def capget(task: Task, header: Pointer, result: Pointer) -> int:
    version, pid = task.memory.unpack(CAPABILITY_HEADER, header)
    number = _CAPABILITY_VERSIONS.get(version)
    if number is None:
        task.memory.pack(CAPABILITY_HEADER, header, _NEWEST_VERSION, pid)
        if not result:
            return 0
        raise Errno(EINVAL)
    if pid < 0:
        raise Errno(EINVAL)
    if pid not in (0, task.pid):
        raise Errno(ESRCH)
    if not result:
        raise Errno(EFAULT)
    task.memory.copy_out(result, _capabilities(task, number))
    return 0


def _capabilities(task: Task, number: int) -> bytes:
    """Effective, permitted and inheritable: root has all of the first two, others none."""
    held = 0 if task.uid else _ALL_CAPABILITIES
    words = [held >> 32 * word & 0xFFFF_FFFF for word in range(number)]
    return b"".join(CAPABILITY_DATA.pack(word, word, 0) for word in words)


@syscall(support="partial", missing="capabilities cannot change")
def capset(task: Task, header: Pointer, wanted: Pointer) -> int:
    version, pid = task.memory.unpack(CAPABILITY_HEADER, header)
    number = _CAPABILITY_VERSIONS.get(version)
    if number is None:
        raise Errno(EINVAL)
    if pid not in (0, task.pid):
        raise Errno(EPERM)
    size = number * CAPABILITY_DATA.size
    if task.memory.copy_in(wanted, size) != _capabilities(task, number):
        raise Errno(EPERM)
    return 0
