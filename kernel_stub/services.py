"""What handlers ask of the kernel: time, signals, tasks, segment bases.

The kernel itself (kernel.py) adds how ring 0 is entered and left. Linux's man pages by name.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from emu.cpu import fxsave
from emu.errors import LoadError, OutOfFrames
from emu.machine import Machine
from emu.memory.pagetables import NotMapped
from emu.x86 import descriptors, registers
from kernel_stub import layout
from kernel_stub.abi.abi import I386
from kernel_stub.abi.signals import SI_KERNEL, SI_USER, SIGSEGV
from kernel_stub.arrivals import force, send, set_mask
from kernel_stub.boot import KernelHalf
from kernel_stub.clock import Clock
from kernel_stub.entry import constants as entry
from kernel_stub.errno import ENOMEM, ERESTARTSYS, Errno
from kernel_stub.exec import load_program
from kernel_stub.futexes import Futexes
from kernel_stub.jobs import members, require_foreground, signal_group
from kernel_stub.observer import Observer
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.protocol import Clone
from kernel_stub.scheduler import Scheduler
from kernel_stub.signalling.frames import NO_TRAMPOLINES, Trampolines, UserState
from kernel_stub.signalling.returns import find_pop, restore_fpu, restore_stack
from kernel_stub.task import Task
from kernel_stub.task_tables import TaskTables
from kernel_stub.tasks import Tasks
from kernel_stub.turns import turns_of
from kernel_stub.vdso import Vdso
from kernel_stub.vfs import Vfs
from kernel_stub.vfs.console import poll_host
from kernel_stub.vfs.job_control import Controlling
from kernel_stub.waits import NOTHING, Blocked, TaskEnded, Wait

if TYPE_CHECKING:
    from kernel_stub.net.network import Network

_REGS: Final = entry.PT_REGS_STRUCT
_PAGE: Final = 4096
_SHOWS_OSXSAVE: Final = 1 << 27  # ECX of CPUID leaf 1


def _signed(value: int, bits: int) -> int:
    """The low `bits` of `value` as a signed number."""
    sign = 1 << bits - 1
    return (value & 2 * sign - 1 ^ sign) - sign


_SELECTORS: Final = {
    "ds": registers.DS,
    "es": registers.ES,
    "fs": registers.FS,
    "gs": registers.GS,
}


def _nobody_stopped() -> bool:
    return False


class KernelServices:
    """The state of one kernel, and its answers to handlers (task.py: Services)."""

    def __init__(self, machine: Machine, vfs: Vfs, seed: int) -> None:
        self.machine = machine
        self.physical = machine.physical
        self.hwcap = machine.hwcap
        self.has_xsave = bool(machine.engine.leaves[1, 0][2] & _SHOWS_OSXSAVE)
        self.vfs = vfs
        self.half = KernelHalf(machine)
        self.vsyscall = True
        self.vdso = Vdso(machine.processor.vendor)
        self.tables_changed = TaskTables(self.half).follow
        self.clock = Clock(machine.counter, self.vdso.clocks)
        self.futexes = Futexes()
        self.scheduler = Scheduler(self.clock, turns_of(seed))
        self.tasks = Tasks(machine, self.half, self.scheduler, self.futexes)
        self.wait_for_host: Callable[[Mapping[int, int], float | None], object] = poll_host
        self.user_signals: deque[int] = deque()  # sent from outside, and not yet passed on
        self.suspend: Callable[[], bool] = _nobody_stopped  # waits as long as the job is stopped
        self.observer: Observer | None = None
        # Whether a signal may arrive at a task; None: each may. A debugger's.
        self.screen: Callable[[Task, SigInfo], bool] | None = None
        self.write_to_host: Callable[[int, bytes], int] = os.write
        self._random = random.Random(seed)
        self.running: Task | None = None  # the task on the CPU
        self._switched_ns = 0  # when it got it
        self._network: Network | None = None
        self._work = False  # something is to be done before ring 3 goes on
        self._gives_way = False  # the task that runs ends its turn
        self.now_ns = self.clock.now_ns
        self.uptime_ns = self.clock.uptime_ns
        self.cpu_ns = self.clock.cpu_ns
        self.file_time_shown = self.clock.is_at_least

    # ---- the world outside

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def write_out(self, fd: int, data: bytes) -> int:
        return self.write_to_host(fd, data)

    def cpu_ns_of(self, owner: Task | Process) -> int:
        running = self.running
        if running is not None and owner in (running, running.process):
            return owner.cpu_ns + self.cpu_ns() - self._switched_ns
        return owner.cpu_ns

    def user_sent(self, signal: int) -> None:
        """The user sent `signal` to the program. May be called from a handler of signals."""
        self.user_signals.append(signal)
        self.machine.ring_soon(layout.TIMER_VECTOR)

    def take_user_signals(self) -> bool:
        """Passes on what the user sent, to the foreground group; returns whether that was any."""
        any_came = bool(self.user_signals)
        while self.user_signals:
            signal_group(self, self.vfs.terminal.group, self.user_signals.popleft())
        return any_came

    def wait_outside(self, wanted: Mapping[int, int], seconds: float | None) -> object:
        """Nobody can run: waits for the host, or for the user. Truthy: something came."""
        came = self.wait_for_host(wanted, seconds)
        return self.take_user_signals() or came

    def is_suspended(self) -> bool:
        """Nobody can run: if the job on the terminal is stopped, waits until it may go on."""
        job = members(self.processes(), self.vfs.terminal.group)
        return any(one.stopped_by for one in job) and self.suspend() and self.take_user_signals()

    @property
    def network(self) -> Network:
        """The sockets of this machine; it is made when the first one is."""
        if self._network is None:
            from kernel_stub.net.network import Network

            self._network = Network(self.vfs.options.reaches_out)
        return self._network

    # ---- waiting

    def block(
        self,
        task: Task,
        what: str,
        ready: Callable[[], bool],
        timeout_ns: int | None = None,
        outside: Mapping[int, int] = NOTHING,
        interrupted: int = ERESTARTSYS,
        killable: bool = False,
        due: int | None = None,
    ) -> None:
        if timeout_ns is not None:
            if task.deadline is None:
                task.deadline = self.uptime_ns() + timeout_ns
            if self.uptime_ns() >= task.deadline:
                task.deadline = None
                return
        if task.interrupted and not killable:
            raise Errno(interrupted)
        times = [time for time in (task.deadline, due) if time is not None]
        raise Blocked(Wait(what, ready, min(times, default=None), outside, killable))

    def timers_changed(self) -> None:
        self.scheduler.timers_changed()
        self._work = True

    def give_way(self) -> None:
        self._work = self._gives_way = True

    # ---- signals

    def signals_may_arrive(self) -> None:
        self._work = True

    def send(self, target: Task | Process, sent: SigInfo) -> None:
        send(target, sent)
        self._work = True

    def interrupt_soon(self) -> None:
        """The machine's timer interrupts ring 3 at once: somebody outside changed something."""
        self.machine.set_timer(layout.TIMER_VECTOR, 1)

    def signal(self, task: Task, number: int, code: int = SI_USER, address: int = 0) -> None:
        self.send(task, SigInfo(number, code, task.pid, task.identity.uids.real, address=address))

    def signal_group(self, group: int, number: int) -> None:
        signal_group(self, group, number)

    def session_of_group(self, group: int) -> int:
        return next((one.session for one in members(self.processes(), group)), 0)

    def terminal_of(self, session: int) -> object:
        return self.vfs.terminal_of(session)

    def user_state(self, task: Task) -> UserState:
        """Ring 3 of the running task, for a signal frame."""
        engine = self.machine.engine
        regs = _REGS.unpack_from(self.physical.view, task.cpu.frame_at)
        selectors = {name: engine.state.selector(n) for name, n in _SELECTORS.items()}
        engine.state.store()
        image = fxsave.read(engine)
        names = dict(zip(entry.PT_REGS, regs, strict=True))
        return UserState(names, selectors, image, self.has_xsave)

    def set_user_state(self, task: Task, user: UserState) -> None:
        """Ring 3 of the running task goes on as `user` says."""
        engine = self.machine.engine
        _REGS.pack_into(self.physical.view, task.cpu.frame_at, *user.registers.values())
        if task.program_abi is I386:
            self.tasks.contexts.return_by_iret(task.cpu)
            for name, number in _SELECTORS.items():
                self._load_segment(number, user.selectors[name], task)
        engine.state.store()
        fxsave.write(engine, user.fxsave)
        engine.state.load()

    def trampolines(self, task: Task) -> Trampolines:
        """Where handlers of an i386 program return to, unless they say where themselves."""
        if task.program_abi is not I386:
            return NO_TRAMPOLINES
        names = ("__kernel_sigreturn", "__kernel_rt_sigreturn")
        return Trampolines(*(self.vdso.symbol_32(task.space, name) for name in names))

    def _load_segment(self, number: int, selector: int, task: Task) -> None:
        """A data segment register as ring 3 could load it; what it could not, is null."""
        if self.machine.engine.state.selector(number) != selector:
            self.half.load_data_segment(number, selector, task.space.ldt)

    def descriptor(self, task: Task, selector: int) -> int:
        """The descriptor that `selector` names in the GDT or the LDT of `task`; 0: none."""
        return self.half.descriptor(selector, task.space.ldt)

    def stack_pointer(self, task: Task) -> int:
        at = task.cpu.frame_at + entry.PT_OFFSET["rsp"]
        pointer: int = self.physical.words[at >> 3]
        return pointer

    def sigreturn(self, task: Task, real_time: bool) -> int:
        user = self.user_state(task)
        try:
            frame = find_pop(task, real_time)(task, user)
            user.registers["orig_rax"] = (1 << 64) - 1
            rax = _signed(user.registers["rax"], 8 * task.abi.word)
            set_mask(task, frame.mask)
            restore_fpu(task, user, frame.fpstate)
            restore_stack(task, frame.stack, user.registers["rsp"])
        except Errno:
            rax = 0
            force(task, SigInfo(SIGSEGV, SI_KERNEL))
        self.set_user_state(task, user)
        self._work = True
        return rax

    def require_foreground(self, task: Task, terminal: Controlling, signal: int) -> None:
        require_foreground(task, terminal, signal)

    # ---- tasks

    def process(self, pid: int) -> Process | None:
        return self.tasks.processes.get(pid)

    def processes(self) -> list[Process]:
        return list(self.tasks.processes.values())

    def leaders(self) -> list[Task]:
        known = [(*process.threads, process.remains) for process in self.processes()]
        return [tasks[0] for tasks in known if tasks[0] is not None]

    def find_task(self, tid: int) -> Task | None:
        return next((task for task in self.scheduler.tasks if task.tid == tid), None)

    def clone(self, task: Task, asked: Clone) -> int:
        self._work = True
        child = self.tasks.clone(task, asked)
        if self.observer is not None:
            self.observer.made(task, child, asked.flags)
        return child.tid

    def reap(self, process: Process) -> None:
        self.tasks.family.reap(process)

    def exec(self, task: Task, path: bytes, argv: list[bytes], envp: list[bytes]) -> None:
        old = self.tasks.replace_space(task)
        try:
            start = load_program(self, task, path, argv, envp)
        except LoadError as error:
            self.tasks.exec_failed(task, old)
            raise Errno(error.errno) from None
        except (OutOfFrames, NotMapped):
            self.tasks.exec_failed(task, old)
            raise Errno(ENOMEM) from None
        self.tasks.executed(task, old, start)
        self.tables_changed(task)
        if self.observer is not None:
            self.observer.executed(task)

    def exit_group(self, task: Task, status: int) -> NoReturn:
        raise TaskEnded(status & 0xFF)

    def exit_thread(self, task: Task, status: int) -> NoReturn:
        raise TaskEnded(status & 0xFF, alone=len(task.process.threads) > 1)

    # ---- segments

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
        """Writes it; a segment register that names it is loaded anew."""
        entry_number = layout.TLS_FIRST_ENTRY + slot
        self.half.write_descriptor(entry_number, descriptor)
        state, selector = self.machine.engine.state, entry_number << 3 | descriptors.RPL
        for number in _SELECTORS.values():
            if state.selector(number) == selector:
                self.half.load_data_segment(number, selector, None)
