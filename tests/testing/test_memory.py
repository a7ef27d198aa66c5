"""Pages mapped by declaration: who may use them, what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import UsageError
from emu.testing import Guest, MakeMachine
from emu.testing.guest import CODE
from emu.x86 import vectors
from tests.cpu.assembler import code

KERNEL = Path(__file__).parents[2] / "examples/kernels/bin/quick.elf"
PAGE = 0x9000_0000
READ, WRITE = code("mov rax, qword ptr [rbx]"), code("mov qword ptr [rbx], rax")
JUMP = code("jmp rbx")

# what is declared, what ring 3 does there, the error code's fields that are set; None: no fault
ACCESSES: list[tuple[dict[str, bool], bytes, tuple[str, ...] | None]] = [
    ({"user": True}, READ, None),
    ({"user": True}, WRITE, None),
    ({"user": True, "writable": False}, READ, None),
    ({"user": True, "writable": False}, WRITE, ("present", "write", "user")),
    ({"user": True}, JUMP, ("present", "user", "fetch")),
    ({}, READ, ("present", "user")),
]


@pytest.mark.parametrize(("rights", "access", "fields"), ACCESSES)
def test_a_page_has_the_rights_that_were_declared(
    ring3: Guest, rights: dict[str, bool], access: bytes, fields: tuple[str, ...] | None
) -> None:
    ring3.map(PAGE, **rights)
    trap = ring3.code(access, rbx=PAGE).run_until_trap()
    if fields is None:
        assert (trap.vector, trap.user.rip) == (vectors.GP, CODE + 3)
    else:
        assert (trap.vector, trap.entry.cr2) == (vectors.PF, PAGE)
        code_ = trap.error_code
        names = ("present", "write", "user", "reserved", "fetch")
        assert tuple(name for name in names if getattr(code_, name)) == fields


def test_what_is_written_is_read(ring3: Guest) -> None:
    ring3.map(PAGE, 0x2000)
    ring3.write(PAGE + 0xFFC, b"12345678")
    assert ring3.read(PAGE + 0xFFC) == b"12345678"
    ring3.write(PAGE, -1)
    assert ring3.read_word(PAGE) == (1 << 64) - 1


def test_a_page_that_is_mapped_again_keeps_what_it_holds(ring3: Guest) -> None:
    ring3.map(PAGE)
    ring3.write(PAGE, 7)
    assert ring3.owner(PAGE) == "kernel"
    ring3.map(PAGE, user=True)
    assert (ring3.owner(PAGE), ring3.read_word(PAGE)) == ("user", 7)


def test_a_page_that_is_taken_away_is_nobodys(ring3: Guest) -> None:
    ring3.map(PAGE)
    ring3.unmap(PAGE)
    assert ring3.owner(PAGE) == ""
    with pytest.raises(UsageError, match="no page is mapped at 0x90000000"):
        ring3.read(PAGE)


def test_a_kernel_has_the_rights_of_its_segments(machine: MakeMachine) -> None:
    guest = machine(KERNEL)
    assert guest.owner(guest.symbols["dispatch"]) == "kernel"
    guest.put("cpu0", ring=0)
    trap = guest.run_until_trap()
    assert trap.error_code is not None
    assert (trap.vector, trap.error_code.fetch) == (vectors.PF, 1)
