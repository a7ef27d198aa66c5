"""The processor: what the engine reports becomes crossings, counted and told to whoever watches.

It joins engine, delivery, counter and kernel, and knows no more of each than its interface. Ring,
stack and flags after each step are those of the manual; see traps.py and fast.py.
SDM 3A, "Interrupt and Exception Handling"; SDM 2D, "VMCALL" (how ring-0 code hands over).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from emu.cpu import fast
from emu.cpu.counters import KERNEL, USER, Counter
from emu.cpu.engine import Engine
from emu.cpu.traps import Delivery, Event
from emu.events import Entered, Refused
from emu.hooks import Kernel, Watcher
from emu.memory import walk
from emu.x86 import crossings, vectors
from emu.x86.registers import RAX, RDI
from emu.x86.vendors import Vendor

VMCALL: Final = bytes.fromhex("0f01c1")
LONG, COMPAT = "x86_64", "i386"

_MECHANISM_WITHOUT_ABI: Final = (crossings.INT80, crossings.SYSENTER)


class Accounts(Protocol):
    """The ledger as the processor tells it (emu/watch/ledger.py)."""

    def entered(self, mechanism: str, abi: str, kernel_total: int) -> None: ...
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
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self.engine = engine
        self.state = engine.state
        self.counter = counter
        self.vendor = vendor
        self.ledger = ledger
        self.watchers = watchers
        self.kernel: Kernel | None = None
        self.refusals: list[Refused] = []
        self._delivery = Delivery(engine.physical, engine.state)
        self._handovers: set[int] = set()  # addresses where VMCALL was seen at CPL 0
        engine.hook_interrupts(self._interrupted)
        engine.hook_invalid(self._invalid)
        engine.hook_syscall(self._syscall)
        engine.hook_sysenter(self._sysenter)

    # ---- through the IDT

    def _interrupted(self, vector: int) -> None:
        """An exception or `int n`, between two blocks: RIP and error code are in the state."""
        rflags = self.engine.flags()
        state = self.state
        state.load()
        rip = state.rip
        if state.is_int:
            self._software_interrupt(vector, rip, rflags)
            return
        row = vectors.TABLE[vector]
        if row.kind == vectors.FAULT:
            self.counter.abort(rip)
            state.load()
        error_code = state.error_code if row.has_error_code else None
        self._deliver(Event(vector, error_code, rip, software=False), rflags, rip)

    def _software_interrupt(self, vector: int, next_rip: int, rflags: int) -> None:
        self.counter.abort(next_rip)  # INTO does not end its block
        self.state.load()
        event = Event(vector, None, next_rip, software=True)
        start = next_rip - self._int_length(vector, next_rip)
        self._deliver(event, rflags, start)

    def _int_length(self, vector: int, next_rip: int) -> int:
        """The length of the `int` that ends before `next_rip`: INT n is two bytes, others one."""
        code = walk.read(self.engine.physical, self.state.control(3), next_rip - 2, 2)
        return 2 if code == bytes((0xCD, vector)) else 1

    def _invalid(self) -> bool:
        """#UD, or VMCALL in ring 0: the entry code hands over."""
        state = self.state
        state.load()
        rip = state.rip
        if state.cpl == 0 and self._is_handover(rip):
            state.rip = rip + len(VMCALL)
            call, argument = state.words[RAX], state.words[RDI]
            state.forget_exception()
            state.store()
            self.ledger.handed_over(self.counter.kernel)
            assert self.kernel is not None
            self.kernel.handed_over(call, argument)
            return True
        rflags = self.engine.flags()
        self.counter.abort(rip)
        state.load()
        self._deliver(Event(vectors.UD, None, rip, software=False), rflags, rip)
        return True

    def _is_handover(self, rip: int) -> bool:
        if rip in self._handovers:
            return True
        if self.kernel is None:
            return False
        code = walk.read(self.engine.physical, self.state.control(3), rip, len(VMCALL))
        if code != VMCALL:
            return False
        self._handovers.add(rip)
        return True

    def _deliver(self, event: Event, rflags: int, rip: int) -> None:
        """Delivers `event`, caused by the instruction at `rip`, and tells who must know."""
        state = self.state
        cpl, long = state.cpl, state.in_64bit_mode
        delivered = self._delivery.deliver(event, rflags, rip, self._refused)
        if event.software and delivered is not event:
            self.counter.retract(USER if cpl == 3 else KERNEL)
        state.store()
        mechanism = _mechanism(delivered)
        self._entered(mechanism, delivered.vector, delivered.error_code, cpl, long, rip)

    def _refused(self, refusal: Refused) -> None:
        self.refusals.append(refusal)
        for watcher in self.watchers:
            watcher.refused(refusal)

    # ---- by MSRs

    def _syscall(self) -> None:
        """SYSCALL, inside its block; the engine adds its length to RIP afterwards."""
        rflags = self.engine.flags()
        state = self.state
        state.load()
        cpl, long, rip = state.cpl, state.in_64bit_mode, state.rip
        if not fast.syscall(state, rflags, self.vendor):
            self._fault_inside(Event(vectors.UD, None, rip, software=False), rflags)
            return
        state.store()
        self._entered(crossings.SYSCALL, None, None, cpl, long, rip)

    def _sysenter(self) -> None:
        """SYSENTER, inside its block; the engine adds its length to RIP afterwards."""
        rflags = self.engine.flags()
        state = self.state
        state.load()
        cpl, long, rip = state.cpl, state.in_64bit_mode, state.rip
        if not self.vendor.long_mode_sysenter:
            self._fault_inside(Event(vectors.UD, None, rip, software=False), rflags)
        elif not fast.sysenter(state, rflags):
            self._fault_inside(Event(vectors.GP, 0, rip, software=False), rflags)
        else:
            state.store()
            self._entered(crossings.SYSENTER, None, None, cpl, long, rip)

    def _fault_inside(self, event: Event, rflags: int) -> None:
        """A fault of SYSCALL or SYSENTER itself: RIP must be short by their length."""
        state = self.state
        cpl, long = state.cpl, state.in_64bit_mode
        self.counter.retract(USER if cpl == 3 else KERNEL)
        delivered = self._delivery.deliver(event, rflags, event.return_rip, self._refused)
        state.rip -= fast.LENGTH
        state.store()
        self._entered(
            _mechanism(delivered),
            delivered.vector,
            delivered.error_code,
            cpl,
            long,
            event.return_rip,
        )

    # ---- who must know

    def _entered(
        self, mechanism: str, vector: int | None, code: int | None, cpl: int, long: bool, rip: int
    ) -> None:
        if cpl:
            abi = LONG if long and mechanism not in _MECHANISM_WITHOUT_ABI else COMPAT
            self.ledger.entered(mechanism, abi, self.counter.kernel)
        else:
            self.ledger.trapped_in_kernel()
        if self.watchers:
            event = Entered(mechanism, vector, code, cpl, long, rip, self.state.rip)
            for watcher in self.watchers:
                watcher.entered(event)
        if self.kernel is None:
            self.engine.stop()


def _mechanism(event: Event) -> str:
    """The ledger's name for what was delivered through a gate."""
    if event.software and event.vector == crossings.INT80_VECTOR:
        return crossings.INT80
    if event.vector < vectors.EXCEPTIONS:
        return crossings.FAULT
    return crossings.INTERRUPT
