"""Code at the end of a page behind which there is none: what runs, what faults, and where.

A processor executes every instruction before it fetches what it cannot.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from emu.x86 import flags
from emu.x86.paging import PAGE_SIZE, USER
from emu.x86.vectors import DB, DE, PF
from tests.cpu.assembler import code
from tests.cpu.machine_builder import COUNTERS, DATA, NOWHERE, Guest, handler

PAGE: Final = 0x70_0000
END: Final = PAGE + PAGE_SIZE
FETCH: Final = 0x14
LOAD: Final = "mov rax, qword ptr [rbx]"


class Case(NamedTuple):
    """Code whose last byte is that of the page. `at` is where it faults, from its start."""

    name: str
    text: str
    vector: int
    error_code: int | None
    at: int
    retired: int
    cut: int = 0  # how many bytes of the last instruction lie beyond the page


CASES: Final = (
    Case("runs off the end", "inc rax; inc rax", PF, FETCH, 6, 2),
    Case("divides by zero first", "xor ecx, ecx; div ecx; nop", DE, None, 2, 1),
    Case("loads from nowhere first", f"inc rax; {LOAD}; nop", PF, 4, 3, 1),
    Case("loads from nowhere last", "jmp a; nop; a: " + LOAD, PF, 4, 3, 1),
    Case("runs into an instruction that is cut", "inc rax; inc rax", PF, FETCH, 3, 1, cut=2),
    Case("begins with an instruction that is cut", "inc rax", PF, FETCH, 0, 0, cut=1),
    Case("calls the kernel last", "nop; int 0x80", 0x80, None, 3, 2),
    Case("repeats first", "mov ecx, 5; rep stosb byte ptr [rdi], al; nop", PF, FETCH, 8, 3),
    Case("reads its flags first", "pushfq; pop rax; nop", PF, FETCH, 3, 3),
    Case("writes its flags first", "push rcx; popfq; inc rax; inc rax", PF, FETCH, 8, 4),
    Case("a long row", "; ".join(["inc rax"] * 40), PF, FETCH, 120, 40),
)


def place(guest: Guest, case: Case) -> int:
    """Puts the code at the end of PAGE and the CPU before it; returns where it starts."""
    guest.map(PAGE, PAGE_SIZE, USER)
    made = code(case.text)
    start = END - len(made) + case.cut
    guest.write(start, made[: len(made) - case.cut])
    guest.put(start, rbx=NOWHERE, rcx=0x202, rdi=DATA)
    return start


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_stands_before_the_end_of_a_page_runs_first(case: Case, counter: str) -> None:
    guest = Guest(counter=counter)
    start = place(guest, case)
    seen = guest.run()
    has_code = case.error_code is not None
    assert guest.entry.vector == case.vector
    assert seen.stack[has_code] == start + case.at
    assert guest.entry.error_code == case.error_code
    assert seen.rip == handler(case.vector)
    assert guest.machine.counter.user == case.retired


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_program_never_sees_how_it_is_stepped(case: Case, counter: str) -> None:
    guest = Guest(counter=counter)
    place(guest, case)
    seen = guest.run()
    has_code = case.error_code is not None
    assert not seen.stack[2 + has_code] & flags.TF
    assert not seen.rflags & flags.TF


@pytest.mark.xfail(reason="PUSHF pushes the trap flag by which the engine is made to step")
@pytest.mark.parametrize("counter", COUNTERS)
def test_pushf_does_not_show_how_it_is_stepped(counter: str) -> None:
    guest = Guest(counter=counter)
    place(guest, next(case for case in CASES if "pushfq" in case.text))
    assert not guest.run().gpr("rax") & flags.TF


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_program_that_is_stepped_by_itself_stays_so(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.map(PAGE, PAGE_SIZE, USER)
    guest.write(END - 2, code("nop; nop"))
    guest.put(END - 2, rflags=flags.TF | flags.IF)
    seen = guest.run()
    assert guest.entry.vector == DB
    assert seen.stack[:3:2] == (END - 1, flags.TF | flags.IF | flags.FIXED)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_page_that_is_mapped_in_time_lets_the_program_go_on(counter: str) -> None:
    guest = Guest(counter=counter)
    place(guest, CASES[0])

    def map_it(_call: int) -> None:
        if guest.entry.vector == 0x80:
            guest.engine.stop()
            return
        guest.map(END, PAGE_SIZE, USER)
        guest.write(END, code("inc rax; int 0x80"))

    guest.attach(map_it)
    guest.write(handler(PF), code("vmcall; add rsp, 8; iretq"))
    guest.write(handler(0x80), code("vmcall"))
    assert guest.run().gpr("rax") == 3
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (4, 3 + 1)
