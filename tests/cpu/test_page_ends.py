"""Code at the end of a page behind which there is none: what runs, what faults, and where.

A processor executes every instruction before it fetches what it cannot.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import pytest

from emu.x86.paging import PAGE_SIZE, USER
from emu.x86.vectors import DE, PF
from tests.cpu.assembler import code
from tests.cpu.machine_builder import COUNTERS, NOWHERE, Guest, handler

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
)
FINE: Final = (
    Case("begins with an instruction that is cut", "inc rax", PF, FETCH, 0, 0, cut=1),
    Case("calls the kernel last", "nop; int 0x80", 0x80, None, 3, 2),
)
LATE: Final = pytest.mark.xfail(
    reason="the engine translates a block as a whole: it fetches beyond the page before it runs"
)


def cases() -> list[Any]:
    return [
        *(pytest.param(case, id=case.name, marks=LATE) for case in CASES),
        *(pytest.param(case, id=case.name) for case in FINE),
    ]


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("case", cases())
def test_what_stands_before_the_end_of_a_page_runs_first(case: Case, counter: str) -> None:
    guest = Guest(counter=counter)
    guest.map(PAGE, PAGE_SIZE, USER)
    made = code(case.text)
    start = END - len(made) + case.cut
    guest.write(start, made[: len(made) - case.cut])
    guest.put(start, rbx=NOWHERE)
    seen = guest.run()
    has_code = case.error_code is not None
    assert guest.entry.vector == case.vector
    assert seen.stack[has_code] == start + case.at
    assert guest.entry.error_code == case.error_code
    assert seen.rip == handler(case.vector)
    assert guest.machine.counter.user == case.retired
