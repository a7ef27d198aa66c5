"""Claims about figures, tables and the page that keeps them."""

from __future__ import annotations

from typing import Final

import pytest

from bench.measure import Figure
from bench.report import (
    Requirement,
    Row,
    Section,
    as_json,
    as_markdown,
    into_page,
    number,
    renewed,
    tables_of,
)

BASE: Final = Figure((1.0, 2.0, 3.0))
OTHER: Final = Figure((2.0, 4.0, 9.0))
SECTION: Final = Section(
    "name",
    "Title",
    "CPU s",
    "base",
    [Row("base", BASE, 1.0), Row("other", OTHER, OTHER.over(BASE), "scaled")],
    ["A note."],
    [Requirement("other, over base", 1.5, 2.0)],
)

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def test_a_figure_knows_its_median_its_spread_and_its_ratio() -> None:
    assert OTHER.median == 4.0
    assert OTHER.spread == 1.75
    assert OTHER.least == 2.0
    assert OTHER.over(BASE) == 2.0, "the median of 2, 2 and 3"
    assert OTHER.minus(BASE).values == (1.0, 2.0, 6.0)
    assert OTHER.scaled(10).median == 40.0


@pytest.mark.parametrize(("found", "holds"), [(1.0, True), (1.25, True), (1.26, False)])
def test_a_requirement_holds_up_to_its_limit(found: float, holds: bool) -> None:
    assert Requirement("claim", 1.25, found).holds is holds


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.012"), (1.236, "1.24"), (12.36, "12.4"), (123.6, "124"), (12345.6, "12,346")],
)
def test_a_number_has_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_a_table_shows_rows_ratios_remarks_notes_and_what_is_missed() -> None:
    printed = as_markdown([SECTION], quick=False, neighbours=["One thing is missing."])
    assert "| other | 4.00 | 175% | 2.00 | scaled |" in printed
    assert "- A note.\n" in printed
    assert "at most 1.50; found 2.00: **is missed**" in printed
    assert "One thing is missing." in printed


def test_the_json_holds_every_single_value() -> None:
    report = as_json([SECTION], quick=True, neighbours=[])
    row = report["sections"]["name"]["rows"][1]
    assert row["values"] == [2.0, 4.0, 9.0]
    assert report["sections"]["name"]["requirements"][0]["holds"] is False


def test_the_table_replaces_what_stands_between_the_marks() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert into_page(page, "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


@pytest.mark.parametrize("page", ["", BEGIN, END])
def test_a_page_without_both_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page has no"):
        into_page(page, "new")


def test_what_was_not_measured_this_time_stays_in_its_place() -> None:
    old = "Measured on A.\n\n### One\n\nold one\n\n### Two\n\nold two\n"
    new = "Measured on B.\n\n### Two\n\nnew two\n\n### Three\n\nthree\n"
    told = renewed(old, new)
    assert told == (
        "Measured on B.\n\n### One\n\nold one\n\n### Two\n\nnew two\n\n### Three\n\nthree\n"
    )
    assert tables_of(into_page(f"{BEGIN}\n{END}", told)).strip() == told.strip()
