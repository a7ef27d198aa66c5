"""How many instructions Linux itself executes around one system call, for comparison with ours.

Counted, not estimated: getpid under Debian's Linux 6.1.192 (amd64 cloud kernel, nokaslr, default
mitigations) in QEMU 7.2 (TCG), single-stepped by gdb's remote protocol on the models Haswell and
EPYC. A `rep` instruction counts once. It does not know our kernel, which is another, smaller one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import crossings

SOURCE: Final = "instructions of Debian's Linux 6.1.192 for getpid, counted in QEMU 7.2"


class LinuxCount(NamedTuple):
    """Instructions up to the C function, of it, and from its return to ring 3."""

    entry: int
    body: int
    exit: int


# By vendor, mechanism and the ABI of the call.
COUNTS: Final = {
    ("intel", crossings.SYSCALL, "x86_64"): LinuxCount(50, 222, 50),
    ("intel", crossings.INT80, "i386"): LinuxCount(65, 242, 41),
    ("intel", crossings.SYSENTER, "i386"): LinuxCount(54, 268, 27),
    ("amd", crossings.SYSCALL, "x86_64"): LinuxCount(52, 247, 45),
    ("amd", crossings.INT80, "i386"): LinuxCount(72, 275, 36),
    ("amd", crossings.SYSCALL, "i386"): LinuxCount(52, 299, 21),
}
