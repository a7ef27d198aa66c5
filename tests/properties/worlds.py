"""A machine for random tables: what hypothesis draws, and how it comes into the machine.

Most draws are valid, so that a case gets past the first check. It knows the machine under test
and the oracle's records; it computes no expectation.
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from hypothesis import strategies as st

from emu.cpu.state import Segment
from emu.errors import Shutdown
from emu.x86 import flags
from emu.x86.descriptors import SEGMENT
from emu.x86.gates import GATE
from emu.x86.paging import PAGE_SIZE
from emu.x86.registers import CS, GDTR, IDTR, LDTR, SS, TR
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    DATA,
    GDT_BASE,
    GDT_ENTRIES,
    IDT_BASE,
    IST_TOPS,
    KERNEL_CS,
    KERNEL_DATA,
    KERNEL_DS,
    NOWHERE,
    RSP0,
    STACK_TOP,
    TEXT,
    TSS_BASE,
    TSS_SELECTOR,
    USER_CS,
    Guest,
    handler,
)
from tests.golden import State
from tests.properties import manual
from tests.properties.manual import Interrupted, Tables

FIRST_FREE: Final = 10  # the GDT's entries from here on are random
LDT_BASE: Final = KERNEL_DATA + 0x800
LDT_ENTRIES: Final = 4
KERNEL_CODE: Final = TEXT + 0x2000
ESCALATION: Final = (8, 10, 11, 12, 13, 14)

# Pages that a frame may meet: (supervisor's error code, ring 3's) of a write, None where it works.
SUPERVISOR_ONLY: Final = dict.fromkeys(
    (
        *(RSP0 - PAGE_SIZE, TSS_BASE, KERNEL_DATA, IDT_BASE, GDT_BASE),
        *(top - PAGE_SIZE for top in IST_TOPS),
    ),
    (None, 7),
)
READ_ONLY: Final = dict.fromkeys(range(TEXT, TEXT + 4 * PAGE_SIZE, PAGE_SIZE), (3, 7))
USERS: Final = dict.fromkeys(
    (CODE, CODE + PAGE_SIZE, DATA, DATA + PAGE_SIZE, STACK_TOP - PAGE_SIZE), (None, None)
)
PAGES: Final = {**SUPERVISOR_ONLY, **READ_ONLY, **USERS}
NOT_PRESENT: Final = (2, 6)


def may_write(page: int, by_ring_3: bool) -> int | None:
    return PAGES.get(page, NOT_PRESENT)[by_ring_3]


# ---- what is drawn. One number makes a whole case: drawing its hundred fields by themselves takes
# hypothesis longer than the delivery, and makes most cases alike.

POINTERS: Final = (
    *(RSP0, RSP0, RSP0, RSP0, RSP0 - 3, *IST_TOPS, *IST_TOPS, *IST_TOPS),
    *(0, 8, 40, 1 << 47, 1 << 63, (1 << 47) - 8, NOWHERE, STACK_TOP, TEXT + 0x800),
    *(0xFFFF_8000_0000_0000, 0xFFFF_8000_0000_0010, (1 << 64) - 1, 0xFFFF_7FFF_FFFF_FFF0),
    *(RSP0 - PAGE_SIZE + 16, KERNEL_DATA, KERNEL_DATA + 40, DATA + PAGE_SIZE + 24),
)
TARGETS: Final = (handler(0x80), handler(0x80), handler(0x80), 1 << 47, (1 << 64) - 1, 0, CODE)
RFLAGS: Final = (
    flags.STATUS | flags.IF | flags.DF | flags.IOPL | flags.NT | flags.RF | flags.AC | flags.ID
)
_SELECTORS: Final = (
    *(KERNEL_CS, KERNEL_CS, KERNEL_CS | 3, 8, KERNEL_DS, USER_CS, 0, 3, 0x80),
    *(index << 3 for index in (*range(FIRST_FREE, GDT_ENTRIES),) * 2),
    *(index << 3 | 4 for index in range(LDT_ENTRIES + 1)),
)


class World(NamedTuple):
    """Everything that a delivery reads, drawn at random."""

    gate: int
    escalation: tuple[int, ...]
    gdt: tuple[int, ...]
    ldt: tuple[int, ...]
    stacks: tuple[int, ...]
    idt_limit: int
    gdt_limit: int
    ldt_limit: int
    tss_limit: int


class Left(NamedTuple):
    """What is interrupted: CPL, CS.L, RFLAGS, RSP."""

    ring: int
    long: bool
    rflags: int
    rsp: int


def _valid_gate(draw: Random) -> int:
    return GATE.pack(
        offset=handler(draw.randrange(256)),
        selector=KERNEL_CS,
        ist=draw.choice((0, 0, 1, 2, 5)),
        type=draw.choice((14, 14, 15)),
        dpl=draw.choice((3, 3, 3, 0)),
        present=1,
    )


def _any_gate(draw: Random) -> int:
    """A gate with nothing in it that must be right, and mostly is."""
    return GATE.pack(
        offset=draw.choice((*TARGETS, *TARGETS, draw.getrandbits(64))),
        selector=draw.choice((*_SELECTORS, draw.getrandbits(16))),
        ist=draw.choice((0, 0, 0, draw.randrange(8))),
        type=draw.choice((14, 15, 14, 15, draw.randrange(16))),
        dpl=draw.choice((0, 1, 2, 3, 3, 3)),
        present=draw.choice((0, 1, 1, 1, 1)),
    )


def _descriptor(draw: Random) -> int:
    """Accessed, so that loading it writes nothing."""
    return SEGMENT.pack(
        limit=0xFFFFF,
        type=draw.choice((0b1011, 0b1111, 0b1001, draw.randrange(16) | 1)),
        s=draw.choice((0, 1, 1, 1, 1)),
        dpl=draw.randrange(4),
        present=draw.choice((0, 1, 1, 1, 1)),
        long=draw.choice((0, 1, 1, 1, 1)),
        default_big=draw.choice((0, 0, 0, 0, 1)),
        granularity=1,
    )


def _world(number: int) -> World:
    draw = Random(number)
    mostly_valid = (*(_valid_gate,) * 4, _any_gate)
    return World(
        gate=draw.choice((_valid_gate, _any_gate, _any_gate))(draw),
        escalation=tuple(draw.choice(mostly_valid)(draw) for _ in ESCALATION),
        gdt=tuple(_descriptor(draw) for _ in range(FIRST_FREE, GDT_ENTRIES)),
        ldt=tuple(_descriptor(draw) for _ in range(LDT_ENTRIES)),
        stacks=tuple(draw.choice(POINTERS) for _ in range(10)),
        idt_limit=draw.choice((*(0xFFF,) * 16, 0x7FF, 0xD7, 0xE0, 0)),
        gdt_limit=draw.choice((*(0x7F,) * 8, 0x57, 0x16, 0x10)),
        ldt_limit=draw.choice((0x1F, 0x1F, 0x1F, 0x17, 7, 6, 0)),
        tss_limit=draw.choice((*(103,) * 12, 43, 42, 11, 10)),
    )


worlds = st.integers(0, (1 << 64) - 1).map(_world)
lefts = st.builds(
    lambda mode, bits, rsp: Left(mode[0], mode[1], bits & RFLAGS | flags.FIXED, rsp),
    st.sampled_from(((3, True), (3, False), (0, True))),
    st.integers(0, (1 << 22) - 1),
    st.sampled_from(POINTERS),
)


class Cause(NamedTuple):
    """An instruction that causes an event."""

    name: str
    code: bytes
    vector: int
    error_code: tuple[int | None, int | None] = (None, None)  # in ring 0, in ring 3
    software: bool = False
    length: int = 0  # what the saved RIP is ahead
    modes: tuple[tuple[int, bool], ...] = ((3, True), (3, False), (0, True))


READ: Final = bytes.fromhex("8b03")  # mov (%rbx),%eax, or by %ebx
CAUSES: Final = (
    *(Cause(f"int {n:#x}", bytes((0xCD, n)), n, software=True, length=2) for n in range(256)),
    Cause("int3", b"\xcc", 3, software=True, length=1),
    Cause("into", b"\xce", 4, software=True, length=1, modes=((3, False),)),
    Cause("int1", b"\xf1", 1, length=1),
    Cause("ud2", b"\x0f\x0b", 6),
    Cause("hlt", b"\xf4", 13, (None, 0), modes=((3, True), (3, False))),
    Cause("div", b"\xf7\xf1", 0),
    Cause("read", READ, 14, (0, 4)),
)
BY_NAME: Final = {cause.name: cause for cause in CAUSES}
causes = st.one_of(
    st.sampled_from([cause for cause in CAUSES if not cause.software]), st.sampled_from(CAUSES)
)


class Machine:
    """One machine for all cases: each instruction stands in its own place, so none is rewritten."""

    def __init__(self) -> None:
        self.guest = Guest()
        self.places: dict[str, int] = {}
        for number, cause in enumerate(CAUSES):
            self.places[cause.name] = 16 * number
            for base in (CODE, KERNEL_CODE):
                self.guest.write(base + 16 * number, cause.code + code("hlt"))
        self._usual = [self._gate(vector) for vector in range(256)]
        self._gdt = self.guest.tables.read(GDT_BASE, 8 * FIRST_FREE)

    def _gate(self, vector: int) -> int:
        return int.from_bytes(self.guest.tables.read(IDT_BASE + 16 * vector, 16), "little")

    def place(self, world: World, cause: Cause, left: Left) -> tuple[Tables, Interrupted]:
        """Writes the tables and puts the CPU before the instruction."""
        guest = self.guest
        guest.events.clear()
        gates = {**dict(zip(ESCALATION, world.escalation, strict=True)), cause.vector: world.gate}
        for vector, gate in gates.items():
            guest.set_gate(vector, gate)
        gdt = self._gdt + b"".join(entry.to_bytes(8, "little") for entry in world.gdt)
        ldt = b"".join(entry.to_bytes(8, "little") for entry in world.ldt)
        tss = bytes(4) + b"".join(word.to_bytes(8, "little") for word in world.stacks)
        tss = tss[:28] + bytes(8) + tss[28:84] + bytes(12)
        guest.write(GDT_BASE, gdt)
        guest.write(LDT_BASE, ldt)
        guest.write(TSS_BASE, tss)
        self._put(world, cause, left)
        guest.state.load()
        tables = Tables(
            idt=lambda vector: gates.get(vector, self._usual[vector]),
            idt_limit=world.idt_limit,
            gdt=gdt,
            gdt_limit=world.gdt_limit,
            ldt=ldt,
            ldt_limit=world.ldt_limit,
            tss=tss,
            tss_limit=world.tss_limit,
            tss_selector=TSS_SELECTOR,
            may_write=may_write,
        )
        cs, ss = guest.state.selector(CS), guest.state.selector(SS)
        rip = guest.state.rip
        return tables, Interrupted(left.ring, rip, guest.state.words[4], self.rflags, cs, ss)

    def _put(self, world: World, cause: Cause, left: Left) -> None:
        guest = self.guest
        self.rflags = left.rflags | (flags.OF if cause.name == "into" else 0)
        rsp = left.rsp if left.long else left.rsp & 0xFFFF_FFFF
        base = CODE if left.ring else KERNEL_CODE
        values = {"rsp": rsp, "rbx": NOWHERE}
        rip = base + self.places[cause.name]
        if left.ring:
            guest.put(rip, long=left.long, rflags=self.rflags, **values)
        else:
            guest.put_kernel(rip, rflags=self.rflags, **values)
        guest.set_segments(
            {
                GDTR: Segment(0, GDT_BASE, world.gdt_limit, 0),
                IDTR: Segment(0, IDT_BASE, world.idt_limit, 0),
                LDTR: Segment(0x48, LDT_BASE, world.ldt_limit, 0x8200),
                TR: Segment(TSS_SELECTOR, TSS_BASE, world.tss_limit, 0x8B00),
            }
        )

    def run(self, cause: Cause) -> State | Shutdown:
        """What the first instruction of the handler finds, or the shutdown."""
        try:
            return self.guest.run(8)
        except Shutdown as shutdown:
            return shutdown
        finally:
            for vector in (*ESCALATION, cause.vector):
                self.guest.set_gate(vector, self._usual[vector])


def event_of(cause: Cause, left: Interrupted) -> manual.Event:
    rip = left.rip + cause.length
    return manual.Event(cause.vector, cause.error_code[left.cpl == 3], rip, cause.software)
