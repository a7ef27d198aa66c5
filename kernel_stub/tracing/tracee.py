"""A tracee: why it stops, who hears of it, and what it does when it goes on.

Each stop is an entry of a table of kinds; what a tracee does behind one is an agenda of steps,
which the kernel takes one by one before the task returns to ring 3. A step may stop it again.
Which request asked for what, it does not know. ptrace(2), "Stopped states".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from emu.x86 import flags
from emu.x86.debug import STATUS_AT_RESET
from kernel_stub.abi.signals import (
    CLD_STOPPED,
    CLD_TRAPPED,
    SA_NOCLDSTOP,
    SI_KERNEL,
    SI_USER,
    SIG_IGN,
    SIGCHLD,
    SIGKILL,
    SIGSTOP,
    SIGTRAP,
    TRAP_BRKPT,
    signal_bit,
)
from kernel_stub.abi.tracing import (
    ENTRY_MESSAGE,
    EXIT_MESSAGE,
    SYSCALL_STOP,
    TRACESYSGOOD,
    Event,
)
from kernel_stub.arrivals import action_of, force, send
from kernel_stub.pending import SigInfo
from kernel_stub.task import Task
from kernel_stub.waits import TaskEnded

_KILL: Final = signal_bit(SIGKILL)
_NO_CALL: Final = 0xFFFF_FFFF
Step = Callable[[int], object]  # is given the signal with which the tracer let it go on


class Kind(Enum):
    """Why a tracee has stopped."""

    SIGNAL = "a signal arrives"
    CALL = "a system call begins or ends"
    EVENT = "an event that its tracer asked for"
    GROUP = "a signal stopped its process"


class Stop(NamedTuple):
    """`code` is what wait(2) tells: a signal, above it an event. `info` is None of a group-stop."""

    kind: Kind
    code: int
    info: SigInfo | None


class Mode(NamedTuple):
    """How a tracee goes on."""

    stops_at_calls: bool = False
    emulates: bool = False
    steps: bool = False


class Tracee:
    """One task that another traces. `stop` is None while it runs."""

    def __init__(self, task: Task, tracer: Task, options: int = 0, seized: bool = False) -> None:
        self.task = task
        self.tid = task.tid
        self.tracer = tracer
        self.options = options
        self.seized = seized
        self.mode = Mode()
        self.message = 0
        self.stop: Stop | None = None
        self.is_told = False  # wait(2) told of this stop
        self.listens = False
        self.is_asked = False  # it is to stop as soon as it can: PTRACE_INTERRUPT
        self.joins = 0  # the signal of a group-stop that it has still to take part in
        self.forces_step = False  # the trap flag in its registers is its tracer's
        self.debug_status = STATUS_AT_RESET  # DR6 of its last breakpoint
        self.is_ending = False
        self.is_parted = False  # nobody traces it any more; what it has begun, it ends
        self.status: int | None = None  # as wait(2) tells it, once it has ended
        self._given = 0
        self._info: SigInfo | None = None  # of the stop behind which it goes on
        self._agenda: deque[Step] = deque()
        if task.tracing is not None:  # what it had begun under another tracer
            self._agenda, self._given = task.tracing._agenda, task.tracing._given
        task.tracing = self
        tracer.tracees.append(self)

    # ---- stopping and going on

    def enter(self, stop: Stop, then: Step | None = None) -> None:
        """It stops; `then` is what it does first when it goes on."""
        self.stop, self.is_told, self.listens = stop, False, False
        if then is not None:
            self._agenda.appendleft(then)
        self.notify(CLD_STOPPED if stop.kind is Kind.GROUP else CLD_TRAPPED, stop.code & 0x7F)

    def notify(self, code: int, status: int) -> None:
        """SIGCHLD for the tracer."""
        process = self.tracer.process
        action = action_of(process, SIGCHLD)
        if action.handler != SIG_IGN and not action.flags & SA_NOCLDSTOP:
            send(process, SigInfo(SIGCHLD, code, self.tid, self.task.uid, status))
        self.task.kernel.signals_may_arrive()

    def resume(self, mode: Mode, signal: int) -> None:
        """It goes on, as if `signal` had come (0: none)."""
        self.mode = mode
        self._set_step(mode.steps)
        self._info = self.stop.info if self.stop is not None else None
        self.stop, self._given, self.listens = None, signal, False
        self.task.kernel.signals_may_arrive()

    def _set_step(self, on: bool) -> None:
        kernel = self.task.kernel
        rflags = kernel.saved(self.task, "rflags")
        if on and not rflags & flags.TF:
            kernel.save(self.task, "rflags", rflags | flags.TF)
            self.forces_step = True
        elif not on and self.forces_step:
            kernel.save(self.task, "rflags", rflags & ~flags.TF)
            self.forces_step = False

    def goes_on(self) -> bool:
        """Takes one step of the agenda; returns whether there was one. Raises TaskEnded."""
        task = self.task
        kill = None if self.is_ending else task.take_signal(_KILL)
        if kill is not None:
            self._agenda.clear()
            self.stop = None
            task.kernel.deliver(task, kill)
        if self._agenda:
            given, self._given = self._given, 0
            self._agenda.popleft()(given)
            return True
        if self.is_parted:
            task.tracing = None
            return True
        if self.wants_stop:
            self._take_part()
            return True
        return False

    def part(self) -> None:
        """Its tracer has left it: it goes on, and stops no more."""
        if self.stop is not None:
            self.resume(Mode(), 0)
        self.mode, self.options, self.is_parted = Mode(), 0, True
        self._set_step(False)
        self.task.kernel.signals_may_arrive()

    # ---- stops

    def _trap(self, code: int, message: int, then: Step | None = None) -> None:
        """A stop that is reported as SIGTRAP."""
        self.message = message
        kind = Kind.EVENT if code >> 8 else Kind.CALL
        info = SigInfo(SIGTRAP, code, self.task.tid, self.task.uid)
        self.enter(Stop(kind, code, info), then)

    def event(self, event: Event, message: int, then: Step | None = None) -> bool:
        """Stops with `event` if the tracer asked for it; returns whether it did."""
        if not self.options & 1 << event:
            return False
        self._trap(event << 8 | SIGTRAP, message, then)
        return True

    def sees(self, sent: SigInfo) -> None:
        """A signal arrives: its tracer decides whether it does."""
        self.enter(Stop(Kind.SIGNAL, sent.signal, sent), self._signalled)

    def _signalled(self, given: int) -> None:
        task, sent = self.task, self._info
        if not given:
            return
        assert sent is not None, "a signal has arrived"
        if given != sent.signal:
            sent = SigInfo(given, SI_USER, self.tracer.pid, self.tracer.uid)
        if task.blocks(given):
            task.pending.add(sent)
            return
        steps = self.mode.steps
        self._set_step(False)
        if not task.kernel.deliver(task, sent):
            self._set_step(steps)
        elif steps:
            self._trap(SIGTRAP, 0)

    def joins_stop(self, signal: int) -> None:
        """Its process is stopped by `signal`."""
        if self.is_parted:
            return
        self.joins = signal
        if self.stop is None:
            self._take_part()

    def continues(self) -> None:
        """SIGCONT was sent to its process: a tracee that its tracer has seized tells so."""
        self.joins = 0
        if self.seized:
            self.ask()

    def ask(self) -> None:
        """It is to stop as soon as it can; of the stop behind which it listens, it tells anew."""
        self.is_asked = True
        if self.listens:
            self.stop, self.listens = None, False
        self.task.kernel.signals_may_arrive()

    def listen(self) -> None:
        """It stays stopped, but tells when its process goes on."""
        self.listens = True
        if self.is_asked:
            self.ask()

    @property
    def wants_stop(self) -> bool:
        """Whether it is to stop as soon as it can."""
        return self.is_asked or bool(self.joins)

    def _take_part(self) -> None:
        signal = self.joins or self.task.process.stopped_by
        self.joins, self.is_asked = 0, False
        if not self.seized:
            self.enter(Stop(Kind.GROUP, signal, None))
            return
        code = Event.STOP << 8 | (signal or SIGTRAP)
        info = SigInfo(signal or SIGTRAP, code, self.task.tid, self.task.uid)
        self.enter(Stop(Kind.GROUP if signal else Kind.EVENT, code, info))

    # ---- system calls

    def enters_call(self, make: Callable[[int], None]) -> None:
        """A system call begins: `make` makes it, of the registers as they are then."""
        if self.mode.stops_at_calls or self.mode.emulates:
            emulates = self.mode.emulates
            self._at_call(ENTRY_MESSAGE, lambda given: self._call(make, emulates, given))
        else:
            self._call(make, False, 0)

    def _at_call(self, message: int, then: Step) -> None:
        good = SYSCALL_STOP if self.options & TRACESYSGOOD else 0
        self._trap(SIGTRAP | good, message, then)

    def _call(self, make: Callable[[int], None], is_emulated: bool, given: int) -> None:
        task = self.task
        self._send(given)
        number = task.kernel.saved(task, "orig_rax") & _NO_CALL
        if not is_emulated and number != _NO_CALL:
            make(task.cpu.frame_at)
        if task.wait is None:
            self.left_call()

    def left_call(self) -> None:
        """A system call is over; events of it may come first."""
        self._agenda.append(self._report_result)
        self.task.kernel.signals_may_arrive()

    def _report_result(self, _given: int) -> None:
        if self.mode.steps and not self.mode.emulates:
            address = self.task.kernel.saved(self.task, "rip")
            force(self.task, SigInfo(SIGTRAP, TRAP_BRKPT, address=address))
        elif self.mode.stops_at_calls:
            self._at_call(EXIT_MESSAGE, self._send)

    def _send(self, given: int) -> None:
        if given:
            self.task.kernel.send(self.task, SigInfo(given, SI_KERNEL))

    # ---- what becomes of it

    def made(self, child: Task, event: Event | None, is_traced: bool) -> None:
        """It made `child`, which its tracer traces too if it asked for the event."""
        is_event = event is not None and bool(self.options & 1 << event)
        if self.forces_step:
            kernel = self.task.kernel
            kernel.save(child, "rflags", kernel.saved(child, "rflags") & ~flags.TF)
        if is_event or is_traced:
            other = Tracee(child, self.tracer, self.options, self.seized)
            if self.seized:
                other.is_asked = True
            else:
                child.pending.add(SigInfo(SIGSTOP))
        if event is not None:
            self.event(event, child.tid)

    def vfork_ended(self, child: int) -> None:
        """Its child of vfork has left its memory."""
        self.event(Event.VFORK_DONE, child)

    def executed(self, old_tid: int) -> None:
        """It is another program now."""
        self.tid = self.task.tid
        self.forces_step = False
        if not self.event(Event.EXEC, old_tid) and not self.seized:
            task = self.task
            task.kernel.send(task, SigInfo(SIGTRAP, SI_USER, task.pid, task.uid))

    def stops_to_end(self, ended: TaskEnded) -> bool:
        """Whether it stops once more before it ends."""
        if self.is_ending:
            return False
        self.is_ending = True
        status = ended.signal or (ended.status & 0xFF) << 8

        def end(_given: int) -> None:
            raise ended

        return self.event(Event.EXIT, status, end)
