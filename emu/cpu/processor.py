"""The processor: what the engine reports becomes crossings, counted and told to whoever watches.

It joins engine, delivery, counter and kernel, and knows no more of each than its interface. Ring,
stack and flags after each step are those of the manual; see traps.py and fast.py.
SDM 3A, "Interrupt and Exception Handling"; SDM 2D, "VMCALL" (how ring-0 code hands over).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from emu.cpu import fast, ports
from emu.cpu import state as at
from emu.cpu.callbacks import FLAGS, KERNEL_AT_ENTRY, NEVER_MAPPED, PATH, PATH_TAKEN
from emu.cpu.counters import KERNEL, USER, Counter
from emu.cpu.engine import Engine
from emu.cpu.errata import Errata, Fault
from emu.cpu.stepper import Stepper
from emu.cpu.supervisor import Supervisor
from emu.cpu.traps import Delivery, Event
from emu.cpu.turn import Emulate, Raise, Refetch, Verdict, Watch
from emu.events import Entered, Refused
from emu.hooks import Kernel, Watcher
from emu.memory import walk
from emu.x86 import crossings, vectors
from emu.x86.instructions import LONGEST, Decode
from emu.x86.paging import PF_FETCH
from emu.x86.registers import RAX, RDI, RSP
from emu.x86.vendors import Vendor

VMCALL: Final = bytes.fromhex("0f01c1")
_ONE_BYTE: Final = {vectors.BP: b"\xcc", vectors.OF: b"\xce"}  # INT3, INTO
_REFUSALS_KEPT: Final = 64
_VMCALL_LENGTH: Final = len(VMCALL)
_NATIVE: Final = (crossings.SYSCALL, True)

_RIP: Final = at.RIP >> 3
_HIDDEN: Final = at.HIDDEN_FLAGS >> 2


class Accounts(Protocol):
    """The ledger as the processor tells it (emu/watch/ledger.py)."""

    def line(self, mechanism: str, abi: str) -> Any: ...
    def entered(self, line: Any, kernel_total: int) -> None: ...
    def handed_over(self, kernel_total: int) -> None: ...
    def trapped_in_kernel(self) -> None: ...


class Processor:
    """One CPU. Without a kernel the first entry into ring 0 stops it."""

    def __init__(
        self,
        engine: Engine,
        counter: Counter,
        vendor: Vendor,
        ledger: Accounts,
        decode: Decode,
        watchers: Sequence[Watcher] = (),
        supervise_kernel: bool = False,
    ) -> None:
        self.engine = engine
        self.state = engine.state
        self.counter = counter
        self.vendor = vendor
        self.ledger = ledger
        self.watchers = watchers
        self._kernel: Kernel | None = None
        self.refusals: deque[Refused] = deque(maxlen=_REFUSALS_KEPT)
        self._delivery = Delivery(engine.physical, engine.state)
        self._errata = Errata(engine.physical, engine.state, decode)
        self._lines: dict[tuple[str, bool], Any] = {}  # of the ledger, by mechanism and CS.L
        self._totals = counter.totals
        self._cells = engine.cells
        self._last_cr2 = 0
        self._fast_length = 0  # of the last SYSCALL or SYSENTER
        self._stepper = Stepper(engine)
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
        if not self.watchers:
            self._cells[PATH] = 0

    def settle(self) -> None:
        """Tells the ledger of the SYSCALL that native code did since the last callback."""
        cells = self._cells
        if cells[PATH] == PATH_TAKEN:
            cells[PATH] = 0
            line = self._lines.get(_NATIVE) or self._line(*_NATIVE)
            self.ledger.entered(line, cells[KERNEL_AT_ENTRY])

    # ---- through the IDT; in every callback the state is loaded, and stored afterwards

    def _interrupted(self, vector: int) -> None:
        """An exception or `int n`, between two blocks: RIP and error code are in the state."""
        state = self.state
        rip = state.rip
        is_fetch = vector == vectors.PF and state.error_code & PF_FETCH
        if rip == self._supervisor.reached and not is_fetch:
            self._cells[FLAGS] = self._supervisor.flags
        if state.is_int:
            self._software_interrupt(vector, rip)
        elif vector == vectors.PF:
            self._page_fault(rip)
        elif vector == vectors.DB and self._stepper.is_stepping:
            self._stepper.stepped()
        else:
            error_code = state.error_code if vectors.TABLE[vector].has_error_code else None
            self._exception(Fault(vector, error_code, rip, self._words[RSP]))

    def _software_interrupt(self, vector: int, next_rip: int) -> None:
        """INT n, INT3 or INTO. With prefixes it begins before its opcode; only a refusal asks."""
        counter, block = self.counter, self.counter.block
        counter.abort(next_rip)  # INTO does not end its block
        opcode = next_rip - self._int_length(vector, next_rip)
        event = Event(vector, None, next_rip, software=True)
        self._deliver(event, opcode, lambda: self._errata.start_of(next_rip, block, opcode))

    def _exception(self, reported: Fault) -> None:
        """An exception as the engine reports it, delivered as the processor raises it."""
        fault = self._errata.correct(reported, self.counter.block)
        if fault.vector != vectors.PF == reported.vector:
            self.state.set_cr2(self._last_cr2)
        self._raise(fault)

    def _raise(self, fault: Fault) -> None:
        if vectors.TABLE[fault.vector].kind == vectors.FAULT:
            self.counter.abort(fault.rip)
        if fault.vector == vectors.PF:
            self._last_cr2 = self.state.control(2)
        self._words[_RIP], self._words[RSP] = fault.rip, fault.rsp
        event = Event(fault.vector, fault.error_code, fault.rip, software=False)
        self._deliver(event, fault.rip)

    def _page_fault(self, rip: int) -> None:
        """#PF, or what the engine reports as one."""
        state = self.state
        if self._has_left(rip):
            state.set_cr2(self._last_cr2)
            verdict = self._supervisor.take()
            if verdict is None:
                self.counter.abort(rip)
                self._use_port(rip)
            else:
                self._carry_out(verdict, rip)
            return
        if not state.error_code & PF_FETCH:
            self._exception(Fault(vectors.PF, state.error_code, rip, self._words[RSP]))
        elif self._stepper.is_early(state.control(2)):
            state.set_cr2(self._last_cr2)
            self._stepper.start()
        else:
            self._last_cr2 = state.control(2)
            self._deliver(Event(vectors.PF, state.error_code, rip, software=False), rip)

    def _has_left(self, rip: int) -> bool:
        """Whether this page fault is a hook that left its block: it fetched from elsewhere."""
        state = self.state
        return state.control(2) == NEVER_MAPPED != rip and state.error_code & PF_FETCH != 0

    def _carry_out(self, verdict: Verdict | Refetch, rip: int) -> None:
        """What is to become of the sensitive instruction at `rip`, or of the block there."""
        state = self.state
        if isinstance(verdict, Refetch):  # the block was not entered: nothing to take back
            self._supervisor.refetch(verdict.addresses)
        elif isinstance(verdict, Raise):
            if verdict.edit is not None:
                verdict.edit(state)
            if verdict.address is not None:
                state.set_cr2(verdict.address)
            self._raise(Fault(verdict.vector, verdict.error_code, rip, self._words[RSP]))
            return
        elif isinstance(verdict, Watch):
            self.counter.abort(rip)
            self._supervisor.watch(verdict.mode)
        elif isinstance(verdict, Emulate):
            self.counter.abort(rip)
            self.counter.adjust(USER if state.cpl == 3 else KERNEL, 1)
            verdict.perform(state)
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

    def _int_length(self, vector: int, next_rip: int) -> int:
        """The length of the `int` that ends before `next_rip`: INT n is two bytes, others one."""
        short = _ONE_BYTE.get(vector)
        if short is None:
            return 2
        code = walk.read(self.engine.physical, self.state.control(3), next_rip - 1, 1)
        return 1 if code == short else 2

    def _invalid(self) -> bool:
        """#UD, or VMCALL in ring 0: the entry code hands over."""
        words = self._words
        rip = words[_RIP]
        if not self._dwords[_HIDDEN] & at.HIDDEN_CPL and self._is_handover(rip):
            words[_RIP] = rip + _VMCALL_LENGTH
            if self._stepper.is_stepping:
                self._stepper.end()
            self.settle()
            self.ledger.handed_over(self._totals[KERNEL])
            self._kernel.handed_over(words[RAX], words[RDI])  # type: ignore[union-attr]  # _is_handover asked
            return True
        if self.state.is_int:  # INT 6: the engine takes its vector for an invalid opcode
            self._deliver(Event(vectors.UD, None, self.state.next_rip, software=True), rip)
            return True
        self.counter.abort(rip)
        if length := self._errata.int1_length(rip):
            self.counter.adjust(USER if self.state.cpl == 3 else KERNEL, 1)
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
                event, self._rflags(), caused_at or (lambda: rip), self._refused
            )
        finally:
            if event.software and delivered is not event:
                self.counter.adjust(USER if cpl == 3 else KERNEL, -1)
        mechanism = delivered.mechanism
        self._entered(mechanism, delivered.vector, delivered.error_code, cpl, long, rip)

    def _refused(self, refusal: Refused) -> None:
        self.refusals.append(refusal)
        for watcher in self.watchers:
            watcher.refused(refusal)

    # ---- by MSRs, inside the instruction's block: the engine adds its length to RIP afterwards

    def _syscall(self) -> None:
        hidden, rip = self._dwords[_HIDDEN], self._words[_RIP]
        length = self._fast_length = self._length(rip, hidden)
        if not fast.syscall(self.state, self._rflags(), self.vendor, length):
            self._fault_inside(Event(vectors.UD, None, rip, software=False))
            return
        cpl, long = hidden & at.HIDDEN_CPL, hidden & at.HIDDEN_CS64
        self._entered(crossings.SYSCALL, None, None, cpl, long != 0, rip)

    def _sysenter(self) -> None:
        hidden, rip = self._dwords[_HIDDEN], self._words[_RIP]
        length = self._fast_length = self._length(rip, hidden)
        if not self.vendor.long_mode_sysenter:
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

    def _length(self, rip: int, hidden: int) -> int:
        """The length of the SYSCALL or SYSENTER at `rip`: prefixes count."""
        code = walk.read_part(self.engine.physical, self.state.control(3), rip, LONGEST)
        return fast.length_of(code, bool(hidden & at.HIDDEN_CS64))

    def _rflags(self) -> int:
        """RFLAGS at this hook, as the program sees them."""
        if self._stepper.is_stepping:
            return self._stepper.end()
        return self._cells[FLAGS]

    # ---- who must know

    def _entered(
        self, mechanism: str, vector: int | None, code: int | None, cpl: int, long: bool, rip: int
    ) -> None:
        self.settle()
        if cpl:
            line = self._lines.get((mechanism, long)) or self._line(mechanism, long)
            self.ledger.entered(line, self._totals[KERNEL])
        else:
            self.ledger.trapped_in_kernel()
        if self.watchers:
            fast_entry = self._fast_length if vector is None else 0  # the engine has yet to add it
            entry = self.state.rip + fast_entry
            event = Entered(mechanism, vector, code, cpl, long, rip, entry)
            for watcher in self.watchers:
                watcher.entered(event)
        if self._kernel is None:
            self.engine.stop()

    def _line(self, mechanism: str, long: bool) -> Any:
        is_long = long and mechanism not in crossings.CALLS_OF_32_BIT_CODE
        abi = crossings.ABI_OF_64_BIT_CODE if is_long else crossings.ABI_OF_32_BIT_CODE
        line = self._lines[mechanism, long] = self.ledger.line(mechanism, abi)
        return line
