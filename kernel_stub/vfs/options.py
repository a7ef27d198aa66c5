"""What the user and the machine decide about the file system, and the defaults.

It opens nothing. Which option of the command sets which, emu/cli/run.py knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MEBIBYTE: Final = 1 << 20


class VfsOptions:
    """The choices of one run.

    `root`: the guest sees only this directory of the host, as `/`. `sysroot`: looked up first, the
    host after it. `writable`: directories of the host below which writes are real. `limit`: how
    many bytes the guest's own files may take in memory. `reaches_out`: sockets may leave the guest.
    """

    def __init__(
        self,
        root: bytes | None = None,
        sysroot: bytes | None = None,
        writable: tuple[bytes, ...] = (),
        limit: int = 512 * MEBIBYTE,
        about: About | None = None,
        reaches_out: bool = False,
    ) -> None:
        self.reaches_out = reaches_out
        self.root = root
        self.sysroot = sysroot
        self.writable = writable
        self.limit = limit
        self.about = about or About()


class About:
    """What /proc and /sys tell of the machine and the kernel."""

    def __init__(
        self,
        release: bytes = b"6.1.0",
        version: bytes = b"#1",
        hostname: bytes = b"ringscope",
        memory: int = 256 * MEBIBYTE,
        boot_ns: int = 0,
        cpuinfo: bytes = b"processor\t: 0\n",
        vsyscall: bool = True,
        kallsyms: Callable[[bool], bytes] = lambda shown: b"",
        kptr_restrict: int = 0,
    ) -> None:
        self.release = release
        self.version = version
        self.hostname = hostname
        self.memory = memory
        self.boot_ns = boot_ns  # the time stamp of what the kernel itself places
        self.cpuinfo = cpuinfo
        self.kallsyms = kallsyms  # /proc/kallsyms, with or without the addresses
        self.kptr_restrict = kptr_restrict
        self.vsyscall = vsyscall  # whether the kernel answers calls to the vsyscall page
