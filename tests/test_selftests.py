"""The page of Linux's selftests has the tool's table, and the tool reads outcomes as they are."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import pytest

from bench.report import into_page
from tools import selftests
from tools.selftests import Outcome, outcome

PASSES: Final = Outcome(0, 2, 0, 0)
ROW: Final = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)


def rows() -> list[tuple[str, list[str]]]:
    """The page's rows: program, then the cells behind it."""
    page = selftests.PAGE.read_text("utf-8")
    return [
        (name, [cell.strip() for cell in rest.split(" | ")]) for name, rest in ROW.findall(page)
    ]


def test_the_page_has_a_row_for_each_program_in_order() -> None:
    assert [name for name, _ in rows()] == selftests.programs()


def test_each_row_of_the_page_has_a_cell_for_each_way_and_one_for_the_reason() -> None:
    assert {len(cells) for _, cells in rows()} == {len(selftests.ways()) + 1}


def test_what_ends_otherwise_here_is_explained_on_the_page() -> None:
    reasons = {name: cells[-1] for name, cells in rows() if cells[-1]}
    assert "?" not in reasons.values()
    assert {name: selftests.EXPLAINED[name] for name in reasons} == reasons


def test_only_programs_of_the_list_are_explained_or_built_with_more() -> None:
    assert set(selftests.EXPLAINED) <= set(selftests.programs())
    assert len(selftests.programs()) == len(set(selftests.programs())) == 44


def test_the_table_can_be_put_into_the_page() -> None:
    page = selftests.PAGE.read_text("utf-8")
    assert "a new table" in into_page(page, "a new table\n", selftests.MARK)


@pytest.mark.parametrize(
    ("status", "output", "expected", "text"),
    [
        (0, b"[OK]\tone\n[OK]\ttwo\n", PASSES, "passes: 2 ok"),
        (0, b"ok 1\nok 2 # SKIP no\n", Outcome(0, 2, 0, 1), "passes: 2 ok, 1 skip"),
        (0, b"[FAIL]\tbut 0\n", Outcome(0, 0, 1, 0), "fails: 1 fail"),
        (1, b"[BAD]\n[OK]\n", Outcome(1, 1, 1, 0), "fails (1): 1 ok, 1 fail"),
        (139, b"", Outcome(139, 0, 0, 0), "SIGSEGV"),
        (None, b"[OK]\n", Outcome(None, 1, 0, 0), "no end: 1 ok"),
    ],
)
def test_an_outcome_is_the_status_and_what_the_lines_say(
    status: int | None, output: bytes, expected: Outcome, text: str
) -> None:
    assert (outcome(status, output), str(expected)) == (expected, text)


@pytest.mark.parametrize(
    ("native", "here", "alike"),
    [
        (PASSES, PASSES, True),
        (PASSES, Outcome(0, 3, 0, 0), True),
        (PASSES, Outcome(0, 1, 0, 1), False),
        (PASSES, Outcome(1, 1, 1, 0), False),
        (Outcome(1, 0, 1, 0), Outcome(1, 0, 1, 0), True),
        (Outcome(None, 0, 0, 0), PASSES, True),
    ],
)
def test_here_is_as_native_or_must_be_explained(
    native: Outcome, here: Outcome, alike: bool
) -> None:
    found = {"of_nobody_64": {"native": native, "here": here}}
    assert selftests.unexplained(found) == ([] if alike else ["of_nobody_64"])


def test_a_program_is_run_until_its_time_is_over(tmp_path: Path) -> None:
    program = tmp_path / "slow_64"
    program.write_text(f"#!{sys.executable}\nprint('[OK]', flush=True)\nwhile True: pass\n")
    program.chmod(0o755)
    assert selftests.run((), "slow_64", program, 1.0) == Outcome(None, 1, 0, 0)


def test_what_is_missing_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "no.deb"
    package.write_bytes(b"")
    assert selftests.main(["--package", str(package), "iopl_64"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("selftests: ")
    with pytest.raises(SystemExit):
        selftests.main(["no_such_test"])
