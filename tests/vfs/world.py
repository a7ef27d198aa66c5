"""A small world for the tests of files: a task, a kernel that records, and memory without pages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from struct import Struct
from typing import Any, Final

from emu.memory.physical import PhysicalMemory
from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.abi import X86_64, Abi
from kernel_stub.errno import EFAULT, ENAMETOOLONG, Errno
from kernel_stub.identity import Identity, of_user
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.flags import (
    MAP_FIXED,
    MAP_GROWSDOWN,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.net.network import Network
from kernel_stub.services import KernelServices
from kernel_stub.timers import ITIMER_REAL, Timer
from kernel_stub.vfs import Vfs, VfsOptions
from kernel_stub.vfs.files import FileTable
from kernel_stub.waits import Wait
from tests.kernel.fakes import a_space

NOW: Final = 1_700_000_000 * 10**9
MEMORY_AT: Final = 0x10000
MEMORY_SIZE: Final = 0x400000
MEMORY_END: Final = MEMORY_AT + MEMORY_SIZE
MAPS: Final = (
    b"00400000-00401000 r-xp 00000000 00:00 0 ".ljust(73)
    + b"/bin/it\n"
    + b"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 ".ljust(73)
    + b"[stack]\n"
)


class Deadlock(Exception):
    """The program waits for ever."""


class FakeKernel:
    """Time that stands still unless told, seeded bytes, and what was asked."""

    def __init__(self, vfs: Vfs) -> None:
        self.vfs = vfs
        self.clock = 0
        self.signals: list[int] = []
        self.known: list[Any] = []
        self.waits: list[tuple[dict[int, int], int | None]] = []
        self.times_shown: list[int] = []
        self.network = Network(vfs.options.reaches_out)
        self.physical = PhysicalMemory(vfs.options.about.memory)

    def file_time_shown(self, time_ns: int) -> None:
        self.times_shown.append(time_ns)

    def now_ns(self) -> int:
        return NOW + self.clock

    def uptime_ns(self) -> int:
        return self.clock

    def sleep_until(self, uptime_ns: int) -> None:
        self.clock = max(self.clock, uptime_ns)

    def random_bytes(self, count: int) -> bytes:
        return b"\x2a" * count

    def write_out(self, fd: int, data: bytes) -> int:
        return os.write(fd, data)

    block = KernelServices.block

    def leaders(self) -> list[Any]:
        return self.known

    def send(self, _target: Any, sent: Any) -> None:
        self.signals.append(sent.signal)

    def require_foreground(self, task: Any, terminal: Any, signal: int) -> None:
        """Everybody is in the foreground here."""

    def signals_may_arrive(self) -> None:
        """No signal arrives here."""

    def give_way(self) -> None:
        """Nobody else is there."""

    def timers_changed(self) -> None:
        """`wait` looks at them."""

    def wait(self, wait: Wait, timers: dict[int, Timer]) -> None:
        """Guest time passes, or the host is waited for; an alarm rings."""
        timer = timers.get(ITIMER_REAL)
        alarm = timer.deadline if timer else None
        ends = [end for end in (wait.deadline, alarm) if end is not None]
        if wait.outside:
            left = min(ends) - self.clock if ends else None
            if self.wait_outside(wait.outside, left):
                return
        if not ends:
            raise Deadlock(wait.what)
        self.sleep_until(min(ends))
        if timer is not None and alarm == min(ends):
            timer.look()

    def wait_outside(self, wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        self.waits.append((dict(wanted), timeout_ns))
        return timeout_ns is None

    def signal_group(self, group: int, number: int) -> None:
        self.signals.append(number)

    def session_of_group(self, group: int) -> int:
        return group if group == 1000 else 0

    def terminal_of(self, session: int) -> Any:
        return self.vfs.terminal_of(session)

    def signal(self, task: Any, number: int, code: int = 0) -> None:
        self.signals.append(number)


class FakeMemory:
    """One writable piece of memory at MEMORY_AT; all else is EFAULT."""

    def __init__(self) -> None:
        self.bytes = bytearray(MEMORY_SIZE)

    def _at(self, address: int, size: int) -> int:
        at = address - MEMORY_AT if size else 0
        if at < 0 or at + size > MEMORY_SIZE:
            raise Errno(EFAULT)
        return at

    def copy_in(self, address: int, size: int) -> bytes:
        at = self._at(address, size)
        return bytes(self.bytes[at : at + size])

    def copy_out(self, address: int, data: bytes | memoryview) -> None:
        at = self._at(address, len(data))
        self.bytes[at : at + len(data)] = data

    def _room(self, address: int, size: int) -> int:
        return min(size, MEMORY_AT + MEMORY_SIZE - address) if address >= MEMORY_AT else 0

    def copy_in_some(self, address: int, size: int) -> bytes:
        return self.copy_in(address, self._room(address, size))

    def copy_out_some(self, address: int, data: bytes) -> int:
        room = self._room(address, len(data))
        self.copy_out(address, data[:room])
        return room

    def copy_in_string(self, address: int, limit: int = 4096) -> bytes:
        at = self._at(address, 1)
        end = self.bytes.find(0, at, at + limit)
        if end < 0:
            raise Errno(ENAMETOOLONG)
        return bytes(self.bytes[at:end])

    def unpack(self, layout: Struct, address: int) -> tuple[Any, ...]:
        return layout.unpack(self.copy_in(address, layout.size))

    def pack(self, layout: Struct, address: int, *values: Any) -> None:
        self.copy_out(address, layout.pack(*values))


def a_program_in_memory() -> AddressSpace:
    """One page of code, and a stack."""
    space = a_space()
    prot, kind = PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED
    space.mmap(0x40_0000, PAGE_SIZE, prot, kind, name=b"/bin/it")
    prot, kind = PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN
    space.mmap(0x7FFF_FFFD_E000, 33 * PAGE_SIZE, prot, kind, name=b"[stack]")
    return space


class FakeTask:
    """A task of the host's user, or of `uid`."""

    def __init__(self, vfs: Vfs, uid: int = 0, abi: Abi = X86_64) -> None:
        self.kernel = FakeKernel(vfs)
        self.fs = vfs.context()
        self.files = FileTable()
        self.memory = FakeMemory()
        self.space = a_program_in_memory()
        self.abi = self.program_abi = abi
        self.pid, self.parent_pid, self.tracer_pid = 1000, 1, 0
        self.session = self.process_group = 1000
        self.uid, self.gid = uid, uid
        self.groups: list[int] = []
        self.tid, self.process_group, self.session = self.pid, self.pid, 1
        self.threads = [self]
        self.state = b"R (running)"
        self.is_zombie = False
        self.name = b"it"
        self.executable = b"/bin/it"
        self.arguments = [b"it", b"-x"]
        self.environment = [b"A=1"]
        self.auxv = b"\0" * 16
        self.signal_mask = self.signal_pending = 0
        self.saved_mask: int | None = None
        self.deadline: int | None = None
        self.interrupted = False
        self.progress = 0
        self.opening: Any = None
        self.process = self
        self.timers: dict[int, Timer] = {}
        self.kernel.known.append(self)
        self.limits: dict[int, tuple[int, int]] = {}

    @property
    def identity(self) -> Identity:
        return of_user(self.uid, self.gid, tuple(self.groups))

    @identity.setter
    def identity(self, identity: Identity) -> None:
        pass

    def is_able(self, capability: int) -> bool:
        return bool(self.identity.caps.effective >> capability & 1)

    def may_look_into(self, other: Any, by_files: bool = False) -> bool:
        return True

    def ignores(self, signal: int) -> bool:
        return False

    def has_handler(self, signal: int) -> bool:
        return False


def world(
    root: Path | None = None,
    *,
    sysroot: Path | None = None,
    rw: tuple[Path, ...] = (),
    uid: int = 0,
    abi: Abi = X86_64,
    limit: int = 64 << 20,
) -> Any:
    """A task in a tree over `root`. It is typed as Any: it stands for a kernel_stub.task.Task."""

    def name(path: Path | None) -> bytes | None:
        return None if path is None else bytes(path)

    options = VfsOptions(name(root), name(sysroot), tuple(bytes(path) for path in rw), limit)
    return FakeTask(Vfs(options), uid, abi)
