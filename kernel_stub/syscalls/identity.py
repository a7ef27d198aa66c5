"""System calls about who a task is: its user and group ids.

What a change does to its capabilities, identity.py (the room below) knows; capabilities themselves
are capabilities.py's. credentials(7), getuid(2), setuid(2), setfsuid(2), getgroups(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.capabilities import CAP_SETGID, CAP_SETUID
from kernel_stub.abi.process_structures import UINT
from kernel_stub.errno import EINVAL, EPERM, Errno
from kernel_stub.identity import Ids, all_of
from kernel_stub.syscalls.table import Int, Pointer, UInt, syscall
from kernel_stub.task import Task

_UNCHANGED: Final = 0xFFFF_FFFF
_UNCHANGED_16: Final = 0xFFFF
_OVERFLOW_16: Final = 65534  # how an id looks that 16 bits cannot hold
_MOST_GROUPS: Final = 65536


def short(number: int) -> int:
    """An id as a 16-bit system call shows it."""
    return number if number < 1 << 16 else _OVERFLOW_16


def _shown(task: Task, number: int) -> int:
    """An id as the old call of the ABI shows it: of 16 bits in the i386 ABI."""
    return short(number) if task.abi.word == 4 else number


@syscall()
def getuid(task: Task) -> int:
    return _shown(task, task.identity.uids.real)


@syscall()
def geteuid(task: Task) -> int:
    return _shown(task, task.identity.uids.effective)


@syscall()
def getgid(task: Task) -> int:
    return _shown(task, task.identity.gids.real)


@syscall()
def getegid(task: Task) -> int:
    return _shown(task, task.identity.gids.effective)


@syscall()
def getuid32(task: Task) -> int:
    return task.identity.uids.real


@syscall()
def geteuid32(task: Task) -> int:
    return task.identity.uids.effective


@syscall()
def getgid32(task: Task) -> int:
    return task.identity.gids.real


@syscall()
def getegid32(task: Task) -> int:
    return task.identity.gids.effective


def _id_layout(task: Task) -> Struct:
    return Struct("<H") if task.abi.word == 4 else UINT


def _store_ids(task: Task, layout: Struct, ids: Ids, pointers: tuple[int, ...]) -> int:
    for number, pointer in zip(ids[:3], pointers, strict=True):
        task.memory.pack(layout, pointer, short(number) if layout.size == 2 else number)
    return 0


@syscall()
def getresuid(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, _id_layout(task), task.identity.uids, (real, effective, saved))


@syscall()
def getresgid(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, _id_layout(task), task.identity.gids, (real, effective, saved))


@syscall()
def getresuid32(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, UINT, task.identity.uids, (real, effective, saved))


@syscall()
def getresgid32(task: Task, real: Pointer, effective: Pointer, saved: Pointer) -> int:
    return _store_ids(task, UINT, task.identity.gids, (real, effective, saved))


# ---- changing them


def _given(task: Task, number: int) -> int:
    """An id as the old call of the ABI gives it: of 16 bits in the i386 ABI."""
    if task.abi.word == 8:
        return number
    return _UNCHANGED if number & _UNCHANGED_16 == _UNCHANGED_16 else number & _UNCHANGED_16


def _one(ids: Ids, wanted: int, is_able: bool) -> Ids:
    """setuid(2): who is able changes all, others the effective id. Raises Errno."""
    if wanted == _UNCHANGED:
        raise Errno(EINVAL)
    if is_able:
        return all_of(wanted)
    if wanted not in (ids.real, ids.saved):
        raise Errno(EPERM)
    return ids._replace(effective=wanted, filesystem=wanted)


def _two(ids: Ids, real: int, effective: int, is_able: bool) -> Ids:
    """setreuid(2). Raises Errno(EPERM)."""
    may_be_real = is_able or real in (_UNCHANGED, ids.real, ids.effective)
    if not may_be_real or not (is_able or effective in (_UNCHANGED, *ids[:3])):
        raise Errno(EPERM)
    changed = ids.effective if effective == _UNCHANGED else effective
    keeps_saved = real == _UNCHANGED and effective in (_UNCHANGED, ids.real)
    saved = ids.saved if keeps_saved else changed
    return Ids(ids.real if real == _UNCHANGED else real, changed, saved, changed)


def _three(ids: Ids, wanted: tuple[int, int, int], is_able: bool) -> Ids:
    """setresuid(2). Raises Errno(EPERM)."""
    if not is_able and any(number not in (_UNCHANGED, *ids[:3]) for number in wanted):
        raise Errno(EPERM)
    real, effective, saved = (
        old if number == _UNCHANGED else number for old, number in zip(ids, wanted, strict=False)
    )
    return Ids(real, effective, saved, effective)


def _set_uids(task: Task, uids: Ids) -> int:
    task.become(task.identity.with_uids(uids))
    return 0


def _set_gids(task: Task, gids: Ids) -> int:
    task.become(task.identity._replace(gids=gids))
    return 0


@syscall()
def setuid(task: Task, wanted: UInt) -> int:
    return setuid32(task, _given(task, wanted))


@syscall()
def setuid32(task: Task, wanted: UInt) -> int:
    return _set_uids(task, _one(task.identity.uids, wanted, task.is_able(CAP_SETUID)))


@syscall()
def setgid(task: Task, wanted: UInt) -> int:
    return setgid32(task, _given(task, wanted))


@syscall()
def setgid32(task: Task, wanted: UInt) -> int:
    return _set_gids(task, _one(task.identity.gids, wanted, task.is_able(CAP_SETGID)))


@syscall()
def setreuid(task: Task, real: UInt, effective: UInt) -> int:
    return setreuid32(task, _given(task, real), _given(task, effective))


@syscall()
def setreuid32(task: Task, real: UInt, effective: UInt) -> int:
    return _set_uids(task, _two(task.identity.uids, real, effective, task.is_able(CAP_SETUID)))


@syscall()
def setregid(task: Task, real: UInt, effective: UInt) -> int:
    return setregid32(task, _given(task, real), _given(task, effective))


@syscall()
def setregid32(task: Task, real: UInt, effective: UInt) -> int:
    return _set_gids(task, _two(task.identity.gids, real, effective, task.is_able(CAP_SETGID)))


@syscall()
def setresuid(task: Task, real: UInt, effective: UInt, saved: UInt) -> int:
    return setresuid32(task, _given(task, real), _given(task, effective), _given(task, saved))


@syscall()
def setresuid32(task: Task, real: UInt, effective: UInt, saved: UInt) -> int:
    wanted = (real, effective, saved)
    return _set_uids(task, _three(task.identity.uids, wanted, task.is_able(CAP_SETUID)))


@syscall()
def setresgid(task: Task, real: UInt, effective: UInt, saved: UInt) -> int:
    return setresgid32(task, _given(task, real), _given(task, effective), _given(task, saved))


@syscall()
def setresgid32(task: Task, real: UInt, effective: UInt, saved: UInt) -> int:
    wanted = (real, effective, saved)
    return _set_gids(task, _three(task.identity.gids, wanted, task.is_able(CAP_SETGID)))


@syscall()
def setfsuid(task: Task, wanted: UInt) -> int:
    return _shown(task, setfsuid32(task, _given(task, wanted)))


@syscall()
def setfsuid32(task: Task, wanted: UInt) -> int:
    """It answers with the old id, whatever it does."""
    old = task.identity.uids
    if wanted != _UNCHANGED and (wanted in old or task.is_able(CAP_SETUID)):
        task.become(task.identity.with_filesystem_uid(wanted))
    return old.filesystem


@syscall()
def setfsgid(task: Task, wanted: UInt) -> int:
    return _shown(task, setfsgid32(task, _given(task, wanted)))


@syscall()
def setfsgid32(task: Task, wanted: UInt) -> int:
    """It answers with the old id, whatever it does."""
    old = task.identity.gids
    if wanted != _UNCHANGED and (wanted in old or task.is_able(CAP_SETGID)):
        _set_gids(task, old._replace(filesystem=wanted))
    return old.filesystem


# ---- supplementary groups


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


@syscall()
def setgroups(task: Task, size: Int, groups: Pointer) -> int:
    return _set_groups(task, size, groups, _id_layout(task))


@syscall()
def setgroups32(task: Task, size: Int, groups: Pointer) -> int:
    return _set_groups(task, size, groups, UINT)


def _set_groups(task: Task, size: int, pointer: int, layout: Struct) -> int:
    if not task.is_able(CAP_SETGID):
        raise Errno(EPERM)
    if not 0 <= size <= _MOST_GROUPS:
        raise Errno(EINVAL)
    content = task.memory.copy_in(pointer, size * layout.size)
    numbers = [number for (number,) in layout.iter_unpack(content)]
    nobody = _UNCHANGED if layout.size == UINT.size else _UNCHANGED_16
    if nobody in numbers:
        raise Errno(EINVAL)
    task.groups = tuple(sorted(numbers))
    return 0
