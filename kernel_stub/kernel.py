"""The kernel: what ring-0 code hands over, it answers; what handlers ask, it does.

Each handover is one pt_regs on the kernel stack: arguments are read there, the result is left
there. It knows the entry code's contract (entry/constants.py) and no instruction of it.
syscall(2); Linux kernel documentation, "Entry/exit handling for exceptions, interrupts, syscalls".
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final, NoReturn

from emu.events import Cause
from emu.machine import Machine
from emu.x86 import error_codes, vectors
from kernel_stub import layout, vsyscall
from kernel_stub.abi import signals
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.abi.process_structures import SECOND
from kernel_stub.boot import KernelHalf
from kernel_stub.calls import CallTable
from kernel_stub.clock import Clock
from kernel_stub.entry import constants as entry
from kernel_stub.errno import EFAULT, Errno
from kernel_stub.errors import Deadlock, KernelBug, SignalHandlerNeeded
from kernel_stub.faults import OUTCOMES, Raised, outcome_of
from kernel_stub.syscalls.waiting import wait
from kernel_stub.task import Task, TaskEnded
from kernel_stub.task_tables import TaskTables
from kernel_stub.vdso import Vdso
from kernel_stub.vfs import Vfs
from kernel_stub.vfs.console import poll_host

DEFAULT_SEED: Final = 0
_MASK64: Final = (1 << 64) - 1
_LOW: Final = 0xFFFF_FFFF

_REGS: Final = entry.PT_REGS_STRUCT
_CALL: Final = Struct("<9Q")  # from r10 up to orig_rax: what SYSCALL's arguments stand among
_CALL_AT: Final = entry.PT_OFFSET["r10"]
_RAX_AT: Final = entry.PT_OFFSET["rax"]
_R15, _R14, _R13, _R12, _RBP, _RBX, _R11, _R10, _R9, _R8, _RAX, _RCX, _RDX, _RSI, _RDI = range(15)
_ORIG_RAX, _RIP, _CS, _RFLAGS, _RSP, _SS = range(15, 21)


class Kernel:
    """One kernel on one machine, with one task."""

    def __init__(self, machine: Machine, vfs: Vfs, seed: int = DEFAULT_SEED) -> None:
        self.machine = machine
        self.physical = machine.physical
        self.hwcap = machine.hwcap
        self.vfs = vfs
        self.vsyscall = True
        self.half = KernelHalf(machine)
        self.tables_changed = TaskTables(self.half).follow
        self.ended: TaskEnded | None = None
        self.write_to_host: Callable[[int, bytes], int] = os.write
        self.wait_for_host: Callable[[Mapping[int, int], float | None], object] = poll_host
        self.cause = ""  # what a fault that ended the program was, for people
        self.last_fault: Raised | None = None  # the same as sigaction(2) tells it
        self.why: Cause | None = None  # the check that failed, if an exception ended the program
        self.calls_64 = CallTable(X86_64)
        self.calls_32 = CallTable(I386)
        self.vdso = Vdso(machine.processor.vendor)
        self.clock = Clock(machine.counter, self.vdso.clocks)
        self._random = random.Random(seed)
        self._task: Task | None = None
        self._frame = self.half.stack_top - _REGS.size  # where every crossing saves pt_regs
        self._frame_at = self.half.tables.translate(self._frame)
        self._handlers: dict[int, Callable[[int], None]] = {
            entry.HANDOVER_SYSCALL_64: self._syscall_64,
            entry.HANDOVER_INT80: self._int80,
            entry.HANDOVER_SYSENTER: self._sysenter,
            entry.HANDOVER_SYSCALL_32: self._syscall_32,
        }
        machine.attach(self)

    @property
    def task(self) -> Task:
        """The task that runs."""
        assert self._task is not None, "no program was started"
        return self._task

    def start(self, task: Task, rip: int, rsp: int, abi: Abi) -> None:
        """Puts `task` on the CPU, in ring 3 at `rip`."""
        self._task = task
        self.machine.engine.write_cr3(task.space.tables.root)
        self.half.enter_user(rip, rsp, long=abi is X86_64)

    # ---- what the entry code hands over

    def handed_over(self, call: int, argument: int) -> None:
        """`argument` is the address of pt_regs; `call` says which path it came by."""
        at = self._frame_at if argument == self._frame else self._nested_frame(argument)
        try:
            handler = self._handlers.get(call)
            if handler is not None:
                handler(at)
            else:
                self._exception(call - entry.HANDOVER_EXCEPTION, at)
        except TaskEnded as ended:
            self.ended = ended
            self.machine.engine.stop()

    def _nested_frame(self, address: int) -> int:
        """Where in RAM the pt_regs of a trap in the kernel, or on an IST stack, stand."""
        if not self.half.is_on_a_stack(address, _REGS.size):
            raise KernelBug(f"ring 0 handed over pt_regs at {address:#x}, which is no kernel stack")
        return self.half.tables.translate(address)

    def _syscall_64(self, at: int) -> None:
        task = self._task
        assert task is not None
        task.abi = X86_64
        r10, r9, r8, _, _, rdx, rsi, rdi, number = _CALL.unpack_from(
            self.physical.view, at + _CALL_AT
        )
        result = self.calls_64.invoke(task, number & _LOW, (rdi, rsi, rdx, r10, r8, r9))
        self.physical.words[at + _RAX_AT >> 3] = result & _MASK64

    def _int80(self, at: int) -> None:
        regs = _REGS.unpack_from(self.physical.view, at)
        self._compat_call(at, regs, regs[_RBP])

    def _sysenter(self, at: int) -> None:
        """The stack pointer came in EBP; EBP itself is the sixth argument, on that stack."""
        self._fast_compat_call(at)

    def _syscall_32(self, at: int) -> None:
        """The same, but the second argument came in EBP, and ESP is the program's own."""
        self._fast_compat_call(at)

    def _fast_compat_call(self, at: int) -> None:
        self._put(at, "rip", self.vdso.symbol_32(self.task.space, "landing_pad"))
        regs = _REGS.unpack_from(self.physical.view, at)
        try:
            (sixth,) = self.task.memory.unpack(I386.pointer, regs[_RSP] & _LOW)
        except Errno:
            self._put(at, "rax", -EFAULT)
            return
        self._put(at, "rbp", sixth)
        self._compat_call(at, regs, sixth)

    def _compat_call(self, at: int, regs: tuple[int, ...], sixth: int) -> None:
        task = self.task
        task.abi = I386
        arguments = (
            regs[_RBX] & _LOW,
            regs[_RCX] & _LOW,
            regs[_RDX] & _LOW,
            regs[_RSI] & _LOW,
            regs[_RDI] & _LOW,
            sixth & _LOW,
        )
        result = self.calls_32.invoke(task, regs[_ORIG_RAX] & _LOW, arguments)
        self._put(at, "rax", result)

    def _put(self, at: int, register: str, value: int) -> None:
        self.physical.words[at + entry.PT_OFFSET[register] >> 3] = value & _MASK64

    # ---- exceptions

    def _exception(self, vector: int, at: int) -> None:
        regs = _REGS.unpack_from(self.physical.view, at)
        if not regs[_CS] & 3:
            self._exception_in_kernel(vector, regs)
        elif vector == vectors.PF:
            self._page_fault(regs, at)
        elif vector not in OUTCOMES:
            raise KernelBug(f"ring 0 handed over {vector:#x}, which is no exception of ring 3")
        else:
            outcome = outcome_of(vector, self.machine.engine.state.mxcsr)
            address = regs[_RIP] if outcome.has_address else 0
            cause = describe(vector, regs)
            self.fault(outcome.signal, outcome.code, address, cause, (vector, regs))

    def _page_fault(self, regs: tuple[int, ...], at: int) -> None:
        address = self.machine.engine.state.control(2)
        if address >= layout.VSYSCALL_PAGE and self._vsyscall(address, regs, at):
            return
        result = self.task.space.fault(address, regs[_ORIG_RAX])
        if result.signal == signals.SIGKILL:
            self.fault(signals.SIGKILL, 0, address, "its memory is used up: give more by --memory")
        if not result:
            cause = describe(vectors.PF, regs) + f", address {address:#x}"
            exception = vectors.PF, regs
            self.fault(result.signal, result.code, result.address, cause, exception)

    def _vsyscall(self, address: int, regs: tuple[int, ...], at: int) -> bool:
        """Does what a function of the vsyscall page would do; whether `address` is one."""
        if not self.vsyscall or regs[_CS] != layout.USER_CS:
            return False
        self.task.abi = X86_64
        arguments = regs[_RDI], regs[_RSI], regs[_RDX]
        code, rsp = regs[_ORIG_RAX], regs[_RSP]
        registers = vsyscall.emulate(self.task, address, code, rsp, arguments)
        for register, value in registers.items():
            self._put(at, register, value)
        return bool(registers)

    def _exception_in_kernel(self, vector: int, regs: tuple[int, ...]) -> None:
        """IRET refused what pt_regs asked for: the program's fault. All else is ours."""
        if regs[_RIP] == self.half.symbols["native_irq_return_iret"]:
            self.fault(signals.SIGSEGV, signals.SI_KERNEL, 0, describe(vector, regs))
            return
        if vector == vectors.DB and regs[_RIP] == self.half.symbols["entry_SYSENTER_compat"]:
            # SYSENTER keeps TF: the program steps itself into the kernel, which is its own trap.
            self.fault(signals.SIGTRAP, signals.TRAP_TRACE, 0, describe(vector, regs))
            return
        raise KernelBug(f"ring 0 trapped: {describe(vector, regs)}")

    def fault(
        self,
        signal: int,
        code: int,
        address: int,
        cause: str,
        exception: tuple[int, tuple[int, ...]] | None = None,
    ) -> None:
        """A signal that the program cannot block or ignore: it caused it by an instruction.

        `exception` is the vector and the pt_regs of an instruction of ring 3 that raised it.
        """
        task = self.task
        if task.has_handler(signal):
            raise SignalHandlerNeeded(_cannot_run_handler(signal))
        self.last_fault = Raised(signal, code, address)
        self.cause = cause
        if exception is not None:
            self.why = self._explain(*exception)
        raise TaskEnded(0, signal)

    def _explain(self, vector: int, regs: tuple[int, ...]) -> Cause:
        """Why the instruction of ring 3 that pt_regs tells of did not run."""
        from emu.watch.why import Fault, explain  # only a program that dies needs Capstone

        state = self.machine.engine.state
        code = regs[_ORIG_RAX] & _LOW if vectors.TABLE[vector].has_error_code else None
        fault = Fault(
            vector=vector,
            error_code=code,
            rip=regs[_RIP],
            rflags=regs[_RFLAGS],
            long=regs[_CS] == layout.USER_CS,
            address=state.control(2) if vector == vectors.PF else None,
            registers=dict(zip(entry.PT_REGS, regs, strict=True)),
            bases={"fs": state.fs_base, "gs": state.kernel_gs_base},
        )
        refusals = self.machine.processor.accounts.refusals
        return explain(fault, self.physical, state.control(3), refusals)

    def shut_down(self) -> None:
        """The machine stopped: what the program wrote to shared mappings goes into the files."""
        self.task.space.release()

    def call_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How often each system call was made, by name, and those that nobody answers."""
        counts: dict[str, int] = {}
        unknown: dict[str, int] = {}
        for table in (self.calls_64, self.calls_32):
            for number, count in table.counts.items():
                name = table.name(number)
                counts[name] = counts.get(name, 0) + count
                if not table.answers(number):
                    unknown[name] = unknown.get(name, 0) + count
        return counts, unknown

    # ---- what handlers ask: Services in kernel_stub/task.py

    def now_ns(self) -> int:
        return self.clock.now_ns()

    def file_time_shown(self, time_ns: int) -> None:
        self.clock.is_at_least(time_ns)

    def uptime_ns(self) -> int:
        return self.clock.uptime_ns()

    def cpu_ns(self) -> int:
        return self.clock.cpu_ns()

    def sleep_until(self, uptime_ns: int) -> None:
        self.clock.sleep_until(uptime_ns, lambda: self.machine.engine.stopping)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def write_out(self, fd: int, data: bytes) -> int:
        return self.write_to_host(fd, data)

    def wait_for_console(self, task: Task, fd: int, event: int) -> None:
        while not wait(task, {fd: event}, None, "the console"):
            pass  # an alarm rang

    def wait_outside(self, wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        return bool(self.wait_for_host(wanted, None if timeout_ns is None else timeout_ns / SECOND))

    def exit_group(self, task: Task, status: int) -> NoReturn:
        raise TaskEnded(status & 0xFF)

    def signal(self, task: Task, number: int, code: int = 0, address: int = 0) -> None:
        if task.ignores(number):
            return
        if task.has_handler(number):
            raise SignalHandlerNeeded(_cannot_run_handler(number))
        raise TaskEnded(0, number)

    def deadlock(self, task: Task, waits_for: str) -> NoReturn:
        raise Deadlock(f"deadlock: process {task.pid} waits for {waits_for}, for ever")

    def get_fs_base(self) -> int:
        return self.machine.engine.state.fs_base

    def set_fs_base(self, address: int) -> None:
        self.machine.engine.state.fs_base = address

    def get_gs_base(self) -> int:
        return self.machine.engine.state.kernel_gs_base

    def set_gs_base(self, address: int) -> None:
        """The program's GS base: in the kernel it stands in KERNEL_GS_BASE until SWAPGS."""
        self.machine.engine.state.kernel_gs_base = address

    def get_tls_descriptor(self, slot: int) -> int:
        return self.half.read_descriptor(layout.TLS_FIRST_ENTRY + slot)

    def set_tls_descriptor(self, slot: int, descriptor: int) -> None:
        self.half.write_descriptor(layout.TLS_FIRST_ENTRY + slot, descriptor)


def describe(vector: int, regs: tuple[int, ...]) -> str:
    """An exception in one line: vector, error code in words, and where."""
    text = f"{vectors.mnemonic(vector)} ({vectors.TABLE[vector].name}) at {regs[_RIP]:#x}"
    if vector == vectors.PF:
        return f"{text}: {error_codes.describe_page_fault(regs[_ORIG_RAX])}"
    if vectors.TABLE[vector].has_error_code:
        return f"{text}, error code {regs[_ORIG_RAX] & _LOW:#x}"
    return text


def _cannot_run_handler(signal: int) -> str:
    name = signals.NAMES.get(signal, str(signal))
    return f"the program has a handler for {name}, and this kernel cannot run signal handlers yet"
