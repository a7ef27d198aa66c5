"""A delivery through the IDT that succeeds: stack, frame, flags, segments, and what is told.

SDM 3A, "64-Bit Mode Stack Frame", "Flag Usage By Exception- or Interrupt-Handler Procedure".
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.cpu.state import Segment
from emu.events import Entered
from emu.x86 import descriptors, flags
from emu.x86.descriptors import SEGMENT, code_segment
from emu.x86.gates import TRAP_GATE
from emu.x86.paging import PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import IDTR
from emu.x86.vectors import BP, DB, DE, GP, OF, PF, SS, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
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
    USER32_CS,
    USER_CS,
    USER_DS,
    Guest,
    handler,
)

RSP: Final = STACK_TOP - 64
KERNEL_CODE: Final = TEXT + 0x2000  # where tests put code of ring 0
CONFORMING: Final = {
    **SEGMENT.unpack(code_segment(0, long=True)),
    "type": descriptors.TYPE_CODE | descriptors.TYPE_CONFORMING,
}
TF_SET: Final = flags.IF | flags.TF | flags.FIXED


@pytest.fixture
def guest() -> Guest:
    return Guest()


# ---- the frame


def test_int_n_pushes_five_words_and_clears_nothing_else(guest: Guest) -> None:
    seen = guest.cross(code("nop; int 0x80"), rax=7, r15=9)
    assert seen.gpr("rsp") == RSP0 - 40
    assert seen.stack[:5] == (CODE + 3, USER_CS, 0x202, RSP, USER_DS)
    assert (seen.gpr("rax"), seen.gpr("r15")) == (7, 9)


def test_an_error_code_is_pushed_last(guest: Guest) -> None:
    seen = guest.cross(code("nop; mov rax, qword ptr [rbx]"), rbx=NOWHERE)
    assert seen.gpr("rsp") == RSP0 - 48
    assert seen.stack[:6] == (4, CODE + 1, USER_CS, 0x1_0202, RSP, USER_DS)
    assert guest.state.control(2) == NOWHERE


def test_code_of_32_bits_is_left_with_the_same_frame(guest: Guest) -> None:
    seen = guest.cross(code("int 0x80", long=False), long=False)
    assert seen.stack[:5] == (CODE + 2, USER32_CS, 0x202, RSP, USER_DS)


@pytest.mark.parametrize("offset", range(16))
def test_the_frame_is_aligned_to_16_bytes_on_a_new_stack(guest: Guest, offset: int) -> None:
    top = RSP0 - 256 + offset
    guest.write(TSS_BASE + descriptors.TSS_RSP0, top.to_bytes(8, "little"))
    assert guest.cross(code("int 0x80")).gpr("rsp") == top - offset - 40


@pytest.mark.parametrize("offset", range(1, 16))
def test_a_program_may_have_a_crooked_stack_which_is_saved_as_it_is(
    guest: Guest, offset: int
) -> None:
    seen = guest.cross(code("int 0x80"), rsp=RSP + offset)
    assert seen.gpr("rsp") == RSP0 - 40
    assert seen.stack[3] == RSP + offset


@pytest.mark.parametrize("rsp", [0, NOWHERE, 0x8000_0000_0000_0000, (1 << 64) - 1])
def test_the_programs_stack_is_never_touched(guest: Guest, rsp: int) -> None:
    assert guest.cross(code("int 0x80"), rsp=rsp).stack[3] == rsp
    assert guest.refusals == []


@pytest.mark.parametrize("ist", range(1, 6))
def test_a_gate_may_name_a_stack_of_its_own(guest: Guest, ist: int) -> None:
    guest.change_gate(0x80, ist=ist)
    assert guest.cross(code("int 0x80")).gpr("rsp") == IST_TOPS[ist - 1] - 40


def test_a_frame_may_lie_across_two_pages(guest: Guest) -> None:
    guest.map(KERNEL_DATA + PAGE_SIZE, PAGE_SIZE, WRITABLE)
    top = KERNEL_DATA + PAGE_SIZE + 16
    guest.write(TSS_BASE + descriptors.TSS_RSP0, top.to_bytes(8, "little"))
    seen = guest.cross(code("int 0x80"))
    assert seen.gpr("rsp") == top - 40
    assert seen.stack[:5] == (CODE + 2, USER_CS, 0x202, RSP, USER_DS)


# ---- segments and flags


def test_cs_comes_from_the_gdt_and_ss_is_null(guest: Guest) -> None:
    seen = guest.cross(code("int 0x80"))
    assert seen.cs == Segment(KERNEL_CS, 0, 0xFFFF_FFFF, 0x00AF_9B00)
    assert seen.ss == Segment(0, 0, 0, 0)
    assert (seen.cpl, seen.rip) == (0, handler(0x80))


def test_the_rpl_of_the_gates_selector_does_not_count(guest: Guest) -> None:
    guest.change_gate(0x80, selector=KERNEL_CS | 3)
    assert guest.cross(code("int 0x80")).cs.selector == KERNEL_CS


SEEN_FLAGS: Final = flags.STATUS | flags.DF | flags.AC | flags.ID | flags.FIXED


@pytest.mark.parametrize(
    ("fields", "kept"), [({}, 0), ({"type": TRAP_GATE}, flags.IF)], ids=["interrupt", "trap"]
)
def test_a_gate_clears_nt_rf_and_tf_and_an_interrupt_gate_also_if(
    guest: Guest, fields: dict[str, int], kept: int
) -> None:
    guest.change_gate(0x80, **fields)
    rflags = SEEN_FLAGS | flags.IF | flags.NT | flags.TF
    seen = guest.cross(code("int 0x80"), rflags=rflags)
    assert seen.stack[2] == rflags
    assert seen.rflags == SEEN_FLAGS | kept


def test_an_interrupt_gate_leaves_interrupts_off_where_they_were_off(guest: Guest) -> None:
    guest.change_gate(0x80, type=TRAP_GATE)
    assert not guest.cross(code("int 0x80"), rflags=0).rflags & flags.IF


# ---- who sets RF, and where RIP points: instruction, RIP past it, RF, vector
RESUME: Final = (
    ("hlt", 0, flags.RF, GP),
    ("ud2", 0, flags.RF, UD),
    ("div ecx", 0, flags.RF, DE),
    ("mov rax, qword ptr [rbx]", 0, flags.RF, PF),
    ("int 0x80", 2, 0, 0x80),
    ("int3", 1, 0, BP),
    ("int 3", 2, 0, BP),
    ("int 4", 2, 0, OF),
    ("int 0x81", 0, flags.RF, GP),
)


@pytest.mark.parametrize(("instruction", "length", "resume", "vector"), RESUME)
def test_a_fault_is_resumed_with_rf_and_a_trap_goes_on_behind(
    guest: Guest, instruction: str, length: int, resume: int, vector: int
) -> None:
    seen = guest.cross(code(f"nop; {instruction}"), rbx=NOWHERE)
    rip, _, rflags = seen.stack[1:4] if vector in (GP, PF) else seen.stack[:3]
    assert guest.entry.vector == vector
    assert (rip, rflags & flags.RF) == (CODE + 1 + length, resume)


def test_int_n_has_cleared_rf_as_every_instruction_does(guest: Guest) -> None:
    assert guest.cross(code("int 0x80"), rflags=flags.RF | 0x202).stack[2] == 0x202


def test_a_conforming_handler_runs_in_ring_3_and_pushes_with_its_rights(guest: Guest) -> None:
    guest.set_descriptor(0x50, SEGMENT.pack(**CONFORMING))
    guest.change_gate(0x80, selector=0x50, offset=CODE)
    assert guest.cross(code("nop; int 0x80")).cpl == 3
    guest.cross(code("nop; nop; int 0x80"), rsp=RSP0)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, 7)


def test_a_frame_that_would_leave_the_canonical_addresses_is_a_stack_fault(guest: Guest) -> None:
    guest.write(TSS_BASE + descriptors.TSS_RSP0, (0xFFFF_8000_0000_0010).to_bytes(8, "little"))
    guest.change_gate(SS, ist=2)
    guest.cross(code("int 0x80"))
    assert (guest.entry.vector, guest.entry.error_code) == (SS, 0)


def test_a_single_step_is_a_trap_without_rf(guest: Guest) -> None:
    seen = guest.cross(code("nop; nop"), rflags=TF_SET)
    assert guest.entry.vector == DB
    assert seen.stack[:3] == (CODE + 1, USER_CS, TF_SET)


def test_int1_is_a_debug_trap_that_no_dpl_stops(guest: Guest) -> None:
    seen = guest.cross(code("int1"))
    assert (guest.entry.vector, seen.stack[0]) == (DB, CODE + 1)


@pytest.mark.parametrize(("rflags", "vector"), [(flags.OF, OF), (0, GP)], ids=["OF", "no OF"])
def test_into_is_a_trap_only_on_overflow(guest: Guest, rflags: int, vector: int) -> None:
    seen = guest.cross(code("nop; into; hlt", long=False), long=False, rflags=rflags)
    assert guest.entry.vector == vector
    assert seen.stack[vector == GP] == CODE + 2


def test_a_refused_into_points_at_itself(guest: Guest) -> None:
    guest.change_gate(OF, dpl=0)
    seen = guest.cross(code("nop; into", long=False), long=False, rflags=flags.OF)
    assert seen.stack[:2] == (8 * OF + 2, CODE + 1)


def test_int3_may_be_the_first_byte_of_a_page(guest: Guest) -> None:
    page = 0x70_0000
    guest.map(page, PAGE_SIZE, USER)
    guest.write(page, code("int3"))
    guest.put(page)
    assert guest.run().stack[0] == page + 1


def test_a_refused_int_n_with_a_prefix_points_at_the_prefix(guest: Guest) -> None:
    seen = guest.cross(bytes.fromhex("66") + code("int 0x81"))
    assert seen.stack[1] == CODE


# ---- from ring 0


def test_a_fault_in_ring_0_pushes_ss_and_rsp_too_and_keeps_the_stack(guest: Guest) -> None:
    guest.write(KERNEL_CODE, code("nop; ud2"))
    guest.put_kernel(KERNEL_CODE, rsp=RSP0 - 0x101)
    seen = guest.run()
    assert seen.gpr("rsp") == RSP0 - 0x110 - 40
    assert seen.stack[:5] == (KERNEL_CODE + 1, KERNEL_CS, 0x1_0002, RSP0 - 0x101, KERNEL_DS)
    assert seen.ss == guest.loaded(KERNEL_DS)
    assert (seen.cpl, seen.rip) == (0, handler(UD))


def test_a_fault_in_ring_0_may_go_to_a_stack_of_its_own(guest: Guest) -> None:
    guest.change_gate(UD, ist=2)
    guest.write(KERNEL_CODE, code("ud2"))
    guest.put_kernel(KERNEL_CODE)
    seen = guest.run()
    assert seen.gpr("rsp") == IST_TOPS[1] - 40
    assert seen.ss == guest.loaded(KERNEL_DS)


def test_a_fault_inside_a_handler_nests_on_the_same_stack(guest: Guest) -> None:
    guest.write(handler(0x80), code("ud2"))
    guest.cross(code("int 0x80"))
    seen = guest.run()
    assert [event.from_cpl for event in guest.events if isinstance(event, Entered)] == [3, 0]
    assert seen.stack[:4] == (handler(0x80), KERNEL_CS, 0x1_0002, RSP0 - 40)
    # The first frame ends 8 bytes off an alignment of 16; the second begins below that.
    assert seen.gpr("rsp") == RSP0 - 48 - 40


def test_a_gate_to_conforming_code_is_entered_in_the_ring_that_asked(guest: Guest) -> None:
    conforming = SEGMENT.put(code_segment(0, long=True), "type", 0b1111)
    guest.set_descriptor(0x50, conforming)
    guest.change_gate(0x80, selector=0x50, offset=CODE)
    seen = guest.cross(code("int 0x80"))
    assert (seen.cpl, seen.cs.selector, seen.rip) == (3, 0x53, CODE)
    assert seen.stack[:5] == (CODE + 2, USER_CS, 0x202, RSP, USER_DS)
    assert seen.gpr("rsp") == (RSP & ~15) - 40


# ---- edges that are still inside


@pytest.mark.parametrize(
    ("limit", "delivered"), [(0x80 * 16 + 15, 0x80), (0x80 * 16 + 14, GP)], ids=["fits", "short"]
)
def test_a_gate_must_lie_wholly_inside_the_limit(guest: Guest, limit: int, delivered: int) -> None:
    guest.set_segments({IDTR: Segment(0, IDT_BASE, limit, 0)})
    guest.cross(code("int 0x80"))
    assert guest.entry.vector == delivered


# ---- what is told: code, mode, then the record's fields
TOLD: Final[tuple[tuple[str, bool, dict[str, Any]], ...]] = (
    ("int 0x80", True, {"mechanism": "int80", "vector": 0x80, "error_code": None}),
    ("int 0x80", False, {"mechanism": "int80", "vector": 0x80, "from_long": False}),
    ("int3", True, {"mechanism": "fault", "vector": BP, "error_code": None}),
    ("hlt", True, {"mechanism": "fault", "vector": GP, "error_code": 0}),
    ("ud2", False, {"mechanism": "fault", "vector": UD, "error_code": None}),
    ("int 0x81", True, {"mechanism": "fault", "vector": GP, "error_code": 0x40A}),
)


@pytest.mark.parametrize(("instruction", "long", "fields"), TOLD)
def test_an_entry_is_told_as_a_record(
    guest: Guest, instruction: str, long: bool, fields: dict[str, Any]
) -> None:
    guest.cross(code(f"nop; {instruction}", long), long=long)
    told = guest.entry._asdict()
    where = {"from_cpl": 3, "from_long": long, "from_rip": CODE + 1}
    where["entry_rip"] = handler(fields["vector"])
    assert told == told | where | fields


def test_an_interrupt_that_is_no_system_call_has_a_name_of_its_own(guest: Guest) -> None:
    guest.change_gate(0x81, dpl=3)
    guest.cross(code("int 0x81"))
    assert guest.entry.mechanism == "interrupt"
