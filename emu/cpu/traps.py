"""Delivery of interrupts and exceptions through the guest's IDT, as the manual lists the steps.

`deliver` edits the CPU state; it knows no kernel and counts nothing. A check that fails is a
`Refusal`, which becomes the next exception, a double fault, or the end of the machine.
SDM 3A, "Interrupt and Exception Handling in 64-bit Mode", "Interrupt 8: Double Fault Exception";
SDM 2A, "INT n/INTO/INT3/INT1" (the operation's pseudocode).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Final, NamedTuple

from emu.cpu.state import CpuState, Segment
from emu.errors import Shutdown
from emu.events import Refused
from emu.memory import walk
from emu.memory.physical import PhysicalMemory
from emu.x86 import checks, crossings, descriptors, error_codes, flags, vectors
from emu.x86.checks import Check, Inputs
from emu.x86.gates import GATE_SIZE, Gate
from emu.x86.gates import decode as decode_gate
from emu.x86.paging import PAGE_SIZE, is_canonical, page_base
from emu.x86.registers import CR4_SMAP, CS, GDTR, IDTR, LDTR, RSP, SS, TR

_FRAME: Final = Struct(f"<{len(crossings.FRAME)}Q")
_FRAME_WITH_CODE: Final = Struct(f"<{1 + len(crossings.FRAME)}Q")
_MASK64: Final = (1 << 64) - 1
_NULL_SS: Final = tuple(Segment(level, 0, 0, 0) for level in range(4))


class Event(NamedTuple):
    """What is to be delivered. `software`: by `int n`, `int3` or `into`, so DPL is checked."""

    vector: int
    error_code: int | None
    return_rip: int
    software: bool

    @property
    def mechanism(self) -> str:
        """The ledger's name for what is delivered through a gate."""
        if self.software and self.vector == crossings.INT80_VECTOR:
            return crossings.INT80
        if self.vector < vectors.EXCEPTIONS:
            return crossings.FAULT
        return crossings.INTERRUPT


class Refusal(Exception):
    """A check failed: exception `vector` with `error_code` takes the event's place."""

    def __init__(
        self, vector: int, error_code: int | None, check: Check, inputs: Inputs = ()
    ) -> None:
        super().__init__(check.name)
        self.vector = vector
        self.error_code = error_code
        self.check = check
        self.inputs = inputs


class Stack(NamedTuple):
    """Where the frame goes. `switched`: SS becomes null, because the privilege level changes."""

    pointer: int
    switched: bool


class Delivery:
    """The steps of a delivery on one CPU."""

    def __init__(self, ram: PhysicalMemory, state: CpuState) -> None:
        self.translations = walk.Translations(ram)
        self.state = state

    def deliver(
        self,
        event: Event,
        rflags: int,
        caused_at: Callable[[], int],
        refused: Callable[[Refused], None],
    ) -> Event:
        """Delivers `event`, or what its refusal makes of it; returns what was delivered.

        `caused_at()` is the address of the instruction that caused the event; only a refusal asks.
        The state block must be loaded; the caller stores it.

        Raises:
            Shutdown: a double fault could not be delivered either.
        """
        causes = [event]
        self.translations.use_smap(bool(self.state.control(4) & CR4_SMAP))
        while True:
            try:
                self.enter(event, rflags)
            except Refusal as refusal:
                fault_rip = caused_at()
                refused(
                    Refused(
                        event.vector,
                        refusal.check.name,
                        refusal.inputs,
                        refusal.vector,
                        refusal.error_code,
                        refusal.check.manual,
                        fault_rip,
                    )
                )
                event = self._escalate(event, refusal, fault_rip, causes)
                causes.append(event)
            else:
                return event

    def _escalate(
        self, event: Event, refusal: Refusal, fault_rip: int, causes: list[Event]
    ) -> Event:
        """The exception that follows when delivering `event` met `refusal`."""
        first = _escalation(event)
        if first == vectors.DOUBLE_FAULT:
            self.state.forget_exception()
            names = " -> ".join(vectors.mnemonic(cause.vector) for cause in causes)
            raise Shutdown(
                f"triple fault at {fault_rip:#x}: {names} -> "
                f"{vectors.mnemonic(refusal.vector)} "
                f"({refusal.check.name}: {checks.in_words(refusal.inputs)})"
            )
        second = vectors.TABLE[refusal.vector].escalation
        if vectors.combines_to_double_fault(first, second):
            return Event(vectors.DF, 0, fault_rip, software=False)
        return Event(refusal.vector, refusal.error_code, fault_rip, software=False)

    # ---- the manual's steps

    def enter(self, event: Event, rflags: int) -> None:
        """One delivery: gate, privilege, code segment, stack, frame, flags. Raises Refusal."""
        state = self.state
        external = 0 if event.software else error_codes.EXT
        gate = self.find_gate(event, external)
        code, new_cpl = self.load_code_segment(gate.selector, external)
        stack = self.pick_stack(gate.ist, new_cpl, external)
        if not is_canonical(gate.offset):
            raise Refusal(vectors.GP, external, checks.GATE_TARGET, (("RIP", gate.offset),))
        pointer = self.push_frame(event, rflags, stack, new_cpl, external)
        state.words[RSP] = pointer
        data = _NULL_SS[new_cpl] if stack.switched else state.segment(SS)
        state.set_cs_ss(code, data, new_cpl)
        state.jump(gate.offset, rflags & ~crossings.BY_GATE_TYPE[gate.type].clears)
        state.forget_exception()

    def find_gate(self, event: Event, external: int) -> Gate:
        """The gate of the event's vector, its type, DPL and presence checked."""
        base, limit = self.state.table(IDTR)
        vector = event.vector
        offset = vector * GATE_SIZE
        number = ("vector", vector)
        if offset + GATE_SIZE - 1 > limit:
            inputs: Inputs = (number, ("limit", limit))
            raise _refuse_gate(vectors.GP, event, external, checks.GATE_LIMIT, inputs)
        low, high = self._word(base + offset), self._word(base + offset + 8)
        gate = decode_gate(high << 64 | low)
        if gate.type not in crossings.BY_GATE_TYPE:
            inputs = (number, ("type", gate.type))
            raise _refuse_gate(vectors.GP, event, external, checks.GATE_TYPE, inputs)
        if event.software and gate.dpl < self.state.cpl:
            inputs = (number, ("DPL", gate.dpl), ("CPL", self.state.cpl))
            raise _refuse_gate(vectors.GP, event, external, checks.GATE_DPL, inputs)
        if not gate.present:
            raise _refuse_gate(vectors.NP, event, external, checks.GATE_PRESENT, (number,))
        return gate

    def load_code_segment(self, selector: int, external: int) -> tuple[Segment, int]:
        """The 64-bit code segment that a gate names, and the CPL that it gives."""
        number = ("selector", selector)
        if not selector & 0xFFFC:
            raise Refusal(vectors.GP, external, checks.GATE_NULL_CODE, (number,))
        code = error_codes.selector(selector, external)
        descriptor = self._descriptor(selector, code)
        fields = descriptors.decode(descriptor)
        kind, dpl, cpl = fields.type, fields.dpl, self.state.cpl
        if not fields.s or not kind & descriptors.TYPE_CODE_BIT or dpl > cpl:
            inputs: Inputs = (number, ("type", kind), ("DPL", dpl), ("CPL", cpl))
            raise Refusal(vectors.GP, code, checks.GATE_CODE, inputs)
        if not fields.present:
            raise Refusal(vectors.NP, code, checks.CODE_PRESENT, (number,))
        if not fields.long or fields.default_big:
            inputs = (number, ("L", fields.long), ("D", fields.default_big))
            raise Refusal(vectors.GP, code, checks.CODE_LONG, inputs)
        new_cpl = cpl if kind & descriptors.TYPE_CONFORMING else dpl
        return loaded_segment(selector & ~descriptors.RPL | new_cpl, descriptor), new_cpl

    def pick_stack(self, ist: int, new_cpl: int, external: int) -> Stack:
        """The stack of the frame: IST, RSP of the new level, or the current one; aligned to 16."""
        state = self.state
        switched = new_cpl < state.cpl
        if ist:
            pointer = self._tss_word(descriptors.TSS_IST1 + 8 * (ist - 1), external)
        elif switched:
            pointer = self._tss_word(descriptors.TSS_RSP0 + 8 * new_cpl, external)
        else:
            pointer = state.words[RSP]
        if not is_canonical(pointer):
            inputs = (("IST", ist), ("RSP", pointer))
            raise Refusal(vectors.SS, external, checks.STACK_CANONICAL, inputs)
        return Stack(pointer & ~15, switched)

    def push_frame(
        self, event: Event, rflags: int, stack: Stack, new_cpl: int, external: int
    ) -> int:
        """Pushes SS, RSP, RFLAGS, CS, RIP and the error code; returns the new RSP."""
        state = self.state
        values = (  # as crossings.FRAME names them
            event.return_rip,
            state.selector(CS),
            _saved_flags(event, rflags),
            state.words[RSP],
            state.selector(SS),
        )
        if event.error_code is None:
            frame = _FRAME.pack(*values)
        else:
            frame = _FRAME_WITH_CODE.pack(event.error_code, *values)
        pointer = stack.pointer - len(frame) & _MASK64
        if not is_canonical(pointer):
            raise Refusal(vectors.SS, external, checks.STACK_CANONICAL, (("RSP", pointer),))
        try:
            if new_cpl == 3:
                walk.check_user_write(self.translations.ram, state.control(3), pointer, len(frame))
            self.translations.write(state.control(3), pointer, frame)
        except walk.WalkFault as fault:
            first = _first_push(fault.address, stack.pointer)
            raise self._page_fault(walk.WalkFault(first, fault.error_code), checks.PUSH) from None
        return pointer

    # ---- what the steps read

    def _word(self, address: int) -> int:
        try:
            return self.translations.read_word(self.state.control(3), address & _MASK64)
        except walk.WalkFault as fault:
            raise self._page_fault(fault, checks.TABLE_READ) from None

    def _page_fault(self, fault: walk.WalkFault, what: Check) -> Refusal:
        self.state.set_cr2(fault.address)
        return Refusal(vectors.PF, fault.error_code, what, (("address", fault.address),))

    def _descriptor(self, selector: int, code: int) -> int:
        base, limit = self.state.table(LDTR if selector & descriptors.TABLE_INDICATOR else GDTR)
        offset = selector & 0xFFF8
        if offset + 7 > limit:
            inputs = (("selector", selector), ("limit", limit))
            raise Refusal(vectors.GP, code, checks.TABLE_LIMIT, inputs)
        return self._word(base + offset)

    def _tss_word(self, offset: int, external: int) -> int:
        base, limit = self.state.table(TR)
        if offset + 7 > limit:
            code = error_codes.selector(self.state.selector(TR), external)
            inputs = (("offset", offset), ("limit", limit))
            raise Refusal(vectors.TS, code, checks.TSS_LIMIT, inputs)
        return self._word(base + offset)


@cache
def loaded_segment(selector: int, descriptor: int) -> Segment:
    """The segment register after a load of `selector`, which names `descriptor`."""
    return Segment(
        selector,
        descriptors.decode(descriptor).base,
        descriptors.effective_limit(descriptor),
        descriptors.attributes(descriptor),
    )


def _refuse_gate(raised: int, event: Event, external: int, check: Check, inputs: Inputs) -> Refusal:
    return Refusal(raised, error_codes.gate(event.vector, external), check, inputs)


def _first_push(address: int, top: int) -> int:
    """The word that is pushed first, from `top` down, in the page of `address`."""
    last = top - 8 & _MASK64
    return last if page_base(last) == page_base(address) else page_base(address) + PAGE_SIZE - 8


def _saved_flags(event: Event, rflags: int) -> int:
    """What is pushed: a fault sets RF, and INT n has cleared it as every instruction does."""
    if event.software:
        return rflags & ~flags.RF
    row = vectors.TABLE.get(event.vector)
    return rflags | flags.RF if row is not None and row.kind == vectors.FAULT else rflags


def _escalation(event: Event) -> str:
    """The event's class for a double fault; software interrupts are benign."""
    row = vectors.TABLE.get(event.vector)
    if event.software or row is None:
        return vectors.BENIGN
    return row.escalation
