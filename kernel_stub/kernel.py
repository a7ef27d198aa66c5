"""The kernel: what ring-0 code hands over, it answers; then whoever can run goes on.

Each handover is one pt_regs on the task's kernel stack: arguments are read there, the result is
left there. Before ring 3 goes on, signals arrive and tasks are exchanged. It knows the entry code's
contract (entry/constants.py) and no instruction of it.
syscall(2); Linux kernel documentation, "Entry/exit handling for exceptions, interrupts, syscalls".
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final, TypeAlias

from emu.machine import Machine
from kernel_stub import layout
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.calls import CallTable, counted
from kernel_stub.deliveries import Deliveries
from kernel_stub.entry import constants as entry
from kernel_stub.errno import EFAULT, EINTR, ERESTARTNOHAND, ERESTARTSYS, Errno
from kernel_stub.errors import Deadlock, KernelBug
from kernel_stub.exceptions import Exceptions
from kernel_stub.process import Process
from kernel_stub.task import Task
from kernel_stub.vfs import Vfs
from kernel_stub.waits import Blocked, TaskEnded

DEFAULT_SEED: Final = 0
_MASK64: Final = (1 << 64) - 1
_LOW: Final = 0xFFFF_FFFF
_NOBODY: Final = -1
_LEAST_NS: Final = 256  # until the timer interrupts: the way to ring 3 is shorter
_INTERRUPTED: Final = (ERESTARTSYS, ERESTARTNOHAND, EINTR)

Call: TypeAlias = "tuple[CallTable, int, tuple[int, ...]]"
_REGS: Final = entry.PT_REGS_STRUCT
_CALL: Final = Struct("<9Q")  # from r10 up to orig_rax: what SYSCALL's arguments stand among
_CALL_AT: Final = entry.PT_OFFSET["r10"]
_RSP_AT: Final = entry.PT_OFFSET["rsp"]
_RAX_AT: Final = entry.PT_OFFSET["rax"]
_R15, _R14, _R13, _R12, _RBP, _RBX, _R11, _R10, _R9, _R8, _RAX, _RCX, _RDX, _RSI, _RDI = range(15)
_ORIG_RAX, _RIP, _CS, _RFLAGS, _RSP, _SS = range(15, 21)


class Kernel(Deliveries):
    """One kernel on one machine. `first` is the process that the run is about."""

    def __init__(self, machine: Machine, vfs: Vfs, seed: int = DEFAULT_SEED) -> None:
        super().__init__(machine, vfs, seed)
        self.ended: TaskEnded | None = None
        self.calls_64 = CallTable(X86_64)
        self.calls_32 = CallTable(I386)
        self.exceptions = Exceptions(self)
        self._last: Task | None = None
        self._first: Process | None = None
        self._frame = _NOBODY  # where the task's crossings save pt_regs
        self._frame_at = 0
        self._handlers: dict[int, Callable[[int], None]] = {
            entry.HANDOVER_SYSCALL_64: self._syscall_64,
            entry.HANDOVER_INT80: self._int80,
            entry.HANDOVER_SYSENTER: self._fast_compat_call,
            entry.HANDOVER_SYSCALL_32: self._fast_compat_call,
            entry.HANDOVER_TIMER: self._timer,
        }
        machine.attach(self)

    @property
    def task(self) -> Task:
        """The task that runs; when all have ended, the last one."""
        assert self._last is not None, "no program was started"
        return self._last

    @property
    def frame(self) -> int:
        """Where crossings save pt_regs: on the stack of the task that runs."""
        return self._frame if self._frame != _NOBODY else self.tasks.contexts.first.frame

    def start(self, task: Task, rip: int, rsp: int, abi: Abi) -> None:
        """Puts `task` on the CPU, in ring 3 at `rip`."""
        self.tasks.adopt(task)
        self._first = task.process
        self._is_running(task)
        self.machine.engine.write_cr3(task.space.tables.root)
        self.half.enter_user(rip, rsp, long=abi is X86_64)
        self.tasks.contexts.keep_pristine()

    def _is_running(self, task: Task) -> None:
        self.running = self._last = task
        self._frame, self._frame_at = task.cpu.frame, task.cpu.frame_at

    # ---- what the entry code hands over

    def handed_over(self, call: int, argument: int) -> None:
        """`argument` is the address of pt_regs; `call` says which path it came by."""
        at = self._frame_at if argument == self._frame else self._nested_frame(argument)
        try:
            handler = self._handlers.get(call)
            if handler is not None:
                handler(at)
            else:
                self.exceptions.handle(self.task, call - entry.HANDOVER_EXCEPTION, at)
        except TaskEnded as ended:
            self.end(self.task, ended)
        if self._work:
            self._before_ring_3()

    def _nested_frame(self, address: int) -> int:
        """Where in RAM the pt_regs of a trap in the kernel, or on an IST stack, stand."""
        if not self.half.is_on_a_stack(address, _REGS.size):
            raise KernelBug(f"ring 0 handed over pt_regs at {address:#x}, which is no kernel stack")
        return self.half.tables.translate(address)

    def _syscall_64(self, at: int) -> None:
        task = self.running
        assert task is not None
        task.abi = X86_64
        r10, r9, r8, _, _, rdx, rsi, rdi, number = _CALL.unpack_from(
            self.physical.view, at + _CALL_AT
        )
        try:
            result = self.calls_64.invoke(task, number & _LOW, (rdi, rsi, rdx, r10, r8, r9))
        except Blocked as blocked:
            self._park(task, blocked, (self.calls_64, number & _LOW, (rdi, rsi, rdx, r10, r8, r9)))
            return
        self.physical.words[at + _RAX_AT >> 3] = result & _MASK64

    def _park(self, task: Task, blocked: Blocked, call: Call) -> None:
        """The task waits inside `call`."""
        task.wait, task.call = blocked.wait, call
        self.scheduler.waits(task)
        self._work = True

    def _int80(self, at: int) -> None:
        self._compat_call(at, _REGS.unpack_from(self.physical.view, at))

    def _fast_compat_call(self, at: int) -> None:
        """SYSENTER and SYSCALL: EBP was the stack pointer, or the second argument.

        EBP itself is the sixth argument, on the program's stack; the way back is the landing pad.
        """
        if self._come_by_landing_pad(at):
            self._landing_pad_call(at)

    def _come_by_landing_pad(self, at: int) -> bool:
        """Where the call returns to, and its sixth argument; without one it fails at once."""
        task = self.task
        self._put(at, "rip", self.vdso.symbol_32(task.space, "landing_pad"))
        pointer: int = self.physical.words[at + _RSP_AT >> 3]
        try:
            (sixth,) = task.memory.unpack(I386.pointer, pointer & _LOW)
        except Errno:
            self._put(at, "rax", -EFAULT)
            return False
        self._put(at, "rbp", sixth)
        return True

    def _landing_pad_call(self, at: int) -> None:
        task = self.task
        space, pad = task.space, self.vdso.symbol_32(task.space, "landing_pad")
        self._int80(at)
        if task.space is space and pad != (moved := self.vdso.symbol_32(space, "landing_pad")):
            self._put(at, "rip", moved)  # by mremap(2)

    def _compat_call(self, at: int, regs: tuple[int, ...]) -> None:
        task = self.task
        task.abi = I386
        arguments = (
            regs[_RBX] & _LOW,
            regs[_RCX] & _LOW,
            regs[_RDX] & _LOW,
            regs[_RSI] & _LOW,
            regs[_RDI] & _LOW,
            regs[_RBP] & _LOW,
        )
        number = regs[_ORIG_RAX] & _LOW
        try:
            result = self.calls_32.invoke(task, number, arguments)
        except Blocked as blocked:
            self._park(task, blocked, (self.calls_32, number, arguments))
            return
        self._put(at, "rax", result)

    def _timer(self, _at: int) -> None:
        """The machine's timer: a task's time is over, or an alarm is due."""
        self._work = True

    # ---- on the way to ring 3

    def _before_ring_3(self) -> None:
        """Runs whoever can run, lets its signals arrive, and sets the timer."""
        self._work = False
        self.take_user_signals()
        is_over = self.machine.timer.take_rang() or self._gives_way
        self._gives_way = False
        self.scheduler.expire()
        while True:
            task = self.running
            if task is None or task.wait is not None or task.is_stopped or is_over:
                is_over = False
                task = self._next(task)
                if task is None:
                    self.machine.engine.stop()
                    return
            try:
                if not self._arrive(task):
                    break
            except TaskEnded as ended:
                self.end(task, ended)
        self._set_timer(task)

    def _next(self, current: Task | None) -> Task | None:
        """The next task that runs; its call, if it was in one, is over. None: nobody is left."""
        while True:
            try:
                task = self.scheduler.next_after(current, self.wait_outside)
            except Deadlock:
                if self._first is not None and not self._first.is_alive:
                    return None  # what the program left behind waits for ever
                if not self.is_suspended():
                    raise
                continue
            if task is None:
                return None
            self._switch(task)
            if task.wait is None:
                return task
            try:
                if self._call_again(task):
                    if task.tracing is not None:
                        task.tracing.left_call()
                    return task
            except TaskEnded as ended:
                self.end(task, ended)
            current = self.running or current

    def _switch(self, task: Task) -> None:
        old = self.running
        if old is task:
            return
        self._account(old)
        self.tasks.contexts.switch(None if old is None else old.cpu, task.cpu)
        self._is_running(task)
        self.tables_changed(task)
        self.use_breakpoints()

    def _account(self, task: Task | None) -> None:
        """The time since the last switch was that of `task`."""
        now = self.cpu_ns()
        if task is not None:
            task.cpu_ns += now - self._switched_ns
            task.process.cpu_ns += now - self._switched_ns
        self._switched_ns = now

    def _call_again(self, task: Task) -> bool:
        """Makes the call again in which `task` waits; returns whether it is over."""
        assert task.call is not None, "it waits in a call"
        table, number, arguments = task.call
        task.wait, task.interrupted = None, task.is_interrupted
        try:
            result = table.again(task, number, arguments)
        except Blocked as blocked:
            task.wait = blocked.wait
            self.scheduler.waits(task)
            return False
        finally:
            task.interrupted = False
        task.call = None
        if -result in _INTERRUPTED:
            task.restart = -result
        else:
            task.deadline = None
        self._put(task.cpu.frame_at, "rax", result)
        return True

    def _set_timer(self, task: Task) -> None:
        """The machine interrupts `task` when its turn is over, or something is due."""
        due = self.scheduler.turn_ends(task)
        rest = None if due is None else max(due - self.uptime_ns(), _LEAST_NS)
        self.machine.set_timer(layout.TIMER_VECTOR, rest)

    # ---- the end

    def end(self, task: Task, ended: TaskEnded) -> None:
        """A task ends, or its whole process; the run's result is that of the first one."""
        if task.tracing is not None and task.tracing.stops_to_end(ended):
            return
        if self.observer is not None:
            self.observer.ends(task, ended)
        self._tell_tracers([task] if ended.alone else task.process.threads, ended)
        self._account(task)
        if ended.alone:
            self.tasks.end_thread(task)
        else:
            self.tasks.end_process(task, ended.status, ended.signal)
            if task.process is self._first:
                self.ended = ended
                if ended.signal:
                    self.exceptions.ended_the_run()
            self.exceptions.forget()
        self.running = None
        self._frame = _NOBODY
        self._work = True

    # ---- ptrace(2)

    def trace_calls(self) -> None:
        if not self._traces:
            from kernel_stub.tracing.calls import traced

            self._traces = True
            self._handlers |= {
                entry.HANDOVER_SYSCALL_64: traced(self, X86_64, self._syscall_64),
                entry.HANDOVER_INT80: traced(self, I386, self._int80),
            }
            fast = traced(self, I386, self._landing_pad_call, self._come_by_landing_pad)
            for handover in (entry.HANDOVER_SYSENTER, entry.HANDOVER_SYSCALL_32):
                self._handlers[handover] = fast

    def shut_down(self) -> None:
        """The machine stopped: what programs wrote to shared mappings goes into the files."""
        for space in {id(task.space): task.space for task in self.scheduler.tasks}.values():
            space.release()

    def call_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How often each system call was made, by name, and those that nobody answers."""
        return counted((self.calls_64, self.calls_32))
