"""Exceptions that the entry code hands over: page faults are answered, others become signals.

It knows pt_regs and the table of outcomes; how a signal arrives, it does not know.
Linux: arch/x86/kernel/traps.c by name of the handlers; SDM 3A, "Exception and Interrupt Reference".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emu.events import Cause
from emu.x86 import descriptors, error_codes, flags, paging, vectors
from emu.x86.debug import (
    ENABLED,
    EXECUTE,
    STATUS_AT_RESET,
    STATUS_HITS,
    STATUS_STEP,
    enabled,
)
from kernel_stub import layout, vsyscall
from kernel_stub.abi import signals
from kernel_stub.abi.abi import X86_64
from kernel_stub.arrivals import force
from kernel_stub.entry import constants as entry
from kernel_stub.errors import KernelBug
from kernel_stub.faults import OUTCOMES, Raised, outcome_of
from kernel_stub.pending import SigInfo
from kernel_stub.task import LastFault, Task
from kernel_stub.waits import TaskEnded

if TYPE_CHECKING:
    from kernel_stub.services import KernelServices

_LOW: Final = 0xFFFF_FFFF
_IRET_FRAME: Final = 5 * 8
_IRET_SS_AT: Final = 4 * 8
_REGS: Final = entry.PT_REGS_STRUCT
_AT: Final = {name: index for index, name in enumerate(entry.PT_REGS)}
_RIP, _CS, _RFLAGS, _CODE = _AT["rip"], _AT["cs"], _AT["rflags"], _AT["orig_rax"]
_RFLAGS_AT: Final = entry.PT_OFFSET["rflags"]


class Exceptions:
    """What the kernel does about each vector. `cause`, `why`: of the signal that ended the run."""

    def __init__(self, kernel: KernelServices) -> None:
        self._kernel = kernel
        self._machine = kernel.machine
        self.cause = ""  # for people
        self.why: Cause | None = None  # the check that failed
        self._cause = ""  # both, of the signal that was sent last
        self._why: Cause | None = None
        self.last: Raised | None = None  # as sigaction(2) tells it

    def forget(self) -> None:
        """Whoever the last cause was of has ended."""
        self._cause, self._why = "", None

    def ended_the_run(self) -> None:
        """The last cause was the first process's, which it has killed."""
        self.cause, self.why = self._cause, self._why

    def handle(self, task: Task, vector: int, at: int) -> None:
        """The exception `vector` of `task`, with pt_regs at the physical address `at`."""
        regs = _REGS.unpack_from(self._machine.physical.view, at)
        if not regs[_CS] & 3:
            self._in_kernel(task, vector, regs)
        elif vector == vectors.PF:
            self._page_fault(task, regs, at)
        elif vector not in OUTCOMES:
            raise KernelBug(f"ring 0 handed over {vector:#x}, which is no exception of ring 3")
        else:
            state = self._machine.engine.state
            outcome = outcome_of(vector, state.mxcsr, state.debug(6))
            address = regs[_RIP] if outcome.has_address else 0
            if vector == vectors.DB:
                self._note_breakpoints(task, at)
            self._signal(task, outcome.signal, outcome.code, address, vector, regs)

    def _note_breakpoints(self, task: Task, at: int) -> None:
        """DR6 starts anew, and what it said is for the tracer.

        A breakpoint on an instruction must not hold it for ever: RF lets that be executed.
        """
        state = self._machine.engine.state
        status = state.debug(6) & (STATUS_HITS | STATUS_STEP)
        if task.tracing is not None:
            task.tracing.debug_status = status | STATUS_AT_RESET
        state.set_debug(6, STATUS_AT_RESET)
        if not self._kernel.sets_breakpoints:
            return
        points = enabled(state.debug(7), [state.debug(number) for number in range(4)])
        if any(status >> point.slot & 1 and point.kind == EXECUTE for point in points):
            self._machine.physical.words[at + _RFLAGS_AT >> 3] |= flags.RF

    def _page_fault(self, task: Task, regs: tuple[int, ...], at: int) -> None:
        state = self._machine.engine.state
        address = state.control(2)
        if address >= layout.VSYSCALL_PAGE and self._vsyscall(task, address, regs, at):
            return
        result = task.space.fault(address, regs[_CODE])
        if result.signal == signals.SIGKILL:
            self._cause = "its memory is used up: give more by --memory"
            raise TaskEnded(0, signals.SIGKILL)
        if not result:
            self._signal(task, result.signal, result.code, result.address, vectors.PF, regs)
        elif not state.debug(7) & ENABLED:
            # RF is for breakpoints on instructions. A processor clears it behind the next one, the
            # engine later, and its PUSHF shows it.
            self._machine.physical.words[at + _RFLAGS_AT >> 3] = regs[_RFLAGS] & ~flags.RF

    def _vsyscall(self, task: Task, address: int, regs: tuple[int, ...], at: int) -> bool:
        """Does what a function of the vsyscall page would do; whether `address` is one."""
        if not self._kernel.vsyscall or regs[_CS] != layout.USER_CS:
            return False
        task.abi = X86_64
        arguments = regs[_AT["rdi"]], regs[_AT["rsi"]], regs[_AT["rdx"]]
        registers = vsyscall.emulate(task, address, regs[_CODE], regs[_AT["rsp"]], arguments)
        words = self._machine.physical.words
        for register, value in registers.items():
            words[at + entry.PT_OFFSET[register] >> 3] = value & (1 << 64) - 1
        return bool(registers)

    def _in_kernel(self, task: Task, vector: int, regs: tuple[int, ...]) -> None:
        """IRET refused what pt_regs asked for: the program's fault. All else is ours."""
        symbols = self._kernel.half.symbols
        if regs[_RIP] == symbols["native_irq_return_iret"]:
            self._bad_return(task, vector, regs)
        elif vector == vectors.DB and self._is_the_programs(regs[_RIP]):
            return
        else:
            raise KernelBug(f"ring 0 trapped: {describe(vector, regs)}")

    def _is_the_programs(self, rip: int) -> bool:
        """Whether ring 3 caused a #DB that came only here.

        MOV SS holds off the one of its own operand until the kernel is entered; as in Linux, a
        tracer's breakpoint is forgotten then.
        """
        if not self._kernel.sets_breakpoints:
            return self._is_step_of_sysenter(rip)
        self._machine.engine.state.set_debug(6, STATUS_AT_RESET)
        return True

    def _is_step_of_sysenter(self, rip: int) -> bool:
        """Whether a program steps itself through SYSENTER, which keeps TF, into the entry code.

        That code saves TF in pt_regs and then clears it, so ring 3 is stepped on afterwards.
        """
        symbols = self._kernel.half.symbols
        if not symbols["entry_SYSENTER_compat"] <= rip < symbols["sysenter_return_via_sysexit"]:
            return False
        state = self._machine.engine.state
        state.set_debug(6, state.debug(6) & ~STATUS_STEP)
        return not state.debug(6) & STATUS_HITS

    def _bad_return(self, task: Task, vector: int, regs: tuple[int, ...]) -> None:
        """The program gets a signal as if ring 3 had faulted where IRET would have gone.

        Its registers are restored already, and IRET's frame stands where pt_regs ends.
        """
        frame = self._kernel.half.tables.read(regs[_AT["rsp"]], _IRET_FRAME)
        at = task.cpu.frame_at
        view = self._machine.physical.view
        view[at : at + _REGS.size - _IRET_FRAME] = _REGS.pack(*regs)[:-_IRET_FRAME]
        view[at + _REGS.size - _IRET_FRAME : at + _REGS.size] = frame
        self._kernel.tasks.contexts.enter_again(task.cpu)
        code = regs[_CODE] & _LOW
        if frame[_IRET_SS_AT] & descriptors.TABLE_INDICATOR:
            vector, code = vectors.GP, 0  # what it was is lost: a double fault took its place
        self._faulted(task, vector, code)
        outcome = OUTCOMES[vector]
        self._send(task, outcome.signal, outcome.code, 0, describe(vector, regs))

    @staticmethod
    def _faulted(task: Task, vector: int, error_code: int, address: int = 0) -> None:
        """Notes it for signal frames; CR2 stays what it was unless this is a page fault."""
        cr2 = address if vector == vectors.PF else task.last_fault.cr2
        task.last_fault = LastFault(vector, error_code, cr2)

    def _signal(
        self, task: Task, signal: int, code: int, address: int, vector: int, regs: tuple[int, ...]
    ) -> None:
        """A signal that an instruction of ring 3 caused."""
        cause = describe(vector, regs)
        if vector == vectors.PF:
            cause += f", address {address:#x}"
        error_code = regs[_CODE] if vectors.TABLE[vector].has_error_code else 0
        if vector == vectors.PF and address >= layout.USER_64.task_size:
            error_code |= paging.PF_PRESENT  # nobody learns what the kernel has mapped
        kills = not task.has_handler(signal) and task.tracing is None
        self._faulted(task, vector, error_code, address)
        self._send(task, signal, code, address, cause)
        if kills:
            self._why = self._explain(vector, regs)

    def _send(self, task: Task, signal: int, code: int, address: int, cause: str) -> None:
        self._cause, self._why = "" if task.has_handler(signal) else cause, None
        self.last = Raised(signal, code, address)
        force(task, SigInfo(signal, code, address=address))
        self._kernel.signals_may_arrive()

    def _explain(self, vector: int, regs: tuple[int, ...]) -> Cause:
        """Why the instruction of ring 3 that pt_regs tells of did not run."""
        from emu.watch.why import Fault, explain  # only a program that dies needs Capstone

        state = self._machine.engine.state
        code = regs[_CODE] & _LOW if vectors.TABLE[vector].has_error_code else None
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
        refusals = self._machine.processor.accounts.refusals
        return explain(fault, self._machine.physical, state.control(3), refusals)


def describe(vector: int, regs: tuple[int, ...]) -> str:
    """An exception in one line: vector, error code in words, and where."""
    text = f"{vectors.mnemonic(vector)} ({vectors.TABLE[vector].name}) at {regs[_RIP]:#x}"
    if vector == vectors.PF:
        return f"{text}: {error_codes.describe_page_fault(regs[_CODE])}"
    if vectors.TABLE[vector].has_error_code:
        return f"{text}, error code {regs[_CODE] & _LOW:#x}"
    return text
