"""The kernel's symbols: the code and tables that lie in guest memory, with Linux's names for them.

Addresses are those of the built entry code and of the layout; nothing is started for them. System
calls are answered by Python and have no address in guest memory, so no `__x64_sys_` stands here.
proc(5): /proc/kallsyms; Linux kernel documentation, "/proc/sys/kernel": kptr_restrict.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from emu.x86 import descriptors
from emu.x86.gates import GATE_SIZE
from kernel_stub import layout

_MAP: Final = Path(__file__).parent / "entry/entry.map"


class Symbol(NamedTuple):
    """One symbol. `kind` is nm's letter: T for code, D for data."""

    address: int
    kind: str
    name: str
    size: int


# The tables that the processor reads: symbols of Linux that name the same things.
_TABLES: Final = (
    Symbol(layout.IDT_BASE, "D", "idt_table", 256 * GATE_SIZE),
    Symbol(layout.GDT_BASE, "D", "gdt_page", 8 * layout.GDT_ENTRIES),
    Symbol(layout.TSS_BASE, "D", "cpu_tss_rw", descriptors.TSS_SIZE),
)


@cache
def symbols() -> tuple[Symbol, ...]:
    """All of them, in order of their addresses."""
    return tuple(sorted([*_TABLES, *entry_symbols()]))


@cache
def entry_symbols() -> tuple[Symbol, ...]:
    """Those of the entry code, in order; each reaches up to the next address."""
    rows = [line.split() for line in _MAP.read_text().splitlines()]
    addresses = [int(address, 16) for address, _, _ in rows]
    ends = sorted({*addresses})
    return tuple(
        Symbol(address, kind, name, _next(ends, address) - address)
        for address, (_, kind, name) in zip(addresses, rows, strict=True)
    )


def _next(ascending: list[int], address: int) -> int:
    place = bisect_right(ascending, address)
    return ascending[place] if place < len(ascending) else address


def named(name: str) -> list[Symbol]:
    """The symbols of that name; where there is none, those that have it in their name."""
    exact = [symbol for symbol in symbols() if symbol.name == name]
    return exact or [symbol for symbol in symbols() if name in symbol.name]


def nearest(address: int) -> Symbol | None:
    """The symbol in whose bytes `address` lies; of two at one place, the last."""
    inside = [s for s in symbols() if s.address <= address < s.address + s.size]
    return inside[-1] if inside else None


def kallsyms_text(shown: bool = True) -> bytes:
    """The lines of /proc/kallsyms; the addresses are 0 unless they are `shown`."""
    return "".join(
        f"{symbol.address if shown else 0:016x} {symbol.kind} {symbol.name}\n"
        for symbol in symbols()
    ).encode()
