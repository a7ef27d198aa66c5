"""Symbols of the guest: names to addresses and back.

It knows names and addresses; what lies there it does not know.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from emu.errors import UsageError
from emu.testing.states import Place

_NEAR = 0x1_0000  # a symbol farther below than this does not name an address


class Symbols(dict[str, int]):
    """Addresses by name; `name_of` goes the other way."""

    def __init__(self, symbols: Mapping[str, int] = {}) -> None:
        super().__init__(symbols)
        self._sorted: list[tuple[int, str]] | None = None

    def add(self, symbols: Mapping[str, int]) -> None:
        """Adds names, which replace those of the same name."""
        self.update(symbols)
        self._sorted = None

    def address(self, place: Place) -> int:
        """The address of `place`. Raises UsageError where no symbol has that name."""
        if isinstance(place, int):
            return place
        name, _, offset = place.partition("+")
        if name not in self:
            raise UsageError(f"no symbol {name!r}{self._advice(name)}")
        return self[name] + (int(offset, 0) if offset else 0)

    def _advice(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, self)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        return "" if self else ": the machine has no kernel image, so no symbols"

    def name_of(self, address: int) -> str:
        """`dispatch+0x12`, or the address where no symbol is near."""
        if self._sorted is None:
            self._sorted = sorted((value, name) for name, value in self.items())
        index = bisect_right(self._sorted, (address, "\uffff")) - 1
        if index >= 0:
            value, name = self._sorted[index]
            if address - value < _NEAR:
                return name if address == value else f"{name}+{address - value:#x}"
        return f"{int(address):#x}"
