"""System calls about capabilities: capget, capset, and what prctl asks about them.

How they change by other calls, identity.py knows. capabilities(7), capget(2); prctl(2),
PR_CAPBSET_READ, PR_SET_SECUREBITS, PR_SET_KEEPCAPS, PR_CAP_AMBIENT by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kernel_stub.abi.capabilities import (
    CAP_SETPCAP,
    EVERY_CAPABILITY,
    EVERY_SECBIT,
    LAST_CAPABILITY,
    SECBIT_KEEP_CAPS,
    SECBIT_KEEP_CAPS_LOCKED,
    SECBIT_LOCKS,
    SECBIT_NO_CAP_AMBIENT_RAISE,
)
from kernel_stub.abi.process_structures import CAPABILITY_DATA, CAPABILITY_HEADER
from kernel_stub.errno import EINVAL, EPERM, ESRCH, Errno
from kernel_stub.identity import Capabilities
from kernel_stub.syscalls.table import Pointer, syscall
from kernel_stub.task import Task

# The versions of capget(2)'s structures, and how many data structures each has.
_VERSIONS: Final = {0x1998_0330: 1, 0x2007_1026: 2, 0x2008_0522: 2}
_NEWEST: Final = 0x2008_0522
_WORD: Final = 0xFFFF_FFFF
AMBIENT_IS_SET, AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR_ALL = 1, 2, 3, 4


def _require_version(task: Task, header: int) -> tuple[int, int]:
    """How many structures the caller has, and which task it means. Raises Errno(EINVAL)."""
    version, pid = task.memory.unpack(CAPABILITY_HEADER, header)
    number = _VERSIONS.get(version)
    if number is None:
        task.memory.pack(CAPABILITY_HEADER, header, _NEWEST, pid)
        raise Errno(EINVAL)
    return number, pid


@syscall()
def capget(task: Task, header: Pointer, result: Pointer) -> int:
    try:
        number, pid = _require_version(task, header)
    except Errno as wrong:
        if result or wrong.number != EINVAL:
            raise
        return 0
    if not result:
        return 0
    if pid < 0:
        raise Errno(EINVAL)
    whose = task.kernel.find_task(pid) if pid else task
    if whose is None:
        raise Errno(ESRCH)
    task.memory.copy_out(result, _packed(whose.identity.caps, number))
    return 0


def _packed(caps: Capabilities, number: int) -> bytes:
    """Effective, permitted and inheritable, the low words first."""
    words = [[one >> 32 * word & _WORD for one in caps[:3]] for word in range(number)]
    return b"".join(CAPABILITY_DATA.pack(*word) for word in words)


@syscall()
def capset(task: Task, header: Pointer, wanted: Pointer) -> int:
    number, pid = _require_version(task, header)
    if pid not in (0, task.tid):
        raise Errno(EPERM)
    content = task.memory.copy_in(wanted, number * CAPABILITY_DATA.size)
    sets = [0, 0, 0]
    for word, found in enumerate(CAPABILITY_DATA.iter_unpack(content)):
        sets = [old | new << 32 * word for old, new in zip(sets, found, strict=True)]
    effective, permitted, inheritable = (one & EVERY_CAPABILITY for one in sets)
    old = task.identity.caps
    may_inherit = old.inheritable | (
        EVERY_CAPABILITY if task.is_able(CAP_SETPCAP) else old.permitted
    )
    may_inherit &= old.inheritable | old.bounding
    if inheritable & ~may_inherit or permitted & ~old.permitted or effective & ~permitted:
        raise Errno(EPERM)
    ambient = old.ambient & permitted & inheritable
    _set(task, Capabilities(effective, permitted, inheritable, old.bounding, ambient))
    return 0


def _set(task: Task, caps: Capabilities) -> None:
    task.become(task.identity._replace(caps=caps))


# ---- prctl


def _known(capability: int) -> int:
    """Its bit. Raises Errno(EINVAL)."""
    if capability > LAST_CAPABILITY:
        raise Errno(EINVAL)
    return 1 << capability


def _read_bound(task: Task, capability: int, _: tuple[int, ...]) -> int:
    return int(bool(task.identity.caps.bounding & _known(capability)))


def _drop_bound(task: Task, capability: int, _: tuple[int, ...]) -> int:
    if not task.is_able(CAP_SETPCAP):
        raise Errno(EPERM)
    caps = task.identity.caps
    _set(task, caps._replace(bounding=caps.bounding & ~_known(capability)))
    return 0


def _get_keep(task: Task, *_: object) -> int:
    return int(bool(task.identity.securebits & SECBIT_KEEP_CAPS))


def _set_keep(task: Task, value: int, _: tuple[int, ...]) -> int:
    if value > 1:
        raise Errno(EINVAL)
    bits = task.identity.securebits
    if bits & SECBIT_KEEP_CAPS_LOCKED:
        raise Errno(EPERM)
    kept = bits & ~SECBIT_KEEP_CAPS | (SECBIT_KEEP_CAPS if value else 0)
    task.identity = task.identity._replace(securebits=kept)
    return 0


def _get_securebits(task: Task, *_: object) -> int:
    return task.identity.securebits


def _set_securebits(task: Task, bits: int, _: tuple[int, ...]) -> int:
    """What is locked stays as it is, and locked. Raises Errno(EPERM)."""
    old = task.identity.securebits
    locks = old & SECBIT_LOCKS
    changes_locked = (locks >> 1) & (old ^ bits) or locks & ~bits
    if changes_locked or bits & ~EVERY_SECBIT or not task.is_able(CAP_SETPCAP):
        raise Errno(EPERM)
    task.identity = task.identity._replace(securebits=bits)
    return 0


def _ambient(task: Task, what: int, rest: tuple[int, ...]) -> int:
    capability, *others = rest
    caps = task.identity.caps
    if what == AMBIENT_CLEAR_ALL:
        if any(rest):
            raise Errno(EINVAL)
        _set(task, caps._replace(ambient=0))
        return 0
    if any(others) or capability > LAST_CAPABILITY:
        raise Errno(EINVAL)
    bit = 1 << capability
    if what == AMBIENT_IS_SET:
        return int(bool(caps.ambient & bit))
    if what == AMBIENT_RAISE:
        is_barred = task.identity.securebits & SECBIT_NO_CAP_AMBIENT_RAISE
        if not caps.permitted & caps.inheritable & bit or is_barred:
            raise Errno(EPERM)
        _set(task, caps._replace(ambient=caps.ambient | bit))
    elif what == AMBIENT_LOWER:
        _set(task, caps._replace(ambient=caps.ambient & ~bit))
    else:
        raise Errno(EINVAL)
    return 0


# prctl(2)'s options about capabilities.
OPTIONS: Final[Mapping[int, Callable[[Task, int, tuple[int, ...]], int]]] = {
    7: _get_keep,
    8: _set_keep,
    23: _read_bound,
    24: _drop_bound,
    27: _get_securebits,
    28: _set_securebits,
    47: _ambient,
}
