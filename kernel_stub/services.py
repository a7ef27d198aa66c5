"""What handlers ask of the kernel: time, signals, tasks, segment bases.

The kernel itself (kernel.py) adds how ring 0 is entered and left. Linux's man pages by name.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from emu.errors import LoadError, OutOfFrames
from emu.machine import Machine
from emu.memory.pagetables import NotMapped
from emu.x86 import registers
from kernel_stub import layout
from kernel_stub.abi.signals import SI_KERNEL, SI_USER, SIGSEGV
from kernel_stub.arrivals import force, send, set_mask
from kernel_stub.boot import KernelHalf, shows
from kernel_stub.clock import Clock
from kernel_stub.errno import ENOMEM, ERESTARTSYS, Errno
from kernel_stub.exec import load_program
from kernel_stub.futexes import Futexes
from kernel_stub.jobs import members, require_foreground, signal_group
from kernel_stub.observer import Observer
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.protocol import Clone
from kernel_stub.ring_three import RingThree
from kernel_stub.scheduler import Scheduler
from kernel_stub.signalling.frames import largest_frame
from kernel_stub.signalling.returns import find_pop, restore_fpu, restore_stack
from kernel_stub.syscalls.creation import CLONE_PTRACE, event_of
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

_PAGE: Final = 4096


def _signed(value: int, bits: int) -> int:
    """The low `bits` of `value` as a signed number."""
    sign = 1 << bits - 1
    return (value & 2 * sign - 1 ^ sign) - sign


_REPLACED: Final = TaskEnded(0, alone=True)  # how threads end when another runs a program


def _nobody_stopped() -> bool:
    return False


class KernelServices(RingThree):
    """The state of one kernel, and its answers to handlers (task.py: Services)."""

    def __init__(self, machine: Machine, vfs: Vfs, seed: int) -> None:
        self.machine = machine
        self.physical = machine.physical
        self.hwcap = machine.hwcap
        self.has_xsave = shows(machine, registers.CR4_OSXSAVE)
        self.has_fsgsbase = shows(machine, registers.CR4_FSGSBASE)
        self.largest_signal_frame = largest_frame(self.has_xsave)
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
        self._traces = False  # some task traces another, or did
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

    def signal(self, task: Task, number: int, code: int = SI_USER, address: int = 0) -> None:
        self.send(task, SigInfo(number, code, task.pid, task.identity.uids.real, address=address))

    def signal_group(self, group: int, number: int) -> None:
        signal_group(self, group, number)

    def session_of_group(self, group: int) -> int:
        return next((one.session for one in members(self.processes(), group)), 0)

    def terminal_of(self, session: int) -> object:
        return self.vfs.terminal_of(session)

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
        self.forget_breakpoints(child)
        if task.tracing is not None:
            task.tracing.made(child, event_of(asked), bool(asked.flags & CLONE_PTRACE))
        if self.observer is not None:
            self.observer.made(task, child, asked.flags)
        return child.tid

    def _tell_tracers(self, leaving: list[Task], ended: TaskEnded) -> None:
        """The tasks `leaving` are about to end."""
        if self._traces:
            from kernel_stub.tracing.ends import leave

            for task in list(leaving):
                leave(task, ended)

    def deliver(self, task: Task, sent: SigInfo) -> bool:
        raise NotImplementedError("deliveries.py has it")

    def trace_calls(self) -> None:
        raise NotImplementedError("kernel.py has it")

    def tell_of_end(self, process: Process) -> None:
        process.is_hidden = False
        self.tasks.family.tell_of_end(process)

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
        self._tell_tracers([one for one in task.process.threads if one is not task], _REPLACED)
        old_tid = task.tid
        self.tasks.executed(task, old, start)
        self.tables_changed(task)
        self.use_breakpoints()
        if task.tracing is not None:
            task.tracing.executed(old_tid)
        if self.observer is not None:
            self.observer.executed(task)

    def exit_group(self, task: Task, status: int) -> NoReturn:
        raise TaskEnded(status & 0xFF)

    def exit_thread(self, task: Task, status: int) -> NoReturn:
        raise TaskEnded(status & 0xFF, alone=len(task.process.threads) > 1)
