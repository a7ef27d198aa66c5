"""A delivery through the IDT: each check refuses what the manual refuses, and says why.

Deliveries that succeed stand in test_frames.py, what follows a refusal in test_escalation.py.
SDM 3A, "Interrupt and Exception Handling in 64-bit Mode"; SDM 2A, "INT n".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from emu.cpu.state import Segment
from emu.errors import Shutdown
from emu.x86 import checks, descriptors
from emu.x86.descriptors import SEGMENT, code_segment
from emu.x86.gates import INTERRUPT_GATE, TRAP_GATE
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE
from emu.x86.registers import IDTR, TR
from emu.x86.vectors import GP, NP, PF, SS, TS, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    GDT_BASE,
    IDT_BASE,
    IST_TOPS,
    KERNEL_CS,
    RSP0,
    TSS_BASE,
    TSS_SELECTOR,
    USER_CS,
    Guest,
    handler,
)

Prepare = Callable[[Guest], object]

INT80: Final = "int 0x80"
NON_CANONICAL: Final = 0x8000_0000_0000_0000
NAMED_80: Final = 8 * 0x80 + 2  # the error code that names gate 0x80
UNUSED: Final = 0x50  # a selector of the GDT with nothing behind it


def gate(**fields: int) -> Prepare:
    return lambda guest: guest.change_gate(0x80, **fields)


def code_segment_with(**fields: int) -> Prepare:
    """Gate 0x80 leads to a 64-bit kernel code segment with other fields."""

    def prepare(guest: Guest) -> None:
        descriptor = code_segment(0, long=True)
        for field, number in fields.items():
            descriptor = SEGMENT.put(descriptor, field, number)
        guest.set_descriptor(UNUSED, descriptor)
        guest.change_gate(0x80, selector=UNUSED)

    return prepare


def idt_limit(limit: int) -> Prepare:
    return lambda guest: guest.set_segments({IDTR: Segment(0, IDT_BASE, limit, 0)})


def tss_limit(limit: int, ist: int = 0) -> Prepare:
    def prepare(guest: Guest) -> None:
        guest.set_segments({TR: Segment(TSS_SELECTOR, TSS_BASE, limit, 0x8B00)})
        guest.change_gate(0x80, ist=ist)

    return prepare


def tss_word(offset: int, value: int, ist: int = 0) -> Prepare:
    def prepare(guest: Guest) -> None:
        guest.write(TSS_BASE + offset, value.to_bytes(8, "little"))
        guest.change_gate(0x80, ist=ist)

    return prepare


def unmapped(page: int, ist: int = 0) -> Prepare:
    def prepare(guest: Guest) -> None:
        guest.change_gate(0x80, ist=ist)
        guest.tables.unmap(page)

    return prepare


def read_only(page: int) -> Prepare:
    return lambda guest: guest.tables.protect(page, NO_EXECUTE)


RSP0_AT, IST3_AT = descriptors.TSS_RSP0, descriptors.TSS_IST1 + 16
OTHER_TYPES: Final = sorted(set(range(16)) - {INTERRUPT_GATE, TRAP_GATE})

# what is wrong, the vector that takes the place of the first, its error code, what the record says
REFUSALS: Final = (
    ("IDT too short", idt_limit(0x80 * 16 + 14), GP, NAMED_80, "gate beyond the IDT's limit"),
    *(
        (f"type {kind:#x}", gate(type=kind), GP, NAMED_80, "not an interrupt or trap gate")
        for kind in OTHER_TYPES
    ),
    *((f"DPL {dpl}", gate(dpl=dpl), GP, NAMED_80, "gate DPL below CPL") for dpl in range(3)),
    ("not present", gate(present=0), NP, NAMED_80, "gate not present"),
    ("target", gate(offset=1 << 47), GP, 0, "gate offset not canonical"),
    ("null code", gate(selector=0), GP, 0, "null code selector in the gate"),
    ("null code, RPL 3", gate(selector=3), GP, 0, "null code selector in the gate"),
    ("beyond GDT", gate(selector=0x80), GP, 0x80, "selector beyond its table's limit"),
    ("LDT", gate(selector=0x14), GP, 0x14, "selector beyond its table's limit"),
    ("data", gate(selector=0x18), GP, 0x18, "no code segment that this CPL may enter"),
    ("TSS", gate(selector=0x40), GP, 0x40, "no code segment that this CPL may enter"),
    ("empty", gate(selector=UNUSED), GP, UNUSED, "no code segment that this CPL may enter"),
    ("code absent", code_segment_with(present=0), NP, UNUSED, "code segment not present"),
    ("32-bit code", gate(selector=0x08), GP, 0x08, "not a 64-bit code segment"),
    ("L and D", code_segment_with(default_big=1), GP, UNUSED, "not a 64-bit code segment"),
    ("16-bit code", code_segment_with(long=0), GP, UNUSED, "not a 64-bit code segment"),
    ("RPL ignored", gate(selector=0x83), GP, 0x80, "selector beyond its table's limit"),
    ("no IST 3", tss_limit(IST3_AT + 6, ist=3), TS, 0x40, "stack beyond the TSS's limit"),
    ("RSP0", tss_word(RSP0_AT, NON_CANONICAL), SS, 0, "stack pointer not canonical"),
    ("IST 3", tss_word(IST3_AT, NON_CANONICAL, ist=3), SS, 0, "stack pointer not canonical"),
    ("no stack", unmapped(RSP0 - PAGE_SIZE), PF, 2, "push of the frame"),
    ("no IST stack", unmapped(IST_TOPS[2] - PAGE_SIZE, ist=3), PF, 2, "push of the frame"),
    ("read-only stack", read_only(RSP0 - PAGE_SIZE), PF, 3, "push of the frame"),
)


def prepared(prepare: Prepare) -> Guest:
    """A guest in which what follows the first exception finds a stack of its own."""
    guest = Guest()
    for vector in (TS, NP, SS, GP, PF):
        guest.change_gate(vector, ist=1)
    prepare(guest)
    return guest


def ids(rows: tuple[tuple[Any, ...], ...]) -> list[str]:
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("prepare", "vector", "error_code", "check"),
    [row[1:] for row in REFUSALS],
    ids=ids(REFUSALS),
)
def test_a_check_that_fails_is_refused_with_its_exception_code_and_reason(
    prepare: Prepare, vector: int, error_code: int, check: str
) -> None:
    guest = prepared(prepare)
    guest.cross(code(INT80))
    (refused,) = guest.refusals
    assert (refused.vector, refused.check) == (0x80, check)
    assert (refused.raised, refused.error_code) == (vector, error_code)
    entry = guest.entry
    assert (entry.vector, entry.error_code) == (vector, error_code)
    assert (entry.from_rip, entry.entry_rip) == (CODE, handler(vector))


@pytest.mark.parametrize(
    ("prepare", "vector", "error_code", "check"),
    [row[1:] for row in REFUSALS],
    ids=ids(REFUSALS),
)
def test_the_fault_of_a_refused_int_n_points_at_it_and_it_did_not_retire(
    prepare: Prepare, vector: int, error_code: int, check: str
) -> None:
    guest = prepared(prepare)
    seen = guest.cross(code(f"nop; {INT80}"))
    assert seen.stack[:4] == (error_code, CODE + 1, USER_CS, 0x1_0202)
    assert seen.rip == handler(vector)
    assert check
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (1, 0)


# The same for an exception, which has EXT set in what it makes of a refusal, and needs no DPL.
EXTERNAL: Final = (
    ("type", lambda guest: guest.change_gate(UD, type=12), GP, 8 * UD + 3),
    ("not present", lambda guest: guest.change_gate(UD, present=0), NP, 8 * UD + 3),
    ("null code", lambda guest: guest.change_gate(UD, selector=0), GP, 1),
    ("beyond GDT", lambda guest: guest.change_gate(UD, selector=0x80), GP, 0x81),
    ("data", lambda guest: guest.change_gate(UD, selector=0x18), GP, 0x19),
    ("32-bit code", lambda guest: guest.change_gate(UD, selector=0x08), GP, 0x09),
    ("RSP0", tss_word(RSP0_AT, NON_CANONICAL), SS, 1),
    ("no stack", unmapped(RSP0 - PAGE_SIZE), PF, 2),
)


@pytest.mark.parametrize(
    ("prepare", "vector", "error_code"), [row[1:] for row in EXTERNAL], ids=ids(EXTERNAL)
)
def test_what_the_refusal_of_an_exception_raises_is_external(
    prepare: Prepare, vector: int, error_code: int
) -> None:
    guest = prepared(prepare)
    guest.cross(code("ud2"))
    (refused,) = guest.refusals
    assert (refused.vector, refused.raised, refused.error_code) == (UD, vector, error_code)
    assert (guest.entry.vector, guest.entry.error_code) == (vector, error_code)


@pytest.mark.parametrize(
    ("page", "address"),
    [
        (IDT_BASE, IDT_BASE + 0x80 * 16),
        (GDT_BASE, GDT_BASE + KERNEL_CS),
        (TSS_BASE, TSS_BASE + RSP0_AT),
    ],
    ids=["IDT", "GDT", "TSS"],
)
def test_a_table_that_is_not_mapped_is_a_page_fault_at_the_entry_that_was_read(
    page: int, address: int
) -> None:
    guest = Guest()
    guest.write(CODE, code(INT80))
    guest.put()
    guest.tables.unmap(page)
    with pytest.raises(Shutdown):
        guest.run()
    first = guest.refusals[0]
    assert (first.raised, first.error_code) == (PF, 0)
    assert first.inputs == (("address", address),)


# Two things are wrong at once: the first check of the manual's list tells.
ORDER: Final = (
    ("type before DPL", gate(type=12, dpl=0, present=0), GP, "not an interrupt or trap gate"),
    ("DPL before presence", gate(dpl=0, present=0), GP, "gate DPL below CPL"),
    ("presence before selector", gate(present=0, selector=0), NP, "gate not present"),
    ("kind of code before its presence", gate(selector=UNUSED), GP, "no code segment that"),
    (
        "presence of code before its mode",
        code_segment_with(present=0, long=0),
        NP,
        "code segment not present",
    ),
)


@pytest.mark.parametrize(("prepare", "vector", "check"), [row[1:] for row in ORDER], ids=ids(ORDER))
def test_checks_are_made_in_the_manuals_order(prepare: Prepare, vector: int, check: str) -> None:
    guest = prepared(prepare)
    guest.cross(code(INT80))
    (refused,) = guest.refusals
    assert refused.raised == vector
    assert refused.check.startswith(check)


@pytest.mark.parametrize(
    ("prepare", "check"), [(row[1], row[4]) for row in REFUSALS], ids=ids(REFUSALS)
)
def test_a_record_names_the_manuals_step_of_its_check(prepare: Prepare, check: str) -> None:
    guest = prepared(prepare)
    guest.cross(code(INT80))
    (refused,) = guest.refusals
    assert refused.manual in {row.manual for row in checks.DELIVERY if row.name == check}


def test_a_record_tells_the_inputs_of_the_check() -> None:
    guest = Guest()
    guest.cross(code("int 0x20"))
    (refused,) = guest.refusals
    assert refused.inputs == (("vector", 0x20), ("DPL", 0), ("CPL", 3))
    assert refused.from_rip == CODE
    assert refused.meaning == "gate 0x20 of the IDT"
    assert list(guest.machine.processor.accounts.refusals) == [refused]


@pytest.mark.parametrize("vector", [*range(3), *range(5, 0x20), 0x20, 0x81, 0xFF])
def test_int_n_cannot_reach_a_gate_that_is_not_for_ring_3(vector: int) -> None:
    guest = Guest()
    seen = guest.cross(bytes((0xCD, vector)))
    assert (guest.entry.vector, guest.entry.error_code) == (GP, 8 * vector + 2)
    assert seen.stack[1] == CODE


def test_the_machine_keeps_the_last_refusals_and_no_more() -> None:
    guest = Guest(watch=False)
    guest.write(handler(GP), code("vmcall"))
    guest.attach()
    for _ in range(80):
        guest.cross(code("int 0x20"))
    assert len(guest.machine.processor.accounts.refusals) == 64


def test_ring_0_may_use_any_gate() -> None:
    guest = Guest()
    guest.write(handler(0) - 8 + 0x3000, code("int 0x20"))
    guest.put_kernel(handler(0) - 8 + 0x3000)
    guest.run()
    assert (guest.entry.vector, guest.entry.from_cpl) == (0x20, 0)
    assert guest.refusals == []


def test_ring_0_cannot_enter_the_code_of_ring_3_through_a_gate() -> None:
    guest = Guest()
    guest.change_gate(UD, selector=USER_CS)
    guest.write(handler(0) + 0x3000, code("ud2"))
    guest.put_kernel(handler(0) + 0x3000)
    guest.run()
    (refused,) = guest.refusals
    assert (refused.raised, refused.error_code) == (GP, (USER_CS & ~3) | 1)
