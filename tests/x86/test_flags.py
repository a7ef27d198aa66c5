"""RFLAGS: each bit is the manual's, and its name is told."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import flags

# SDM 1, "EFLAGS Register": the figure, from bit 0.
BITS: Final = {
    "CF": 0,
    "PF": 2,
    "AF": 4,
    "ZF": 6,
    "SF": 7,
    "TF": 8,
    "IF": 9,
    "DF": 10,
    "OF": 11,
    "NT": 14,
    "RF": 16,
    "VM": 17,
    "AC": 18,
    "VIF": 19,
    "VIP": 20,
    "ID": 21,
}


def test_the_named_bits_are_those_of_the_manual() -> None:
    assert {name: 1 << bit for name, bit in BITS.items()} == flags.NAMES


def test_a_constant_and_its_name_mean_the_same_bit() -> None:
    assert {name: getattr(flags, name) for name in BITS} == flags.NAMES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, ""),
        (0x2, ""),  # the bit that is always 1 has no name
        (0x202, "IF"),
        (0x246, "PF ZF IF"),
        (0x10202, "IF RF"),
        (0x1202, "IF IOPL=1"),
        (0x3000, "IOPL=3"),
        (0xAD7, "CF PF AF ZF SF IF OF"),
    ],
)
def test_flags_are_told_lowest_bit_first_with_iopl_last(value: int, text: str) -> None:
    assert flags.describe(value) == text


def test_iopl_is_two_bits_that_no_name_covers() -> None:
    assert flags.IOPL == 3 << flags.IOPL_SHIFT == 0x3000
    assert not any(bit & flags.IOPL for bit in flags.NAMES.values())


def test_the_status_flags_are_the_six_of_arithmetic() -> None:
    assert flags.STATUS == 0x8D5
