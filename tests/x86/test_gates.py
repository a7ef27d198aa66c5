"""Gates of the IDT, packed as the manual draws them and as Linux has them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.x86.gates import (
    GATE,
    GATE_SIZE,
    INTERRUPT_GATE,
    TRAP_GATE,
    Gate,
    decode,
    interrupt_gate,
)
from tests import golden

OFFSET: Final = 0xFFFF_FFFF_81C0_0C10
# The two words that the manual's figure gives for a gate at OFFSET, selector 0x10.
RAW: Final = (
    (interrupt_gate(OFFSET, 0x10), 0x81C0_8E00_0010_0C10, 0xFFFF_FFFF),
    (interrupt_gate(OFFSET, 0x10, dpl=3), 0x81C0_EE00_0010_0C10, 0xFFFF_FFFF),
    (interrupt_gate(OFFSET, 0x10, ist=5), 0x81C0_8E05_0010_0C10, 0xFFFF_FFFF),
    (GATE.pack(offset=OFFSET, selector=0x10, type=TRAP_GATE), 0x81C0_0F00_0010_0C10, 0xFFFF_FFFF),
    (interrupt_gate(0, 0), 0x0000_8E00_0000_0000, 0),
)


@pytest.mark.parametrize(("gate", "low", "high"), RAW)
def test_a_gate_is_these_two_words(gate: int, low: int, high: int) -> None:
    assert gate == high << 64 | low


def test_a_gate_takes_sixteen_bytes() -> None:
    assert GATE_SIZE == 16


def linux_gates() -> list[Any]:
    return [
        pytest.param(row, id=f"{model}-{row['vector']}")
        for model in golden.VENDORS
        for row in golden.machine(model)["idt"]
    ]


@pytest.mark.parametrize("row", linux_gates())
def test_a_gate_of_linux_can_be_made_and_read_back(row: dict[str, Any]) -> None:
    gate = interrupt_gate(OFFSET, golden.number(row["sel"]), row["dpl"], row["ist"])
    assert GATE.unpack(gate) == {
        "offset": OFFSET,
        "selector": golden.number(row["sel"]),
        "ist": row["ist"],
        "type": golden.number(row["type"]),
        "dpl": row["dpl"],
        "present": 1,
    }


def test_all_gates_of_linux_are_interrupt_gates() -> None:
    types = {row["type"] for model in golden.VENDORS for row in golden.machine(model)["idt"]}
    assert types == {hex(INTERRUPT_GATE)}


def test_a_gate_is_decoded_into_the_fields_of_its_layout() -> None:
    gate = GATE.pack(offset=OFFSET, selector=0x10, ist=3, type=TRAP_GATE, dpl=2, present=1)
    assert decode(gate)._asdict() == GATE.unpack(gate)
    assert Gate._fields == tuple(GATE.fields)
