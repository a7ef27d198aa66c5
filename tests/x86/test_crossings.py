"""The rows of the table of crossings agree with each other and with what golden states show."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import crossings, flags, gates
from emu.x86.crossings import ENTRIES, RETURNS, Crossing
from tests import golden

ROWS: Final = (*ENTRIES, *RETURNS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_cell_of_a_row_says_something(row: Crossing) -> None:
    assert all((*row[:7], row.flags_cleared))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_cites_a_manual_by_title(row: Crossing) -> None:
    assert row.manual.startswith(("SDM ", "APM "))


def test_no_crossing_has_two_rows() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", ENTRIES, ids=lambda row: row.name)
def test_an_entry_ends_in_ring_0(row: Crossing) -> None:
    assert row.rings.endswith(" to 0")


@pytest.mark.parametrize("row", RETURNS, ids=lambda row: row.name)
def test_a_return_goes_from_ring_0_to_ring_3(row: Crossing) -> None:
    assert row.rings == "0 to 3"


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (crossings.BY_TRAP_GATE, "TF NT RF VM"),
        (crossings.BY_INTERRUPT_GATE, "TF IF NT RF VM"),
        (crossings.BY_SYSENTER, "IF VM"),
        (crossings.BY_SYSCALL, "RF"),
    ],
)
def test_an_entry_clears_the_flags_of_the_manual(row: Crossing, names: str) -> None:
    assert flags.describe(row.clears) == names


@pytest.mark.parametrize(
    "row", [crossings.BY_TRAP_GATE, crossings.BY_INTERRUPT_GATE, crossings.BY_SYSENTER]
)
def test_a_row_tells_the_flags_that_the_processor_clears(row: Crossing) -> None:
    assert row.flags_cleared == flags.describe(row.clears)


def test_only_interrupt_gates_and_trap_gates_lead_anywhere() -> None:
    assert set(crossings.BY_GATE_TYPE) == {gates.INTERRUPT_GATE, gates.TRAP_GATE}
    assert all(row in ENTRIES for row in crossings.BY_GATE_TYPE.values())


def flags_by_gate() -> list[golden.Crossing]:
    return [crossing for crossing in golden.crossings() if crossing.instruction == "int 0x80"]


@pytest.mark.parametrize("crossing", flags_by_gate(), ids=lambda c: f"{c.model}-{c.name}")
def test_golden_interrupt_gates_clear_these_flags_and_no_other(crossing: golden.Crossing) -> None:
    expected = crossing.before.rflags & ~crossings.BY_INTERRUPT_GATE.clears
    assert crossing.entries[0].rflags == expected


def test_every_mechanism_has_a_name_of_its_own() -> None:
    names = {
        crossings.SYSCALL,
        crossings.INT80,
        crossings.SYSENTER,
        crossings.FAULT,
        crossings.INTERRUPT,
    }
    assert names == {"syscall", "int80", "sysenter", "fault", "interrupt"}
    assert crossings.INT80_VECTOR == 0x80
