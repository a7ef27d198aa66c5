"""A failing comparison shows only what differs, by names."""

from __future__ import annotations

import pytest

from emu.testing import Flags, Frame, Guest, Word
from emu.testing.diff import explain
from tests.cpu.assembler import code
from tests.testing.test_states import FRAME, state


def test_states_show_the_fields_that_differ_and_the_names_of_flags() -> None:
    left, right = state(rax=1, rflags=0x246), state(rax=2, rflags=0x202)
    assert explain(left, right) == [
        "left == right: the states differ in rax, rflags",
        "                left              right",
        "rax             0x1               0x2",
        "rflags          0x246 (PF ZF IF)  0x202 (IF)",
        "rflags: only left: PF ZF",
    ]


def test_frames_show_the_fields_that_differ() -> None:
    assert explain(FRAME, Frame(cs=0x23, rip=0x400000)) == [
        "left == right: the frames differ in cs",
        "                left                       right",
        "cs              0x33 (GDT entry 6, RPL 3)  0x23 (GDT entry 4, RPL 3)",
    ]


@pytest.mark.parametrize(
    ("left", "right", "lines"),
    [
        (Flags(0x246), 0x202, ["0x246 (PF ZF IF) == 0x202 (IF)", "only left: PF ZF"]),
        (0x602, Flags(0x202), ["0x602 (IF DF) == 0x202 (IF)", "only left: DF"]),
        (Flags(0x202), Flags(2), ["0x202 (IF) == 0x2", "only left: IF"]),
        (Word(0x10), 0x20, ["0x10 == 0x20"]),
        (0x10, Word(0x20), ["0x10 == 0x20"]),
    ],
)
def test_numbers_are_shown_alike_on_both_sides(left: int, right: int, lines: list[str]) -> None:
    assert explain(left, right) == lines


def test_traps_show_the_parts_that_differ(ring3: Guest) -> None:
    one = ring3.code(code("int 0x80"), rbx=1).run_until_trap()
    other = ring3.code(code("int 0x80"), rbx=2).run_until_trap()
    lines = explain(one, other)
    assert lines is not None
    assert lines[:2] == [
        "left == right: the traps differ",
        "left == right: the states `user` differ in rbx",
    ]
    third = ring3.code(code("syscall"), rbx=1).run_until_trap()
    assert "mechanism: int80 == syscall" in (explain(one, third) or [])


def test_other_values_are_left_to_pytest() -> None:
    assert explain(1, 2) is None
    assert explain("a", Word(1)) is None
