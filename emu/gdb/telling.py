"""What the target tells people who ask by `monitor`: the core's tables, and the ledger.

A topic is a row here. It draws nothing itself but the ledger's head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from emu.debug import tables
from emu.debug.core import Debugger
from emu.debug.symbols import Symbols
from emu.watch.report import crossing_lines

_PLAIN: Final[Mapping[str, Callable[[Debugger], list[str]]]] = {
    "gdt": tables.gdt,
    "ldt": tables.ldt,
    "tss": tables.tss,
    "tab": tables.tab,
    "creg": tables.creg,
    "sreg": tables.sreg,
}
_WITH_SYMBOLS: Final[Mapping[str, Callable[[Debugger, Symbols], list[str]]]] = {
    "msr": tables.msr,
    "cpu": tables.cpu,
}


class Telling:
    """The topics of one debugger."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._symbols = Symbols(debugger.guest)

    def lines(self, topic: str, number: int | None) -> list[str]:
        """About `topic`. Raises UsageError, Unreadable."""
        if topic in _PLAIN:
            return _PLAIN[topic](self._debugger)
        if topic in _WITH_SYMBOLS:
            return _WITH_SYMBOLS[topic](self._debugger, self._symbols)
        if topic == "idt":
            return tables.idt(self._debugger, self._symbols, number)
        if topic == "page" and number is not None:
            return tables.page(self._debugger, number)
        assert topic == "traps", f"no topic {topic!r}"
        return self._ledger()

    def _ledger(self) -> list[str]:
        machine = self._debugger.machine
        ledger, counter = machine.ledger, machine.counter
        paths = f"ring 3 {counter.user:,}, entry {ledger.entry:,}, exit {ledger.exit:,}"
        head = f"{counter.user + counter.kernel:,} instructions: {paths}"
        return [head, "", *crossing_lines(ledger.rows())]
