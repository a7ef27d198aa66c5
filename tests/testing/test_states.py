"""States are compared field by field, frames may leave fields open."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from emu.testing import Flags, Frame, Selector, State, Word
from emu.testing.states import COMPARED, difference, frame_difference
from emu.x86.registers import GPRS, SEGMENTS

FRAME = Frame(rip=0x400000, cs=0x33, rflags=0x202, rsp=0x7000, ss=0x2B)


def state(**changes: int) -> State:
    fields: dict[str, Any] = {name: Word(0) for name in COMPARED}
    fields |= {name: Selector(0) for name in SEGMENTS}
    made = State(**(fields | {"rflags": Flags(2), "cpl": 3, "length": 2}))
    return made.but(**changes)


def test_equal_states_differ_in_nothing() -> None:
    assert state() == state()
    assert difference(state(), state()) == {}


@pytest.mark.parametrize("name", COMPARED)
def test_a_field_that_differs_is_the_difference(name: str) -> None:
    other = state(**{name: 7})
    assert other != state()
    assert difference(state(), other) == {name: (getattr(state(), name), 7)}
    assert type(getattr(other, name)) is type(getattr(state(), name))


def test_where_the_next_instruction_stands_is_no_difference() -> None:
    assert state(length=5, rip=1).next_rip == 6
    assert state(length=5) == state(length=1)


@pytest.mark.parametrize(
    ("part", "value"),
    [("eax", 0x55667788), ("ax", 0x7788), ("al", 0x88), ("ah", 0x77), ("r8d", 0x55667788)],
)
def test_parts_of_registers_have_their_names(part: str, value: int) -> None:
    assert getattr(state(rax=0x1122334455667788, r8=0x1122334455667788), part) == value


def test_a_register_that_does_not_exist_is_named() -> None:
    with pytest.raises(AttributeError, match="no register 'xyz'"):
        _ = state().xyz


def test_a_state_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        state().rax = Word(1)  # type: ignore[misc]  # that is the claim


def test_the_registers_are_there_by_name() -> None:
    assert tuple(state(rbx=3).registers) == GPRS
    assert state(rbx=3).registers["rbx"] == 3


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        (FRAME, ()),
        (Frame(), ()),
        (Frame(cs=0x33, ss=0x2B), ()),
        (Frame(cs=0x23, ss=0x2B), ("cs",)),
        (Frame(rip=1, cs=2, rflags=3, rsp=4, ss=5), ("rip", "cs", "rflags", "rsp", "ss")),
    ],
)
def test_a_frame_equals_another_in_the_fields_that_both_name(
    other: Frame, differing: tuple[str, ...]
) -> None:
    assert (other == FRAME) is not bool(differing)
    assert tuple(frame_difference(other, FRAME)) == differing


def test_a_frame_prints_names() -> None:
    assert "rflags=0x202 (IF)" in repr(FRAME)
    assert FRAME != 5
