"""The processor: what the engine reports becomes crossings, counted and told to whoever watches.

It joins engine, delivery, counter and kernel, and knows no more of each than its interface. Ring,
stack and flags after each step are those of the manual; see traps.py and fast.py.
SDM 3A, "Interrupt and Exception Handling"; SDM 2D, "VMCALL" (how ring-0 code hands over).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from emu.cpu import fast, ports
from emu.cpu import state as at
from emu.cpu.accounts import Accounts, Ledger
from emu.cpu.callbacks import FLAGS, NEVER_MAPPED, PATH, PATH_PYTHON
from emu.cpu.counters import KERNEL, USER, Counter
from emu.cpu.engine import Engine
from emu.cpu.errata import Errata, Fault
from emu.cpu.stepper import Stepper
from emu.cpu.supervisor import Supervisor
from emu.cpu.traps import Delivery, Event
from emu.cpu.turn import Emulate, Raise, Refetch, Verdict, Watch
from emu.hooks import Kernel, Watcher
from emu.memory import walk
from emu.x86 import crossings, vectors
from emu.x86.instructions import Decode
from emu.x86.paging import PF_FETCH
from emu.x86.registers import RAX, RDI, RSP
from emu.x86.vendors import Vendor

if TYPE_CHECKING:
    from emu.cpu.debug import DebugRegisters

VMCALL: Final = bytes.fromhex("0f01c1")
_VMCALL_LENGTH: Final = len(VMCALL)

_RIP: Final = at.RIP >> 3
_HIDDEN: Final = at.HIDDEN_FLAGS >> 2


class Processor:
    """One CPU. Without a kernel the first entry into ring 0 stops it."""

    def __init__(
        self,
        engine: Engine,
        counter: Counter,
        vendor: Vendor,
        ledger: Ledger,
        decode: Decode,
        watchers: Sequence[Watcher] = (),
        supervise_kernel: bool = False,
    ) -> None:
        self.engine = engine
        self.state = engine.state
        self.counter = counter
        self.vendor = vendor
        self.accounts = Accounts(ledger, watchers, engine.cells, counter.totals)
        self._kernel: Kernel | None = None
        self._delivery = Delivery(engine.physical, engine.state)
        self._errata = Errata(engine.physical, engine.state, decode)
        self._cells = engine.cells
        self.last_cr2 = 0  # of the last page fault that was one
        self._debug: DebugRegisters | None = None
        self._fast_length = 0  # of the last SYSCALL or SYSENTER
        self._stepper = Stepper(engine)
        self.rflags = 0  # of the program, when the last crossing began
        self._supervisor = Supervisor(engine, vendor, decode, supervise_kernel)
        if engine.can_leave:
            counter.examine = self._supervisor.examine
        self._words, self._dwords = engine.state.words, engine.state.dwords
        self._ram = engine.physical.mapping
        self._handovers: dict[int, int] = {}  # where VMCALL was seen at CPL 0: RIP, physical
        engine.hook_interrupts(self._interrupted)
        engine.hook_invalid(self._invalid)
        engine.hook_syscall(self._syscall, counter.kernel_at)
        engine.hook_sysenter(self._sysenter)
        engine.hook_ports()

    def attach(self, kernel: Kernel) -> None:
        """From now on `kernel` answers handovers. SYSCALL is native if nobody watches it."""
        self._kernel = kernel
        if not self.accounts.watchers:
            self._cells[PATH] = 0

    def interrupt(self, vector: int, error_code: int | None = None) -> None:
        """Delivers `vector` as an event from outside, before the next instruction.

        Only between two runs. Raises Shutdown as a delivery does.
        """
        state = self.state
        self._cells[FLAGS] = self.engine.flags()
        state.load()
        rip = state.rip
        self.counter.abort(rip)
        self._deliver(Event(vector, error_code, rip, software=False), rip)
        state.store()

    def watch(self, watcher: Watcher) -> None:
        """From now on `watcher` is told too, and SYSCALL comes to Python."""
        self.accounts.settle()
        self.accounts.watchers.append(watcher)
        self._cells[PATH] = PATH_PYTHON

    def pause(self) -> None:
        """The engine stopped between two instructions: what is half done here never was.

        The state block must be loaded; it is stored if it changes.
        """
        if self._stepper.is_stepping:
            self._stepper.end()
            self.state.store()

    def retract_handover(self) -> None:
        """The kernel did not answer the last handover: VMCALL comes once more."""
        self.state.rip = self.state.rip - _VMCALL_LENGTH & (1 << 64) - 1
        self.state.store()
        self.counter.adjust(KERNEL, -1)

    @property
    def debug(self) -> DebugRegisters:
        """The debug registers, to set breakpoints. Raises EngineError without native code."""
        from emu.cpu.debug import DebugRegisters

        if self._debug is None:
            self._debug = DebugRegisters(self.engine)
        return self._debug

    # ---- through the IDT; in every callback the state is loaded, and stored afterwards

    def _interrupted(self, vector: int) -> None:
        """An exception or `int n`, between two blocks: RIP and error code are in the state."""
        state = self.state
        rip = state.rip
        if rip == self._supervisor.reached and self._supervisor.is_at_fault(vector):
            self._cells[FLAGS] = self._supervisor.flags
        if state.is_int:
            self._software_interrupt(vector, rip)
        elif vector == vectors.PF:
            self._page_fault(rip)
        elif vector == vectors.DB and self._stepper.is_stepping:
            self._stepper.stepped()
        else:
            if vector == vectors.DB and self._stepper.is_breakpoint(self.counter.block):
                self.counter.abort(rip)
            error_code = state.error_code if vectors.TABLE[vector].has_error_code else None
            self._exception(Fault(vector, error_code, rip, self._words[RSP]))

    def _software_interrupt(self, vector: int, next_rip: int) -> None:
        """INT n, INT3 or INTO. With prefixes it begins before its opcode; only a refusal asks."""
        counter, block = self.counter, self.counter.block
        counter.abort(next_rip)  # INTO does not end its block
        opcode = next_rip - self._errata.int_length(vector, next_rip)
        event = Event(vector, None, next_rip, software=True)
        self._deliver(event, opcode, lambda: self._errata.start_of(next_rip, block, opcode))

    def _exception(self, reported: Fault) -> None:
        """An exception as the engine reports it, delivered as the processor raises it."""
        fault = self._errata.correct(reported, self.counter.block)
        if vectors.TABLE[fault.vector].kind == vectors.FAULT:
            self.counter.abort(fault.rip)
        if fault.vector != vectors.PF == reported.vector:
            self.state.set_cr2(self.last_cr2)
        self._raise(fault)

    def _raise(self, fault: Fault) -> None:
        """Delivers `fault`; what did not run is not counted any more."""
        if self._debug is not None and fault.vector != vectors.DB:
            self._debug.forget()
        if fault.vector == vectors.PF:
            self.last_cr2 = self.state.control(2)
        self._words[_RIP], self._words[RSP] = fault.rip, fault.rsp
        event = Event(fault.vector, fault.error_code, fault.rip, software=False)
        self._deliver(event, fault.rip)

    def _page_fault(self, rip: int) -> None:
        """#PF, or what the engine reports as one."""
        state = self.state
        if self._has_left(rip):
            state.set_cr2(self.last_cr2)
            verdict = self._supervisor.take()
            if verdict is None:
                self.counter.abort(rip)
                self._use_port(rip)
            else:
                self._carry_out(verdict, rip)
            return
        if self._debug is not None and self._debug.has_left(state, rip):
            self._breakpoint(self._debug, rip)
            return
        if not state.error_code & PF_FETCH:
            self._exception(Fault(vectors.PF, state.error_code, rip, self._words[RSP]))
        elif self._stepper.is_early(state.control(2)):
            state.set_cr2(self.last_cr2)
            self._stepper.start()
        else:
            self.last_cr2 = state.control(2)
            self._deliver(Event(vectors.PF, state.error_code, rip, software=False), rip)

    def _breakpoint(self, debug: DebugRegisters, rip: int) -> None:
        """The #DB of a data breakpoint behind its instruction, or of one on the instruction."""
        state = self.state
        state.set_cr2(self.last_cr2)
        self.counter.abort(rip)
        hits = debug.take()
        state.forget_exception()
        if hits is not None:
            state.set_debug(6, state.debug(6) | hits)
            self._deliver(Event(vectors.DB, None, rip, software=False), rip)

    def _has_left(self, rip: int) -> bool:
        """Whether this page fault is a hook that left its block: it fetched from elsewhere."""
        state = self.state
        return state.control(2) == NEVER_MAPPED != rip and state.error_code & PF_FETCH != 0

    def _carry_out(self, verdict: Verdict | Refetch, rip: int) -> None:
        """What is to become of the sensitive instruction at `rip`, or of the block there."""
        state = self.state
        if isinstance(verdict, Refetch):  # the block was not entered: nothing to take back
            self._supervisor.refetch(verdict.addresses)
            state.forget_exception()
            return
        self.counter.abort(rip)
        if isinstance(verdict, Raise):
            if verdict.edit is not None:
                verdict.edit(state)
            if verdict.address is not None:
                state.set_cr2(verdict.address)
            self._raise(Fault(verdict.vector, verdict.error_code, rip, self._words[RSP]))
            return
        if isinstance(verdict, Watch):
            self._supervisor.watch(verdict.mode)
        elif isinstance(verdict, Emulate):
            self.counter.adjust(USER if state.cpl == 3 else KERNEL, 1)
            verdict.perform(state)
            if verdict.changes_breakpoints:
                self.debug.refresh()
        state.forget_exception()

    def _use_port(self, rip: int) -> None:
        """A port instruction: #GP(0) where the ring may not use the port."""
        state, ram = self.state, self.engine.physical
        what = ports.decode(ram, state)
        if ports.is_allowed(ram, state, self._rflags(), what):
            self.counter.adjust(USER if state.cpl == 3 else KERNEL, 1)
            ports.perform(state, what)
            state.forget_exception()
        else:
            self._deliver(Event(vectors.GP, 0, rip, software=False), rip)

    def _invalid(self) -> bool:
        """#UD, or VMCALL in ring 0: the entry code hands over."""
        words = self._words
        rip = words[_RIP]
        if not self._dwords[_HIDDEN] & at.HIDDEN_CPL and self._is_handover(rip):
            words[_RIP] = rip + _VMCALL_LENGTH
            if self._stepper.is_stepping:
                self._stepper.end()
            self.accounts.handed_over()
            self._kernel.handed_over(words[RAX], words[RDI])  # type: ignore[union-attr]  # _is_handover asked
            return True
        if self.state.is_int:  # INT 6: the engine takes its vector for an invalid opcode
            self._deliver(Event(vectors.UD, None, self.state.next_rip, software=True), rip)
            return True
        self.counter.abort(rip)
        if length := self._errata.int1_length(rip):
            self.counter.adjust(USER if self.state.cpl == 3 else KERNEL, 1)
            if self._debug is not None:
                self.state.set_debug(6, self.state.debug(6) | self._debug.join())
            self._deliver(Event(vectors.DB, None, rip + length, software=False), rip)
        else:
            self._deliver(Event(vectors.UD, None, rip, software=False), rip)
        return True

    def _is_handover(self, rip: int) -> bool:
        """Whether VMCALL stands at `rip`, for a kernel to answer."""
        where = self._handovers.get(rip)
        if where is not None and self._ram[where : where + _VMCALL_LENGTH] == VMCALL:
            return True
        if self._kernel is None:
            return False
        ram, cr3 = self.engine.physical, self.state.control(3)
        if walk.read(ram, cr3, rip, _VMCALL_LENGTH) != VMCALL:
            return False
        self._handovers[rip] = walk.physical_address(ram, cr3, rip)
        return True

    def _deliver(self, event: Event, rip: int, caused_at: Callable[[], int] | None = None) -> None:
        """Delivers `event`, caused by the instruction at `rip`, and tells who must know."""
        state = self.state
        cpl, long = state.cpl, state.in_64bit_mode
        delivered: Event | None = None
        try:
            delivered = self._delivery.deliver(
                event, self._rflags(), caused_at or (lambda: rip), self.accounts.refused
            )
        finally:
            if event.software and delivered is not event:
                self.counter.adjust(USER if cpl == 3 else KERNEL, -1)
        mechanism = delivered.mechanism
        self._entered(mechanism, delivered.vector, delivered.error_code, cpl, long, rip)

    # ---- by MSRs, inside the instruction's block: the engine adds its length to RIP afterwards

    def _syscall(self) -> None:
        hidden, rip = self._dwords[_HIDDEN], self._words[_RIP]
        length, exists = fast.encoding_at(self.engine.physical, self.state)
        self._fast_length = length
        if not exists or not fast.syscall(self.state, self._rflags(), self.vendor, length):
            self._fault_inside(Event(vectors.UD, None, rip, software=False))
            return
        cpl, long = hidden & at.HIDDEN_CPL, hidden & at.HIDDEN_CS64
        self._entered(crossings.SYSCALL, None, None, cpl, long != 0, rip)

    def _sysenter(self) -> None:
        hidden, rip = self._dwords[_HIDDEN], self._words[_RIP]
        length, exists = fast.encoding_at(self.engine.physical, self.state)
        self._fast_length = length
        if not exists or not self.vendor.long_mode_sysenter:
            self._fault_inside(Event(vectors.UD, None, rip, software=False))
        elif not fast.sysenter(self.state, self._rflags(), length):
            self._fault_inside(Event(vectors.GP, 0, rip, software=False))
        else:
            cpl, long = hidden & at.HIDDEN_CPL, hidden & at.HIDDEN_CS64
            self._entered(crossings.SYSENTER, None, None, cpl, long != 0, rip)

    def _fault_inside(self, event: Event) -> None:
        """A fault of SYSCALL or SYSENTER itself."""
        self.counter.adjust(USER if self.state.cpl == 3 else KERNEL, -1)
        self._deliver(event, event.return_rip)
        self.state.rip = self.state.rip - self._fast_length & (1 << 64) - 1

    def _rflags(self) -> int:
        """RFLAGS at this hook, as the program sees them."""
        self.rflags = self._stepper.end() if self._stepper.is_stepping else self._cells[FLAGS]
        return self.rflags

    # ---- who must know

    def _entered(
        self, mechanism: str, vector: int | None, code: int | None, cpl: int, long: bool, rip: int
    ) -> None:
        # behind SYSCALL and SYSENTER the engine has yet to add the length
        entry = self.state.rip + (self._fast_length if vector is None else 0)
        self.accounts.entered(mechanism, vector, code, cpl, long, rip, entry)
        if self._kernel is None:
            self.engine.stop()
