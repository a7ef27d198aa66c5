"""Registers have the numbers of the instruction encoding, and control bits those of the manual."""

from __future__ import annotations

import pytest

from emu.x86 import registers


@pytest.mark.parametrize(("number", "name"), list(enumerate(registers.GPRS)))
def test_a_general_register_has_the_number_of_its_encoding(number: int, name: str) -> None:
    assert getattr(registers, name.upper()) == number


@pytest.mark.parametrize(("number", "name"), list(enumerate(registers.SEGMENTS)))
def test_a_segment_register_has_the_number_of_its_encoding(number: int, name: str) -> None:
    assert getattr(registers, name.upper()) == number


def test_the_system_registers_follow_the_segments() -> None:
    order = (registers.LDTR, registers.TR, registers.GDTR, registers.IDTR)
    assert order == (6, 7, 8, 9)


@pytest.mark.parametrize(
    ("name", "bit"),
    [
        ("CR0_PE", 0),
        ("CR0_MP", 1),
        ("CR0_EM", 2),
        ("CR0_TS", 3),
        ("CR0_ET", 4),
        ("CR0_NE", 5),
        ("CR0_WP", 16),
        ("CR0_AM", 18),
        ("CR0_PG", 31),
        ("CR4_TSD", 2),
        ("CR4_PAE", 5),
        ("CR4_PGE", 7),
        ("CR4_OSFXSR", 9),
        ("CR4_OSXMMEXCPT", 10),
        ("CR4_UMIP", 11),
        ("CR4_FSGSBASE", 16),
        ("CR4_OSXSAVE", 18),
        ("CR4_SMEP", 20),
        ("CR4_SMAP", 21),
    ],
)
def test_a_control_bit_stands_where_the_manual_has_it(name: str, bit: int) -> None:
    assert getattr(registers, name) == 1 << bit


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("rax", ("rax", 0, (1 << 64) - 1)),
        ("eax", ("rax", 0, 0xFFFF_FFFF)),
        ("ax", ("rax", 0, 0xFFFF)),
        ("al", ("rax", 0, 0xFF)),
        ("ah", ("rax", 8, 0xFF)),
        ("sil", ("rsi", 0, 0xFF)),
        ("spl", ("rsp", 0, 0xFF)),
        ("r8b", ("r8", 0, 0xFF)),
        ("r15d", ("r15", 0, 0xFFFF_FFFF)),
    ],
)
def test_a_part_of_a_register_is_where_the_manual_has_it(
    name: str, part: tuple[str, int, int]
) -> None:
    assert registers.parts()[name] == part


def test_there_are_four_names_of_each_register_and_four_high_bytes() -> None:
    assert len(registers.parts()) == 4 * len(registers.GPRS) + 4
