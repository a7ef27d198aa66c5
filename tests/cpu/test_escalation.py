"""What follows when a delivery is refused: the next exception, a double fault, or shutdown.

SDM 3A, "Interrupt 8: Double Fault Exception (#DF)". Each first exception is raised by an
instruction of ring 3; its own gate is spoiled so that delivering it raises the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.cpu.state import Segment
from emu.errors import Shutdown
from emu.events import Entered
from emu.x86.descriptors import TSS_IST1, TSS_RSP0
from emu.x86.paging import PAGE_SIZE
from emu.x86.registers import IDTR, TR
from emu.x86.vectors import DE, DF, GP, NP, PF, SS, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    IDT_BASE,
    IST_TOPS,
    NOWHERE,
    RSP0,
    TSS_BASE,
    TSS_SELECTOR,
    USER_CS,
    Guest,
    handler,
)

READ: Final = "mov rax, qword ptr [rbx]"
FIRST: Final = {UD: "ud2", DE: "div ecx", GP: "hlt", PF: READ, 0x80: "int 0x80"}
BENIGN: Final = (UD, 0x80)
CONTRIBUTORY: Final = (DE, GP)

Spoil = Callable[[Guest, int], None]


def not_a_gate(guest: Guest, vector: int) -> None:
    guest.change_gate(vector, type=12)


def absent(guest: Guest, vector: int) -> None:
    guest.change_gate(vector, present=0)


def crooked_stack(guest: Guest, vector: int) -> None:
    guest.change_gate(vector, ist=4)
    guest.write(TSS_BASE + TSS_IST1 + 24, (1 << 63).to_bytes(8, "little"))


def missing_stack(guest: Guest, vector: int) -> None:
    guest.change_gate(vector, ist=4)
    guest.tables.unmap(IST_TOPS[3] - PAGE_SIZE)


SECOND: Final[dict[int, Spoil]] = {
    GP: not_a_gate,
    NP: absent,
    SS: crooked_stack,
    PF: missing_stack,
}


def delivered(first: int, second: int) -> Guest:
    """The first exception was raised, and its delivery raised the second."""
    guest = Guest()
    for vector in (GP, NP, SS, PF):
        guest.change_gate(vector, ist=2)
    guest.change_gate(DF, ist=1)
    SECOND[second](guest, first)
    guest.cross(code(f"nop; {FIRST[first]}"), rbx=NOWHERE)
    return guest


def pairs(firsts: tuple[int, ...], seconds: tuple[int, ...]) -> list[tuple[int, int]]:
    """Every pair of two different exceptions: a spoiled gate cannot deliver itself."""
    return [(first, second) for first in firsts for second in seconds if first != second]


SERIAL: Final = [*pairs(BENIGN, (GP, NP, SS, PF)), *pairs(CONTRIBUTORY, (PF,))]
DOUBLE: Final = [*pairs(CONTRIBUTORY, (GP, NP, SS)), *pairs((PF,), (GP, NP, SS))]


@pytest.mark.parametrize(("first", "second"), SERIAL)
def test_the_second_is_delivered_where_the_two_may_follow_each_other(
    first: int, second: int
) -> None:
    guest = delivered(first, second)
    assert [refused.raised for refused in guest.refusals] == [second]
    assert guest.entry.vector == second
    assert guest.seen().gpr("rsp") == IST_TOPS[1] - 48


@pytest.mark.parametrize(("first", "second"), DOUBLE)
def test_two_that_do_not_go_together_are_a_double_fault(first: int, second: int) -> None:
    guest = delivered(first, second)
    assert [refused.raised for refused in guest.refusals] == [second]
    assert (guest.entry.vector, guest.entry.error_code) == (DF, 0)
    assert guest.entry.entry_rip == handler(DF)


@pytest.mark.parametrize(("first", "second"), [(GP, GP), (PF, PF)])
def test_an_exception_whose_own_delivery_raises_it_again_is_a_double_fault(
    first: int, second: int
) -> None:
    guest = delivered(first, second)
    assert guest.entry.vector == DF


def test_a_double_fault_has_its_stack_and_an_error_code_of_0() -> None:
    seen = delivered(GP, NP).seen()
    assert seen.gpr("rsp") == IST_TOPS[0] - 48
    assert seen.stack[:3] == (0, CODE + 1, USER_CS)
    assert seen.rip == handler(DF)


def test_nothing_of_a_frame_that_failed_is_left_on_the_stack_pointer() -> None:
    assert delivered(GP, PF).seen().stack[4] == 0x60_0FC0


def test_a_double_fault_is_one_entry_and_counts_no_instruction() -> None:
    guest = delivered(GP, NP)
    assert len([event for event in guest.events if isinstance(event, Entered)]) == 1
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (1, 0)


def test_the_fault_address_of_a_missing_stack_is_that_of_the_first_push() -> None:
    guest = delivered(UD, PF)
    guest.state.load()
    assert guest.state.control(2) == IST_TOPS[3] - 8


def test_a_frame_that_runs_out_of_its_page_faults_at_the_word_below_it() -> None:
    guest = Guest()
    guest.change_gate(PF, ist=2)
    top = IST_TOPS[3] - PAGE_SIZE + 16
    guest.write(TSS_BASE + TSS_RSP0, top.to_bytes(8, "little"))
    guest.cross(code("int 0x80"))
    guest.state.load()
    assert (guest.entry.vector, guest.state.control(2)) == (PF, top - 24)


# ---- shutdown


def shut_down(guest: Guest, text: str) -> str:
    guest.write(CODE, code(text))
    guest.put(rbx=NOWHERE)
    with pytest.raises(Shutdown) as caught:
        guest.run()
    return str(caught.value)


@pytest.mark.parametrize(("second", "reason"), [(NP, "gate not present"), (PF, "push of the")])
def test_a_double_fault_that_is_refused_shuts_the_processor_down(second: int, reason: str) -> None:
    guest = Guest()
    not_a_gate(guest, GP)
    SECOND[second](guest, DF)
    sentence = shut_down(guest, "nop; hlt")
    assert sentence.startswith(f"triple fault at {CODE + 1:#x}: #GP -> #DF -> ")
    assert reason in sentence


def test_the_sentence_names_every_cause_in_order() -> None:
    guest = Guest()
    absent(guest, 0x80)
    absent(guest, NP)
    absent(guest, DF)
    sentence = shut_down(guest, "int 0x80")
    assert "0x80 -> #NP -> #DF -> #NP (gate not present: vector 0x8)" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("no IDT", lambda guest: guest.set_segments({IDTR: Segment(0, IDT_BASE, 0, 0)})),
        ("no TSS", lambda guest: guest.set_segments({TR: Segment(TSS_SELECTOR, 0, 3, 0x8B00)})),
        ("no stack", lambda guest: guest.tables.unmap(RSP0 - PAGE_SIZE)),
        ("IDT not mapped", lambda guest: guest.tables.unmap(IDT_BASE)),
        ("IDT elsewhere", lambda guest: guest.set_segments({IDTR: Segment(0, NOWHERE, 4095, 0)})),
        ("empty GDT", lambda guest: guest.set_descriptor(0x10, 0)),
    ],
)
def test_a_processor_that_can_deliver_nothing_shuts_down(
    name: str, spoil: Callable[[Guest], object]
) -> None:
    guest = Guest()
    guest.write(CODE, code("int 0x80"))
    guest.put()
    spoil(guest)
    with pytest.raises(Shutdown, match="triple fault"):
        guest.run()
    assert len(guest.refusals) == 3, name


def test_after_a_shutdown_the_program_is_where_it_was() -> None:
    guest = Guest()
    guest.tables.unmap(IDT_BASE)
    shut_down(guest, "int 0x80")
    seen = guest.seen()
    assert (seen.cpl, seen.gpr("rsp")) == (3, 0x60_0FC0)
    assert guest.machine.counter.kernel == 0


def test_a_machine_that_shut_down_can_be_used_again() -> None:
    guest = Guest()
    guest.tables.unmap(IDT_BASE)
    shut_down(guest, "int 0x80")
    guest.map(IDT_BASE, PAGE_SIZE, 0)
    for _ in range(3):
        shut_down(guest, "nop; hlt")
    assert len(guest.refusals) == 3 + 9


# ---- the kernel's own faults


def test_a_kernel_stack_that_overflows_is_a_double_fault_on_its_own_stack() -> None:
    guest = Guest()
    guest.change_gate(DF, ist=1)
    guest.write(0xFFFF_FFFF_81C0_2000, code("push rax"))
    guest.put_kernel(0xFFFF_FFFF_81C0_2000, rsp=IST_TOPS[0] - PAGE_SIZE)
    seen = guest.run()
    assert [(r.vector, r.raised) for r in guest.refusals] == [(PF, PF)]
    assert (guest.entry.vector, seen.gpr("rsp")) == (DF, IST_TOPS[0] - 48)
