"""Names for addresses and addresses for names: the program's, its libraries' and the kernel's.

What is mapped may change while the program runs, so the table is made anew when the guest's layout
differs; reading a file's symbols takes its time, so it is made when somebody asks first.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from emu.debug.guest import Guest, Named

_FARTHEST: Final = 0x10000  # bytes behind a symbol without a size that still carry its name


class Symbols:
    """The symbols of all that is mapped."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._layout: object = None
        self._sorted: list[Named] = []
        self._addresses: list[int] = []
        self._by_name: dict[str, Named] = {}

    def find(self, name: str) -> Named | None:
        """The symbol `name`; of several, the program's own comes first."""
        self._refresh()
        return self._by_name.get(name)

    def at(self, address: int) -> tuple[Named, int] | None:
        """The symbol that `address` belongs to, and how far behind its start it stands."""
        self._refresh()
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        symbol = self._sorted[index]
        offset = address - symbol.address
        return (symbol, offset) if offset < (symbol.size or _FARTHEST) else None

    def describe(self, address: int) -> str:
        """`0x401136 <main+4>`, or the number alone."""
        found = self.at(address)
        if found is None:
            return f"{address:#x}"
        symbol, offset = found
        return f"{address:#x} <{symbol.name}{f'+{offset}' if offset else ''}>"

    def names(self) -> list[str]:
        """Every name, in order of the alphabet."""
        self._refresh()
        return sorted(self._by_name)

    def all(self) -> list[Named]:
        """Every symbol by address."""
        self._refresh()
        return self._sorted

    def _refresh(self) -> None:
        layout = self._guest.layout()
        if layout == self._layout:
            return
        self._layout = layout
        found = list(self._guest.symbols())
        by_address: dict[int, Named] = {}
        self._by_name = {}
        for symbol in found:
            self._by_name.setdefault(symbol.name, symbol)
            other = by_address.get(symbol.address)
            is_poor = other is not None and not other.size and other.name.startswith("_")
            if other is None or is_poor or (not other.size and symbol.size):
                by_address[symbol.address] = symbol
        self._sorted = [by_address[address] for address in sorted(by_address)]
        self._addresses = [symbol.address for symbol in self._sorted]
