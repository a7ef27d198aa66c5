"""A task on a fake kernel, whose system calls are made as registers make them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from struct import Struct
from typing import Any, NoReturn

from emu.memory.physical import PhysicalMemory
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.errno import Errno
from kernel_stub.layout import USER_32, USER_64
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.syscalls import REGISTRY, bind
from kernel_stub.task import Task
from tests.kernel.fakes import MIB, PAGE, a_space

SCRATCH = 0x1000_0000
PID = 1000
ABIS = {"x86_64": X86_64, "i386": I386}


class Ended(Exception):
    """The program ended with a status."""


class Killed(Exception):
    """A signal ended the program."""


class Deadlock(Exception):
    """The program waits for ever."""


class FakeKernel:
    """Keeps time, segment bases and descriptors as numbers."""

    hwcap = 0x178BFBFF
    vfs: Any = None

    def __init__(self, physical: PhysicalMemory) -> None:
        self.physical = physical
        self.uptime = 5_000_000_000
        self.slept = 0
        self.bases = {"fs": 0, "gs": 0}
        self.descriptors = [0, 0, 0]
        self.told: list[tuple[int, bytes | None, int]] = []  # I/O level, bitmap, size of the LDT

    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.uptime

    def uptime_ns(self) -> int:
        return self.uptime

    def cpu_ns(self) -> int:
        return self.uptime - self.slept

    def sleep_until(self, uptime_ns: int) -> None:
        self.slept += max(uptime_ns - self.uptime, 0)
        self.uptime = max(uptime_ns, self.uptime)

    def random_bytes(self, count: int) -> bytes:
        return bytes(n & 0xFF for n in range(1, count + 1))

    def file_time_shown(self, time_ns: int) -> None:
        raise AssertionError("nothing here shows a file")

    def write_out(self, fd: int, data: bytes) -> int:
        return os.write(fd, data)

    def wait_for_console(self, task: Task, fd: int, event: int) -> None:
        raise AssertionError("nothing here reads the host")

    def wait_outside(self, wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        raise AssertionError("nothing here waits for the host")

    def exit_group(self, task: Task, status: int) -> NoReturn:
        raise Ended(status)

    def signal(self, task: Task, number: int, code: int = 0, address: int = 0) -> None:
        raise Killed(number, code)

    def deadlock(self, task: Task, waits_for: str) -> NoReturn:
        raise Deadlock(waits_for)

    def get_fs_base(self) -> int:
        return self.bases["fs"]

    def set_fs_base(self, address: int) -> None:
        self.bases["fs"] = address

    def get_gs_base(self) -> int:
        return self.bases["gs"]

    def set_gs_base(self, address: int) -> None:
        self.bases["gs"] = address

    def get_tls_descriptor(self, slot: int) -> int:
        return self.descriptors[slot]

    def set_tls_descriptor(self, slot: int, descriptor: int) -> None:
        self.descriptors[slot] = descriptor

    def tables_changed(self, task: Task) -> None:
        self.told.append((task.io_level, task.io_bitmap, task.space.ldt.size))


class World:
    """One program of `abi`, with some writable pages at SCRATCH."""

    def __init__(self, abi: Abi) -> None:
        self.abi = abi
        space = a_space(16 * MIB, USER_64 if abi is X86_64 else USER_32)
        self.kernel = FakeKernel(space.frames.physical)
        nothing: Any = None
        self.task = Task(self.kernel, PID, space, nothing, nothing, abi)
        flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        space.mmap(SCRATCH, 8 * PAGE, PROT_READ | PROT_WRITE, flags)

    def call(self, name: str, *arguments: int) -> int:
        """The result, or the negative error number, of one system call."""
        registers = (*(argument & self.abi.word_mask for argument in arguments), 0, 0, 0, 0, 0, 0)
        try:
            return bind(REGISTRY[name], self.abi.word)(self.task, registers[:6])
        except Errno as error:
            return -error.number

    def put(self, layout: Struct, *values: int, at: int = SCRATCH) -> int:
        self.task.memory.pack(layout, at, *values)
        return at

    def get(self, layout: Struct, at: int = SCRATCH) -> tuple[Any, ...]:
        return self.task.memory.unpack(layout, at)
