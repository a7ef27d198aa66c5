"""The gates of long mode: those of the IDT, and call gates.

A `Layout` for whoever writes a table and for the delivery that reads it. SDM 3A, "64-Bit Mode IDT",
"IA-32e Mode Call Gates".
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from emu.x86.layout import Layout

GATE: Final = Layout(
    "gate",
    16,
    offset=((0, 16), (48, 16), (64, 32)),
    selector=(16, 16),
    ist=(32, 3),
    type=(40, 4),
    dpl=(45, 2),
    present=(47, 1),
)
GATE_SIZE: Final = GATE.size

CALL_GATE: Final = 0b1100
INTERRUPT_GATE: Final = 0b1110
TRAP_GATE: Final = 0b1111


class Gate(NamedTuple):
    """A gate taken apart."""

    offset: int
    selector: int
    ist: int
    type: int
    dpl: int
    present: int


@cache
def decode(gate: int) -> Gate:
    """The fields of the packed `gate`."""
    return Gate(**GATE.unpack(gate))


def interrupt_gate(offset: int, selector: int, dpl: int = 0, ist: int = 0) -> int:
    """A present interrupt gate to `selector:offset`."""
    return GATE.pack(
        offset=offset, selector=selector, ist=ist, type=INTERRUPT_GATE, dpl=dpl, present=1
    )


def call_gate(offset: int, selector: int, dpl: int = 0) -> int:
    """A present call gate to `selector:offset`, for a GDT or an LDT: two entries of it."""
    return GATE.pack(offset=offset, selector=selector, type=CALL_GATE, dpl=dpl, present=1)
