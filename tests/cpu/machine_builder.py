"""A machine with the least that ring 3 and ring 0 need, each table made by hand.

Things stand where golden states have them, so that golden tables fit as they are. There is no
kernel: unless `attach` was called, the machine stops at the first instruction of ring 0. The
builder is the machine's watcher and keeps what it was told.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from emu.cpu import hostcode
from emu.cpu.state import Segment
from emu.events import Entered, Refused
from emu.machine import Machine
from emu.memory.pagetables import NotMapped, PageTables
from emu.x86 import descriptors, flags, msrs
from emu.x86.descriptors import SYSTEM, TSS, code_segment, data_segment
from emu.x86.gates import GATE, GATE_SIZE, interrupt_gate
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import CS, DS, ES, FS, GDTR, GPRS, GS, IDTR, LDTR, RSP, SEGMENTS, SS, TR
from tests.golden import State

KERNEL_CS, KERNEL_DS, USER32_CS, USER_DS, USER_CS, TSS_SELECTOR = 0x10, 0x18, 0x23, 0x2B, 0x33, 0x40
GDT_ENTRIES: Final = 16

IDT_BASE: Final = 0xFFFF_FE00_0000_0000
GDT_BASE: Final = IDT_BASE + 0x1000
TSS_BASE: Final = IDT_BASE + 0x3000
RSP0: Final = TSS_BASE  # the stack lies right below the TSS
IST_TOPS: Final = tuple(IDT_BASE + 0x3000 * n - 0x1000 for n in range(4, 9))  # IST 1 to 5
TEXT: Final = 0xFFFF_FFFF_81C0_0000
TEXT_SIZE: Final = 4 * PAGE_SIZE
KERNEL_DATA: Final = 0xFFFF_8880_0000_0000

CODE: Final = 0x40_0000  # two pages: readable, writable and executable by ring 3
CODE_SIZE: Final = 2 * PAGE_SIZE
DATA: Final = 0x50_0000  # two pages, the next is not mapped
DATA_SIZE: Final = 2 * PAGE_SIZE
NOWHERE: Final = 0xDEA_D000
STACK_TOP: Final = 0x60_1000

SYSCALL_ENTRY: Final = TEXT + 0x1080
COMPAT_SYSCALL_ENTRY: Final = TEXT + 0x1870
SYSENTER_ENTRY: Final = TEXT + 0x17B0
FMASK: Final = 0x25_7FD5

COUNTERS: Final = (
    "python",
    pytest.param(
        "native",
        marks=pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host"),
    ),
)

_DATA_BITS: Final = WRITABLE | NO_EXECUTE
_HLT: Final = 0xF4
_EFER: Final = msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE


def handler(vector: int) -> int:
    """Where the gate of `vector` leads to."""
    return TEXT + 16 * vector


class Guest:
    """The machine and its tables. `events` holds what the machine told, in order.

    `answer` runs for each VMCALL of ring 0, once `attach` was called; by itself it stops.
    """

    def __init__(
        self,
        vendor: str = "intel",
        counter: str = "python",
        cr4: int = 0x620,
        watch: bool = True,
        supervise_kernel: bool = False,
    ) -> None:
        self.machine = Machine(
            8 << 20,
            vendor,
            counter=counter,
            watchers=[self] if watch else [],
            supervise_kernel=supervise_kernel,
        )
        self.engine = self.machine.engine
        self.state = self.machine.engine.state
        self.events: list[Entered | Refused] = []
        self.tables = PageTables(self.machine.physical)
        for address in (IDT_BASE, GDT_BASE, RSP0 - PAGE_SIZE, TSS_BASE, KERNEL_DATA):
            self.map(address, PAGE_SIZE, _DATA_BITS)
        for top in IST_TOPS:
            self.map(top - PAGE_SIZE, PAGE_SIZE, _DATA_BITS)
        self.map(TEXT, TEXT_SIZE, 0)
        self.map(CODE, CODE_SIZE, USER | WRITABLE)
        self.map(DATA, DATA_SIZE, USER | _DATA_BITS)
        self.map(STACK_TOP - PAGE_SIZE, PAGE_SIZE, USER | _DATA_BITS)
        self.write(TEXT, bytes([_HLT]) * TEXT_SIZE)
        self._write_tables()
        self._start(cr4)

    # ---- what the machine asks and tells

    def attach(self, answer: Callable[[int], None] | None = None) -> None:
        """From now on entries do not stop the machine, and `answer` answers VMCALL."""
        self.answer = answer or (lambda call: self.engine.stop())
        self.machine.attach(self)

    def handed_over(self, call: int, argument: int) -> None:
        self.answer(call)

    def entered(self, event: Entered) -> None:
        self.events.append(event)

    def refused(self, event: Refused) -> None:
        self.events.append(event)

    # ---- memory

    def map(self, address: int, size: int, bits: int) -> None:
        """Maps zeroed pages with the entry bits `bits`."""
        for page in range(address, address + size, PAGE_SIZE):
            self.tables.map(page, self.machine.physical.allocate(), bits)

    def write(self, address: int, data: bytes) -> None:
        self.tables.write(address, data)

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """`count` quadwords at `address`, or as many of them as are mapped."""
        for size in range(8 * count, 0, -8):
            with suppress(NotMapped):
                return tuple(memoryview(self.tables.read(address, size)).cast("Q"))
        return ()

    # ---- tables

    def _write_tables(self) -> None:
        for selector, descriptor in (
            (0x08, code_segment(0, long=False)),
            (KERNEL_CS, code_segment(0, long=True)),
            (KERNEL_DS, data_segment(0)),
            (USER32_CS, code_segment(3, long=False)),
            (USER_DS, data_segment(3)),
            (USER_CS, code_segment(3, long=True)),
        ):
            self.set_descriptor(selector, descriptor)
        task = SYSTEM.pack_bytes(
            base=TSS_BASE, limit=TSS.size - 1, type=descriptors.TYPE_TSS_BUSY, present=1
        )
        self.write(GDT_BASE + TSS_SELECTOR, task)
        self.write(TSS_BASE, TSS.pack(RSP0, 0, 0, *IST_TOPS, 0, 0, TSS.size))
        for vector in range(256):
            self.set_gate(vector, interrupt_gate(handler(vector), KERNEL_CS, dpl=0))
        for vector in (3, 4, 0x80):
            self.change_gate(vector, dpl=3)

    def set_descriptor(self, selector: int, descriptor: int) -> None:
        """Writes the eight bytes of the GDT that `selector` names."""
        self.write(GDT_BASE + (selector & ~7), descriptor.to_bytes(8, "little"))

    def set_gate(self, vector: int, gate: int) -> None:
        self.write(IDT_BASE + GATE_SIZE * vector, gate.to_bytes(GATE_SIZE, "little"))

    def change_gate(self, vector: int, **fields: int) -> None:
        """Changes some fields of the gate of `vector`."""
        at = IDT_BASE + GATE_SIZE * vector
        gate = int.from_bytes(self.tables.read(at, GATE_SIZE), "little")
        for field, number in fields.items():
            gate = GATE.put(gate, field, number)
        self.set_gate(vector, gate)

    # ---- the processor

    def _start(self, cr4: int) -> None:
        self.engine.enter_long_mode(self.tables.root, cr4, _EFER)
        for number, value in (
            (msrs.STAR, 0x0023_0010_0000_0000),
            (msrs.LSTAR, SYSCALL_ENTRY),
            (msrs.CSTAR, COMPAT_SYSCALL_ENTRY),
            (msrs.FMASK, FMASK),
            (msrs.SYSENTER_CS, KERNEL_CS),
            (msrs.SYSENTER_ESP, RSP0),
            (msrs.SYSENTER_EIP, SYSENTER_ENTRY),
        ):
            self.engine.write_msr(number, value)
        self.set_segments(
            {
                GDTR: Segment(0, GDT_BASE, 8 * GDT_ENTRIES - 1, 0),
                IDTR: Segment(0, IDT_BASE, 256 * GATE_SIZE - 1, 0),
                TR: Segment(TSS_SELECTOR, TSS_BASE, TSS.size - 1, 0x8B00),
                LDTR: Segment(0, 0, 0, 0x8200),
            }
        )

    def set_segments(self, segments: dict[int, Segment]) -> None:
        """Sets segment and table registers, by number."""
        self.state.load()
        for number, segment in segments.items():
            self.state.set_segment(number, segment)
        self.state.store()

    def loaded(self, selector: int) -> Segment:
        """The segment register as it is after a load of `selector`; null stays empty."""
        if not selector & ~3:
            return Segment(selector, 0, 0, 0)
        raw = self.tables.read(GDT_BASE + (selector & ~7), 8)
        descriptor = int.from_bytes(raw, "little")
        return Segment(
            selector,
            descriptors.SEGMENT.get(descriptor, "base"),
            descriptors.effective_limit(descriptor),
            descriptors.attributes(descriptor),
        )

    def put(
        self, rip: int = CODE, *, long: bool = True, rflags: int = flags.IF, **registers: int
    ) -> None:
        """Puts the CPU into ring 3 at `rip`. Registers that are not given are 0."""
        data = USER_DS
        values = {"rsp": STACK_TOP - 64} | registers
        self._load(
            tuple(values.get(name, 0) for name in GPRS),
            rip,
            rflags,
            (self.loaded(USER_CS if long else USER32_CS), self.loaded(data)),
            {"ds": 0 if long else data, "es": 0 if long else data},
            cpl=3,
        )

    def put_kernel(self, rip: int = TEXT, rflags: int = 0, **registers: int) -> None:
        """Puts the CPU into ring 0 at `rip`, interrupts off, on the stack of RSP0."""
        values = {"rsp": RSP0} | registers
        self._load(
            tuple(values.get(name, 0) for name in GPRS),
            rip,
            rflags,
            (self.loaded(KERNEL_CS), self.loaded(KERNEL_DS)),
            {},
            cpl=0,
        )

    def put_state(self, before: State) -> None:
        """Puts the CPU into a golden state."""
        selectors = {name: before.selectors[name] for name in ("ds", "es", "fs", "gs")}
        segments = (before.cs, before.ss)
        self._load(before.registers, before.rip, before.rflags, segments, selectors, before.cpl)

    def _load(
        self,
        registers: tuple[int, ...],
        rip: int,
        rflags: int,
        cs_ss: tuple[Segment, Segment],
        selectors: dict[str, int],
        cpl: int,
    ) -> None:
        state = self.state
        state.load()
        for number, value in enumerate(registers):
            state.words[number] = value
        state.rip = rip
        for number in (DS, ES, FS, GS):
            state.set_segment(number, self.loaded(selectors.get(SEGMENTS[number], 0)))
        state.set_cs_ss(*cs_ss, cpl)
        state.set_flags(rflags)
        state.store()

    def seen(self, words: int = 8) -> State:
        """The CPU as it is now, with `words` quadwords of its stack."""
        rflags = self.engine.flags()
        state = self.state
        state.load()
        return State(
            registers=tuple(state.words[:16]),
            rip=state.rip,
            rflags=rflags,
            cpl=state.cpl,
            selectors={name: state.segment(n).selector for n, name in enumerate(SEGMENTS)},
            cs=state.segment(CS),
            ss=state.segment(SS),
            stack=self.words(state.words[RSP], words),
        )

    def run(self, limit: int | None = None) -> State:
        """Runs until the machine stops; returns the CPU as it is then."""
        self.machine.run(limit)
        return self.seen()

    def cross(
        self, code: bytes, *, long: bool = True, rflags: int = flags.IF, **registers: int
    ) -> State:
        """Runs `code` in ring 3 until something enters ring 0 (HLT stands behind the code)."""
        self.write(CODE, code + bytes([_HLT]))
        self.put(CODE, long=long, rflags=rflags, **registers)
        return self.run()

    # ---- what happened

    @property
    def entry(self) -> Entered:
        """The last entry into ring 0."""
        found = [event for event in self.events if isinstance(event, Entered)]
        return found[-1]

    @property
    def refusals(self) -> list[Refused]:
        """Every check that failed."""
        return [event for event in self.events if isinstance(event, Refused)]
