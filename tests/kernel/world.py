"""A task on a fake kernel, whose system calls are made as registers make them."""

from __future__ import annotations

import os
from struct import Struct
from typing import Any, NoReturn

from emu.memory.physical import PhysicalMemory
from kernel_stub import arrivals
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.errno import Errno
from kernel_stub.futexes import Futexes
from kernel_stub.jobs import members, require_foreground, signal_group
from kernel_stub.layout import USER_32, USER_64
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.net.network import Network
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.protocol import Clone
from kernel_stub.services import KernelServices
from kernel_stub.syscalls import bind, every_call
from kernel_stub.task import Task
from kernel_stub.timers import ITIMER_REAL
from kernel_stub.vfs.job_control import Controlling
from kernel_stub.waits import Blocked, Wait
from tests.kernel.fakes import MIB, PAGE, a_space
from tests.kernel.registers import FakeRegisters

SCRATCH = 0x1000_0000
PID = 1000
ABIS = {"x86_64": X86_64, "i386": I386}


class Ended(Exception):
    """The program ended with a status."""


class Killed(Exception):
    """A signal ended the program."""


class Deadlock(Exception):
    """The program waits for ever."""


class FakeKernel(FakeRegisters):
    """Keeps time, segment bases and descriptors as numbers."""

    hwcap = 0x178BFBFF
    has_fsgsbase = True
    largest_signal_frame = 1520
    vfs: Any = None

    def __init__(self, physical: PhysicalMemory) -> None:
        super().__init__()
        self.physical = physical
        self.uptime = 5_000_000_000
        self.slept = 0
        self.bases = {"fs": 0, "gs": 0}
        self.descriptors = [0, 0, 0]
        self.futexes = Futexes()
        self.made: list[Process] = []
        self.terminal = Controlling()
        self.cloned: list[Clone] = []
        self.executed: list[tuple[bytes, list[bytes], list[bytes]]] = []
        self.told: list[tuple[int, bytes | None, int]] = []  # I/O level, bitmap, size of the LDT

    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.uptime

    def uptime_ns(self) -> int:
        return self.uptime

    def cpu_ns(self) -> int:
        return self.uptime - self.slept

    def cpu_ns_of(self, owner: Task | Process) -> int:
        return self.cpu_ns()

    def sleep_until(self, uptime_ns: int) -> None:
        self.slept += max(uptime_ns - self.uptime, 0)
        self.uptime = max(uptime_ns, self.uptime)

    def random_bytes(self, count: int) -> bytes:
        return bytes(n & 0xFF for n in range(1, count + 1))

    def file_time_shown(self, time_ns: int) -> None:
        raise AssertionError("nothing here shows a file")

    def write_out(self, fd: int, data: bytes) -> int:
        return os.write(fd, data)

    block = KernelServices.block

    @property
    def network(self) -> Network:
        raise AssertionError("nobody here opens a socket")

    def signal_group(self, group: int, number: int) -> None:
        signal_group(self, group, number)

    def session_of_group(self, group: int) -> int:
        return next((one.session for one in members(self.made, group)), 0)

    def terminal_of(self, session: int) -> object:
        return self.terminal if self.terminal.session == session else None

    def require_foreground(self, task: Task, terminal: Controlling, signal: int) -> None:
        require_foreground(task, terminal, signal)

    def exit_group(self, task: Task, status: int) -> NoReturn:
        raise Ended(status)

    def exit_thread(self, task: Task, status: int) -> NoReturn:
        raise Ended(status)

    def signal(self, task: Task, number: int, code: int = 0, address: int = 0) -> None:
        self.send(task, SigInfo(number, code, address=address))

    def send(self, target: Task | Process, sent: SigInfo) -> None:
        arrivals.send(target, sent)

    def signals_may_arrive(self) -> None:
        """Whoever makes the call looks."""

    def give_way(self) -> None:
        """Nobody else is there."""

    def timers_changed(self) -> None:
        """The same."""

    def process(self, pid: int) -> Process | None:
        return next((one for one in self.made if one.pid == pid), None)

    def processes(self) -> list[Process]:
        return self.made

    def leaders(self) -> list[Task]:
        return [process.threads[0] for process in self.made]

    def find_task(self, tid: int) -> Task | None:
        return next((task for one in self.made for task in one.threads if task.tid == tid), None)

    def reap(self, process: Process) -> None:
        assert process.parent is not None, "somebody waited"
        process.parent.children.remove(process)

    def clone(self, task: Task, asked: Clone) -> int:
        self.cloned.append(asked)
        return PID + 1

    def exec(self, task: Task, path: bytes, argv: list[bytes], envp: list[bytes]) -> None:
        self.executed.append((path, argv, envp))

    def stack_pointer(self, task: Task) -> int:
        return SCRATCH + 4 * PAGE

    def descriptor(self, task: Task, selector: int) -> int:
        raise NotImplementedError

    def sigreturn(self, task: Task, real_time: bool) -> int:
        raise AssertionError("no handler runs here")

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
        self.kernel.made.append(self.task.process)
        flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        space.mmap(SCRATCH, 8 * PAGE, PROT_READ | PROT_WRITE, flags)

    def call(self, name: str, *arguments: int) -> int:
        """The result, or the negative error number, of one system call."""
        registers = (*(argument & self.abi.word_mask for argument in arguments), 0, 0, 0, 0, 0, 0)
        handler = bind(every_call()[name], self.abi.word)
        try:
            while True:
                try:
                    return handler(self.task, registers[:6])
                except Blocked as blocked:
                    self._wait(blocked.wait)
                finally:
                    self._let_signals_arrive()
        except Errno as error:
            return -error.number
        finally:
            self.task.deadline = None

    def _wait(self, wait: Wait) -> None:
        """Guest time passes to the deadline, or to the alarm before it."""
        timer = self.task.process.timers.get(ITIMER_REAL)
        alarm = timer.deadline if timer else None
        if timer and alarm and (wait.deadline is None or alarm <= wait.deadline):
            self.kernel.sleep_until(alarm)
            timer.look()
        elif wait.deadline is not None:
            self.kernel.sleep_until(wait.deadline)
        elif not wait.ready():
            raise Deadlock(wait.what)

    def _let_signals_arrive(self) -> None:
        sent = self.task.take_signal(~self.task.signal_mask)
        if sent is not None:
            raise Killed(sent.signal, sent.code)

    def put(self, layout: Struct, *values: int, at: int = SCRATCH) -> int:
        self.task.memory.pack(layout, at, *values)
        return at

    def get(self, layout: Struct, at: int = SCRATCH) -> tuple[Any, ...]:
        return self.task.memory.unpack(layout, at)
