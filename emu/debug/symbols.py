"""Names for addresses and addresses for names: the program's, its libraries' and the kernel's.

What is mapped may change while the program runs, so the table is made anew when the guest's layout
differs; reading a file's symbols takes its time, so it is made when somebody asks first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

from emu.debug.guest import Guest, Named

_MOST_TABLES: Final = 8
_FARTHEST: Final = 0x10000  # bytes behind a symbol without a size that still carry its name


class Symbols:
    """The symbols of all that is mapped."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._layout: object = None
        self._table = _Table([], [], {})
        self._tables: dict[object, _Table] = {}  # by layout, for tasks take turns

    def find(self, name: str) -> Named | None:
        """The symbol `name`; of several, the program's own comes first."""
        self._refresh()
        return self._table.by_name.get(name)

    def at(self, address: int) -> tuple[Named, int] | None:
        """The symbol that `address` belongs to, and how far behind its start it stands."""
        self._refresh()
        index = bisect_right(self._table.addresses, address) - 1
        if index < 0:
            return None
        symbol = self._table.sorted[index]
        offset = address - symbol.address
        return (symbol, offset) if offset < (symbol.size or _FARTHEST) else None

    def place(self, address: int) -> str:
        """As `describe`, with the source line if there is one: `... at debugged.c:12`."""
        line = self._guest.line_at(address)
        return self.describe(address) + (f" at {line}" if line is not None else "")

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
        return sorted(self._table.by_name)

    def all(self) -> list[Named]:
        """Every symbol by address."""
        self._refresh()
        return self._table.sorted

    def _refresh(self) -> None:
        layout = self._guest.layout()
        if layout == self._layout:
            return
        table = self._tables.pop(layout, None)
        if table is None:
            table = _made(self._guest.symbols())
        self._tables[layout] = self._table = table
        self._layout = layout
        while len(self._tables) > _MOST_TABLES:
            del self._tables[next(iter(self._tables))]


class _Table(NamedTuple):
    """The symbols by address, their addresses, and each by name."""

    sorted: list[Named]
    addresses: list[int]
    by_name: dict[str, Named]


def _made(symbols: Iterable[Named]) -> _Table:
    by_address: dict[int, Named] = {}
    by_name: dict[str, Named] = {}
    for symbol in symbols:
        by_name.setdefault(symbol.name, symbol)
        other = by_address.get(symbol.address)
        is_poor = other is not None and not other.size and other.name.startswith("_")
        if other is None or is_poor or (not other.size and symbol.size):
            by_address[symbol.address] = symbol
    in_order = [by_address[address] for address in sorted(by_address)]
    return _Table(in_order, [symbol.address for symbol in in_order], by_name)
