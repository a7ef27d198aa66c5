"""Numbers compare as integers and print as names."""

from __future__ import annotations

import copy
import pickle

import pytest

from emu.testing import ErrorCode, Flags, Selector, Vector, Word
from emu.x86 import vectors


@pytest.mark.parametrize(
    ("value", "number", "printed"),
    [
        (Word(0x400000), 0x400000, "0x400000"),
        (Flags(0x246), 0x246, "0x246 (PF ZF IF)"),
        (Flags(0x3002), 0x3002, "0x3002 (IOPL=3)"),
        (Flags(2), 2, "0x2"),
        (Selector(0x33), 0x33, "0x33 (GDT entry 6, RPL 3)"),
        (Selector(0x0F), 0x0F, "0xf (LDT entry 1, RPL 3)"),
        (Selector(0), 0, "0x0 (null)"),
        (Vector(14), 14, "0xe (#PF, page fault)"),
        (Vector(0x80), 0x80, "0x80"),
        (ErrorCode(6, 14), 6, "0x6 (user write of a page that is not present)"),
        (ErrorCode(0x102, 13), 0x102, "0x102 (gate 0x20 of the IDT)"),
    ],
)
def test_a_number_equals_the_integer_and_prints_its_meaning(
    value: Word, number: int, printed: str
) -> None:
    assert value == number
    assert hash(value) == hash(number)
    assert (repr(value), str(value)) == (printed, printed)


def test_flags_are_attributes() -> None:
    rflags = Flags(0x3246)
    assert (rflags.IF, rflags.ZF, rflags.DF, rflags.IOPL) == (True, True, False, 3)


def test_a_flag_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(AttributeError, match=r"no flag 'XF' in RFLAGS; known: CF .* IOPL"):
        _ = Flags(2).XF


def test_a_selector_has_its_fields() -> None:
    assert (Selector(0x2B).rpl, Selector(0x2B).entry) == (3, 5)


def test_the_fields_of_an_error_code_are_those_of_its_vector() -> None:
    code = ErrorCode(7, vectors.PF)
    assert (code.present, code.write, code.user, code.fetch) == (1, 1, 1, 0)
    assert ErrorCode(0x402, vectors.GP).index == 0x80
    with pytest.raises(AttributeError, match="no field 'write' in the error code of #GP"):
        _ = ErrorCode(0, vectors.GP).write


@pytest.mark.parametrize("value", [ErrorCode(6, 14), Flags(0x202), Word(1)])
def test_a_value_survives_copying_and_pickling(value: Word) -> None:
    for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (twin, type(twin), repr(twin)) == (value, type(value), repr(value))
