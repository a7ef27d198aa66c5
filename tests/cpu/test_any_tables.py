"""Whatever stands in the tables and MSRs, an entry follows them or the processor shuts down.

Tables, MSRs, flags and programs are drawn from seeds, so that a failure can be repeated. No other
exception may come out of the machine, and ring 0 is entered only where a table or an MSR says.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Final

import pytest

from emu.cpu.state import Segment
from emu.errors import Shutdown
from emu.events import Entered
from emu.x86 import msrs
from emu.x86.descriptors import TSS
from emu.x86.gates import GATE
from emu.x86.registers import IDTR
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    DATA,
    IDT_BASE,
    IST_TOPS,
    NOWHERE,
    RSP0,
    STACK_TOP,
    TEXT,
    TSS_BASE,
    Guest,
)
from tests.golden import State

SEEDS: Final = range(40)
EACH: Final = 12
PROGRAMS: Final = (
    *("int 0x80", "hlt", "ud2", "div ecx", "mov rax, qword ptr [rbx]", "int3", "int1", "int 8"),
    *("syscall", "sysenter", "mov ds, eax", "in al, dx", "iretq", "push rax"),
)
VECTORS: Final = (0, 1, 3, 6, 8, 10, 11, 12, 13, 14, 0x80)
SELECTORS: Final = (0, 3, 0x08, 0x10, 0x13, 0x18, 0x23, 0x2B, 0x33, 0x40, 0x50, 0x14, 0xFFFF)
ADDRESSES: Final = (
    *(0, 1, 0x10, 1 << 47, 1 << 63, (1 << 64) - 8, 0xFFFF_8000_0000_0000, NOWHERE),
    *(TEXT, CODE, DATA, STACK_TOP, RSP0),
)
RFLAGS: Final = (0x202, 0x302, 0x3202, 0x246, 0x4202, 0x4_0202, 0x1_0202)
MSRS: Final = (
    *(msrs.STAR, msrs.FMASK, msrs.SYSENTER_CS),
    *(msrs.SYSENTER_ESP, msrs.SYSENTER_EIP),
)


def spoil_gates(guest: Guest, chance: random.Random) -> None:
    for vector in chance.sample(VECTORS, 4):
        gate = GATE.pack(
            offset=chance.choice(ADDRESSES),
            selector=chance.choice(SELECTORS),
            ist=chance.randrange(8),
            type=chance.choice((14, 15, chance.randrange(16))),
            dpl=chance.randrange(4),
            present=chance.choice((1, 1, 1, 0)),
        )
        guest.set_gate(vector, gate)


def spoil_the_rest(guest: Guest, chance: random.Random) -> None:
    stacks = [
        chance.choice(ADDRESSES) if chance.random() < 0.3 else top
        for top in (RSP0, 0, 0, *IST_TOPS, 0, 0)
    ]
    guest.write(TSS_BASE, TSS.pack(*stacks, chance.choice((104, 0))))
    for number in MSRS:
        if chance.random() < 0.2:
            guest.engine.write_msr(number, chance.choice(ADDRESSES) & 0x7FFF_FFFF_FFFF)
    if chance.random() < 0.2:
        limit = chance.choice((0, 15, 0x7FF, 0xFFF))
        guest.set_segments({IDTR: Segment(0, IDT_BASE, limit, 0)})


def doors(guest: Guest) -> set[int]:
    """Where ring 0 may be entered: what gates and MSRs name."""
    gates = (
        int.from_bytes(guest.tables.read(IDT_BASE + 16 * vector, 16), "little")
        for vector in range(256)
    )
    named = (msrs.LSTAR, msrs.CSTAR, msrs.SYSENTER_EIP)
    return {GATE.get(gate, "offset") for gate in gates} | set(map(guest.engine.read_msr, named))


def cross(guest: Guest, chance: random.Random) -> State:
    guest.write(CODE, code(chance.choice(PROGRAMS)) + code("hlt"))
    guest.put(
        rflags=chance.choice(RFLAGS),
        rsp=chance.choice(ADDRESSES),
        rbx=NOWHERE,
        rax=chance.choice((0x10, 0x28, 0x63)),
    )
    guest.set_descriptor(0x10, chance.choice((0x00AF_9B00_0000_FFFF, chance.getrandbits(64))))
    return guest.run(1000)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_entry_follows_the_tables_or_the_processor_shuts_down(seed: int) -> None:
    for number in range(EACH):
        chance = random.Random(f"{seed} {number}")
        guest = Guest(chance.choice(("intel", "amd")))
        spoil_gates(guest, chance)
        spoil_the_rest(guest, chance)
        with suppress(Shutdown):
            seen = cross(guest, chance)
            assert any(isinstance(event, Entered) for event in guest.events), number
            assert seen.rip in doors(guest), number
            assert seen.cpl in (0, 3), number


def test_both_ends_are_met() -> None:
    ends = set()
    for seed in range(30):
        guest, chance = Guest(), random.Random(seed)
        spoil_gates(guest, chance)
        spoil_the_rest(guest, chance)
        try:
            cross(guest, chance)
            ends.add("entered")
        except Shutdown:
            ends.add("shut down")
    assert ends == {"entered", "shut down"}


def test_a_table_may_lie_at_the_end_of_the_address_space() -> None:
    guest = Guest()
    guest.set_segments({IDTR: Segment(0, (1 << 64) - 16, 0xFFF, 0)})
    with pytest.raises(Shutdown):
        guest.cross(code("int 0x80"))
