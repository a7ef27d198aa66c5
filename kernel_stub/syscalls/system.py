"""System calls about the system as a whole: its name, its personality, its randomness.

uname(2), personality(2), getrandom(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.process_structures import OLD_UTSNAME_FIELD, UTSNAME_FIELD
from kernel_stub.errno import EFAULT, EINVAL, EPERM, Errno
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task

SYSTEM: Final = b"Linux"
HOST_NAME: Final = b"ringscope"
RELEASE: Final = b"6.1.0"
VERSION: Final = b"#1 SMP ringscope"
MACHINE: Final = b"x86_64"
MACHINE_32: Final = b"i686"
DOMAIN: Final = b"(none)"

PER_LINUX32: Final = 8
_PERSONALITY_KIND: Final = 0xFF
_ONLY_ASKED: Final = 0xFFFF_FFFF
READ_IMPLIES_EXEC: Final = 0x0040_0000

_GRND_NONBLOCK, _GRND_RANDOM, _GRND_INSECURE = 1, 2, 4
_MOST_RANDOM: Final = 1 << 16  # bytes made at once


def _names(task: Task) -> list[bytes]:
    """A 32-bit program too sees the machine that runs it, unless its personality is 32-bit."""
    is_32 = task.personality & _PERSONALITY_KIND == PER_LINUX32
    return [SYSTEM, HOST_NAME, RELEASE, VERSION, MACHINE_32 if is_32 else MACHINE]


def _store_names(task: Task, pointer: int, names: list[bytes], size: int) -> int:
    task.memory.copy_out(pointer, b"".join(name[: size - 1].ljust(size, b"\0") for name in names))
    return 0


@syscall()
def uname(task: Task, pointer: Pointer) -> int:
    return _store_names(task, pointer, [*_names(task), DOMAIN], UTSNAME_FIELD)


@syscall()
def olduname(task: Task, pointer: Pointer) -> int:
    return _store_names(task, pointer, _names(task), UTSNAME_FIELD)


@syscall()
def oldolduname(task: Task, pointer: Pointer) -> int:
    return _store_names(task, pointer, _names(task), OLD_UTSNAME_FIELD)


@syscall("sethostname", "setdomainname", support="partial", missing="always EPERM")
def sethostname(task: Task, name: Pointer, length: Int) -> int:  # noqa: ARG001 - nobody may change the names
    raise Errno(EPERM)


@syscall(
    support="partial",
    missing="only the 32-bit kind and READ_IMPLIES_EXEC matter: no address is ever random",
)
def personality(task: Task, wanted: UInt) -> int:
    before = task.personality
    if wanted != _ONLY_ASKED:
        task.personality = wanted
        task.space.read_implies_exec = bool(wanted & READ_IMPLIES_EXEC)
    return before


@syscall()
def getrandom(task: Task, pointer: Pointer, length: ULong, flags: UInt) -> int:
    if flags & ~(_GRND_NONBLOCK | _GRND_RANDOM | _GRND_INSECURE):
        raise Errno(EINVAL)
    if flags & _GRND_RANDOM and flags & _GRND_INSECURE:
        raise Errno(EINVAL)
    length = min(length, 0x7FFF_F000)
    done = 0
    while done < length:
        size = min(length - done, _MOST_RANDOM)
        copied = task.memory.copy_out_some(pointer + done, task.kernel.random_bytes(size))
        done += copied
        if copied < size:
            break
    if length and not done:
        raise Errno(EFAULT)
    return done
