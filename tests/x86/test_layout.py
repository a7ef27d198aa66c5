"""A Layout packs and unpacks any structure of named bit spans, and refuses what does not fit."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86.descriptors import SEGMENT, SYSTEM
from emu.x86.error_codes import SELECTOR
from emu.x86.gates import GATE
from emu.x86.layout import Layout
from emu.x86.msrs import STAR_LAYOUT

ONE: Final = Layout("one", 4, low=(0, 4), high=(28, 4))
SPLIT: Final = Layout("split", 8, parts=((0, 8), (24, 8), (56, 8)), middle=(8, 16))
ALL: Final = (ONE, SPLIT, SEGMENT, SYSTEM, GATE, SELECTOR, STAR_LAYOUT)

# layout, field, number, where its bits stand
PLACES: Final = (
    (ONE, "low", 0xF, 0x0000_000F),
    (ONE, "high", 0x9, 0x9000_0000),
    (SPLIT, "parts", 0x00_00_11, 0x11),
    (SPLIT, "parts", 0x00_22_00, 0x2200_0000),
    (SPLIT, "parts", 0x33_00_00, 0x33 << 56),
    (SPLIT, "parts", 0x33_22_11, 0x3300_0000_2200_0011),
    (SPLIT, "middle", 0xBEEF, 0xBEEF00),
    (GATE, "offset", 0x1122_3344_5566_7788, 0x11223344_55660000_00007788),
    (SEGMENT, "base", 0xA1B2_C3D4, 0xA100_00B2_C3D4_0000),
    (SEGMENT, "limit", 0xF_1234, 0x000F_0000_0000_1234),
    (SYSTEM, "base", 0xFFFF_FE00_A1B2_C3D4, 0xFFFF_FE00 << 64 | 0xA100_00B2_C3D4_0000),
)


@pytest.mark.parametrize(("layout", "field", "number", "packed"), PLACES)
def test_a_field_stands_in_its_spans_lowest_part_first(
    layout: Layout, field: str, number: int, packed: int
) -> None:
    assert layout.pack(**{field: number}) == packed
    assert layout.get(packed, field) == number


def fields() -> list[tuple[Layout, str]]:
    return [(layout, field) for layout in ALL for field in layout.fields]


def full(layout: Layout, field: str) -> int:
    return (1 << sum(width for _, width in layout.fields[field])) - 1


@pytest.mark.parametrize(("layout", "field"), fields())
def test_the_largest_number_comes_back_and_touches_no_other_field(
    layout: Layout, field: str
) -> None:
    unpacked = layout.unpack(layout.pack(**{field: full(layout, field)}))
    assert unpacked.pop(field) == full(layout, field)
    assert not any(unpacked.values())


@pytest.mark.parametrize(("layout", "field"), fields())
def test_a_number_that_does_not_fit_is_refused_by_name(layout: Layout, field: str) -> None:
    with pytest.raises(ValueError, match=rf"{layout.name}\.{field} cannot hold"):
        layout.pack(**{field: full(layout, field) + 1})


@pytest.mark.parametrize(("layout", "field"), fields())
def test_put_replaces_a_field_and_leaves_all_others(layout: Layout, field: str) -> None:
    ones = (1 << 8 * layout.size) - 1
    cleared = layout.put(ones, field, 0)
    assert layout.get(cleared, field) == 0
    assert layout.put(cleared, field, full(layout, field)) == ones


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_no_two_fields_of_a_structure_overlap_and_none_leaves_it(layout: Layout) -> None:
    bits = [
        low + i for spans in layout.fields.values() for low, width in spans for i in range(width)
    ]
    assert len(bits) == len(set(bits))
    assert max(bits) < 8 * layout.size


def test_memory_order_is_little_endian() -> None:
    assert ONE.pack_bytes(low=1, high=2) == bytes.fromhex("01000020")


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        ONE.pack(low=-1)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(KeyError):
        ONE.pack(nothing=1)
