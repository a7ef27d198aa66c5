"""Names to addresses and back."""

from __future__ import annotations

import pytest

from emu.errors import UsageError
from emu.testing.states import Place
from emu.testing.symbols import Symbols

SYMBOLS = Symbols({"dispatch": 0x1000, "alltraps": 0x1100, "far": 0x40_0000})


@pytest.mark.parametrize(
    ("place", "address"), [(0x55, 0x55), ("dispatch", 0x1000), ("alltraps+0x10", 0x1110)]
)
def test_a_place_has_an_address(place: Place, address: int) -> None:
    assert SYMBOLS.address(place) == address


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x1000, "dispatch"),
        (0x10FF, "dispatch+0xff"),
        (0x1100, "alltraps"),
        (0xFFF, "0xfff"),
        (0x3F_0000, "0x3f0000"),
    ],
)
def test_an_address_has_the_name_of_the_nearest_symbol_below(address: int, name: str) -> None:
    assert SYMBOLS.name_of(address) == name


def test_a_symbol_that_is_added_later_is_found() -> None:
    symbols = Symbols({"a": 0x1000})
    assert symbols.name_of(0x1008) == "a+0x8"
    symbols.add({"b": 0x1008})
    assert symbols.name_of(0x1008) == "b"


@pytest.mark.parametrize(
    ("symbols", "place", "sentence"),
    [
        (SYMBOLS, "dispach", "no symbol 'dispach'; did you mean dispatch?"),
        (SYMBOLS, "zzz", "no symbol 'zzz'"),
        (Symbols(), "x", "no symbol 'x': the machine has no kernel image, so no symbols"),
    ],
)
def test_a_name_that_does_not_exist_is_refused(symbols: Symbols, place: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        symbols.address(place)
    assert str(refused.value) == sentence
