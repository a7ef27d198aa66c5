"""Entries of the page tables, canonical addresses, and the edges of pages."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import paging

TOP: Final = (1 << 64) - 1


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        (0, True),
        (0x0000_7FFF_FFFF_FFFF, True),
        (0x0000_8000_0000_0000, False),
        (0x0001_0000_0000_0000, False),
        (0x7FFF_FFFF_FFFF_FFFF, False),
        (0x8000_0000_0000_0000, False),
        (0xFFFF_0000_0000_0000, False),
        (0xFFFF_7FFF_FFFF_FFFF, False),
        (0xFFFF_8000_0000_0000, True),
        (TOP, True),
    ],
)
def test_an_address_is_canonical_when_its_upper_bits_are_equal(
    address: int, canonical: bool
) -> None:
    assert paging.is_canonical(address) is canonical


# SDM 3A, "Format of a Page-Table Entry that Maps a 4-KByte Page".
@pytest.mark.parametrize(
    ("name", "bit"),
    [
        ("PRESENT", 0),
        ("WRITABLE", 1),
        ("USER", 2),
        ("ACCESSED", 5),
        ("DIRTY", 6),
        ("HUGE", 7),
        ("NO_EXECUTE", 63),
    ],
)
def test_a_bit_of_an_entry_stands_where_the_manual_has_it(name: str, bit: int) -> None:
    assert getattr(paging, name) == 1 << bit


@pytest.mark.parametrize(
    ("name", "bit"),
    [("PF_PRESENT", 0), ("PF_WRITE", 1), ("PF_USER", 2), ("PF_RESERVED", 3), ("PF_FETCH", 4)],
)
def test_a_bit_of_a_page_faults_code_stands_where_the_manual_has_it(name: str, bit: int) -> None:
    assert getattr(paging, name) == 1 << bit


def test_an_address_field_and_the_rights_do_not_overlap() -> None:
    rights = paging.PRESENT | paging.WRITABLE | paging.USER | paging.HUGE | paging.NO_EXECUTE
    assert not paging.ADDRESS_MASK & (rights | paging.ACCESSED | paging.DIRTY)
    assert paging.ADDRESS_MASK.bit_length() == 52


def test_the_four_indices_and_the_offset_make_a_canonical_address() -> None:
    assert paging.LEVEL_SHIFTS == (39, 30, 21, 12)
    assert paging.INDEX_MASK == 0x1FF
    assert paging.LEVEL_SHIFTS[0] + 9 == paging.CANONICAL_BITS


@pytest.mark.parametrize(
    ("address", "base", "up"),
    [
        (0, 0, 0),
        (1, 0, 0x1000),
        (0xFFF, 0, 0x1000),
        (0x1000, 0x1000, 0x1000),
        (0x1001, 0x1000, 0x2000),
        (0xFFFF_FFFF_FFFF_F123, 0xFFFF_FFFF_FFFF_F000, 1 << 64),
    ],
)
def test_a_page_begins_below_an_address_and_the_next_above_it(
    address: int, base: int, up: int
) -> None:
    assert paging.page_base(address) == base
    assert paging.page_up(address) == up
