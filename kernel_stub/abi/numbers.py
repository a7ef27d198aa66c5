"""Every system call number of Linux by ABI: ours, and those that came later, from a kept package.

Our own tables (x86_64.py, i386.py) say what this kernel may answer; the package `system-calls`
knows the newest kernel and x32. It is the door to that package, and is imported only by commands
that tell numbers. It does not know handlers. syscalls(2).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from system_calls.linux_version import linux_version
from system_calls.tables.i386 import syscalls_i386
from system_calls.tables.x32 import syscalls_x32
from system_calls.tables.x86_64 import syscalls_x86_64

from kernel_stub.abi import i386, x86_64
from kernel_stub.abi.conventions import CONVENTIONS
from kernel_stub.abi.entry_points import kernel_symbol

LINUX_VERSION: Final[str] = linux_version
OURS: Final = {"x86_64": x86_64.NAMES, "i386": i386.NAMES}
THEIRS: Final[dict[str, dict[str, int]]] = {
    "x86_64": syscalls_x86_64,
    "i386": syscalls_i386,
    "x32": syscalls_x32,
}


class Numbered(NamedTuple):
    """One call of one ABI: its number as the program passes it, and the kernel's function."""

    abi: str
    number: int
    name: str
    symbol: str


def numbered(abi: str) -> list[Numbered]:
    """The calls of `abi`, a name of CONVENTIONS, in order of their numbers."""
    assert abi in CONVENTIONS, abi
    numbers = {name: number for number, name in OURS.get(abi, {}).items()} | THEIRS[abi]
    return [
        Numbered(abi, number, name, kernel_symbol(abi, name))
        for name, number in sorted(numbers.items(), key=lambda item: item[1])
    ]
