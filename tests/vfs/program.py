"""A program of the tests: it makes system calls with registers and memory, through the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import kernel_stub.syscalls.attributes
import kernel_stub.syscalls.descriptors
import kernel_stub.syscalls.directories
import kernel_stub.syscalls.extents
import kernel_stub.syscalls.files
import kernel_stub.syscalls.io
import kernel_stub.syscalls.metadata
import kernel_stub.syscalls.pipes
import kernel_stub.syscalls.polling
import kernel_stub.syscalls.transfers
import kernel_stub.syscalls.xattrs  # noqa: F401 - to import a module of handlers registers them
from kernel_stub.abi.abi import X86_64, Abi
from kernel_stub.abi.structures import STAT, STAT64, Layout
from kernel_stub.errno import Errno
from kernel_stub.syscalls import bind, every_call
from kernel_stub.waits import Blocked
from tests.vfs.world import MEMORY_AT, world

AT_FDCWD: Final = -100
BUFFER: Final = MEMORY_AT + 0x200000  # where the program wants its answers
MASK_32: Final = 0xFFFF_FFFF


class Program:
    """Calls by name. A bytes argument is put into memory, with a NUL behind it."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self._bound: dict[str, Callable[[Any, tuple[int, ...]], int]] = {}
        self._free = MEMORY_AT

    @property
    def abi(self) -> Abi:
        abi: Abi = self.task.abi
        return abi

    def call(self, name: str, *arguments: int | bytes) -> int:
        """The result of the call `name`. Raises Errno."""
        self._free = MEMORY_AT
        registers = tuple(self._register(argument) for argument in arguments)
        bound = self._bound.get(name)
        if bound is None:
            bound = self._bound[name] = bind(every_call()[name], self.abi.word)
        try:
            while True:
                try:
                    return bound(self.task, (registers + (0,) * 6)[:6])
                except Blocked as blocked:
                    self.task.kernel.wait(blocked.wait, self.task.timers)
        finally:
            self.task.deadline = None

    def fails(self, name: str, *arguments: int | bytes) -> int:
        """The error of the call `name`, 0 if it succeeds."""
        try:
            self.call(name, *arguments)
        except Errno as refused:
            return refused.number
        return 0

    def _register(self, argument: int | bytes) -> int:
        if isinstance(argument, int):
            return argument & self.abi.word_mask
        address = self._free
        self.poke(address, argument + b"\0")
        self._free += len(argument) + 16 & ~7
        return address

    def poke(self, address: int, data: bytes) -> None:
        self.task.memory.copy_out(address, data)

    def peek(self, size: int, address: int = BUFFER) -> bytes:
        data: bytes = self.task.memory.copy_in(address, size)
        return data

    # ---- what every test does

    def open(self, path: str | bytes, flags: int = 0, mode: int = 0) -> int:
        name = path.encode() if isinstance(path, str) else path
        return self.call("openat", AT_FDCWD, name, flags, mode)

    def read(self, descriptor: int, size: int = 4096) -> bytes:
        return self.peek(self.call("read", descriptor, BUFFER, size))

    def write(self, descriptor: int, data: bytes) -> int:
        self.poke(BUFFER, data)
        return self.call("write", descriptor, BUFFER, len(data))

    def contents(self, path: str | bytes) -> bytes:
        """All that a file says."""
        descriptor = self.open(path)
        parts = []
        while piece := self.read(descriptor, 1 << 16):
            parts.append(piece)
        self.call("close", descriptor)
        return b"".join(parts)

    def put(self, path: str, data: bytes, flags: int = 0o1101, mode: int = 0o666) -> None:
        """Makes the file `path` say `data`."""
        descriptor = self.open(path, flags, mode)
        if data:
            self.write(descriptor, data)
        self.call("close", descriptor)

    def status(self, name: str, *arguments: int | bytes) -> dict[str, Any]:
        """The structure that a call of the stat family gives."""
        layout: Layout = STAT64 if name.endswith("64") else STAT[self.abi.word]
        self.call(name, *arguments, BUFFER)
        return layout.unpack(self.peek(layout.size))

    def names(self, path: str) -> list[str]:
        """The names in a directory, in the order of getdents64."""
        descriptor = self.open(path, 0o200000)
        found = []
        while size := self.call("getdents64", descriptor, BUFFER, 4096):
            records = self.peek(size)
            while records:
                length = int.from_bytes(records[16:18], "little")
                found.append(records[19:length].split(b"\0")[0].decode())
                records = records[length:]
        self.call("close", descriptor)
        return found


def a_program(
    root: Path | None = None,
    *,
    sysroot: Path | None = None,
    rw: tuple[Path, ...] = (),
    uid: int = 0,
    abi: Abi = X86_64,
    limit: int = 64 << 20,
) -> Program:
    return Program(world(root, sysroot=sysroot, rw=rw, uid=uid, abi=abi, limit=limit))
