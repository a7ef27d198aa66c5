"""The rows of the table of crossings agree with each other and with what golden states show."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import crossings, flags
from emu.x86.crossings import ENTRIES, RETURNS, Crossing
from tests import golden

ROWS: Final = (*ENTRIES, *RETURNS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_cell_of_a_row_says_something(row: Crossing) -> None:
    assert all(row)


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
    ("cleared", "names"),
    [
        (crossings.GATE_CLEARS, "TF NT RF VM"),
        (crossings.INTERRUPT_GATE_CLEARS, "TF IF NT RF VM"),
        (crossings.SYSENTER_CLEARS, "IF VM"),
        (crossings.SYSCALL_CLEARS, "RF"),
    ],
)
def test_an_entry_clears_the_flags_of_the_manual(cleared: int, names: str) -> None:
    assert flags.describe(cleared) == names


@pytest.mark.parametrize(
    ("name", "cleared"),
    [
        ("interrupt gate", crossings.INTERRUPT_GATE_CLEARS),
        ("trap gate", crossings.GATE_CLEARS),
        (crossings.SYSENTER, crossings.SYSENTER_CLEARS),
    ],
)
def test_a_row_tells_the_flags_that_the_processor_clears(name: str, cleared: int) -> None:
    (row,) = (row for row in ENTRIES if row.name == name)
    assert row.flags_cleared == flags.describe(cleared)


def flags_by_gate() -> list[golden.Crossing]:
    return [crossing for crossing in golden.crossings() if crossing.instruction == "int 0x80"]


@pytest.mark.parametrize("crossing", flags_by_gate(), ids=lambda c: f"{c.model}-{c.name}")
def test_golden_interrupt_gates_clear_these_flags_and_no_other(crossing: golden.Crossing) -> None:
    expected = crossing.before.rflags & ~crossings.INTERRUPT_GATE_CLEARS
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
