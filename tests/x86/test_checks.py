"""Each check is one row, with the manual's chapter by title."""

from __future__ import annotations

import re

import pytest

from emu.x86 import checks
from emu.x86.checks import Check

ROWS = (*checks.DELIVERY, *checks.INSTRUCTIONS)


def test_every_row_of_the_module_stands_in_one_of_its_two_lists() -> None:
    assert sorted(ROWS) == sorted(row for row in vars(checks).values() if isinstance(row, Check))


def test_no_two_checks_have_one_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_manual_is_cited_by_title(row: Check) -> None:
    assert re.match(r'(SDM [1-4][A-D]?|APM \d), "', row.manual)


def test_what_is_not_known_says_so_and_names_the_chapter() -> None:
    assert checks.unknown(13) == Check(
        "not among the checks that are known here", 'SDM 3A, "Interrupt 13"'
    )


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ((), ""),
        ((("CPL", 3),), "CPL 3"),
        ((("vector", 0x20), ("DPL", 0), ("CPL", 3)), "vector 0x20, DPL 0, CPL 3"),
        ((("address", 1 << 63),), "address 0x8000000000000000"),
    ],
)
def test_levels_are_told_in_decimal_and_all_else_in_hexadecimal(
    inputs: checks.Inputs, text: str
) -> None:
    assert checks.in_words(inputs) == text
