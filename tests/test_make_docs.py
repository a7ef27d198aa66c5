"""The tables in the pages are those that the program runs on, and `--check` sees when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu import errors
from emu.cli.interrupt import Interrupted
from kernel_stub.errors import Deadlock, KernelBug
from tools import make_docs

PAGE = "before\n<!-- table: rings -->\nold\n<!-- end of table -->\nafter\n"


def rings() -> str:
    return make_docs.markdown(("ring", "who"), [(0, "kernel"), (3, "user")])


def test_no_page_is_stale() -> None:
    assert [str(path) for path in make_docs.stale_pages()] == []


def test_each_table_is_shown_by_a_page() -> None:
    shown = "".join(path.read_text("utf-8") for path in make_docs.pages())
    assert [name for name in make_docs.TABLES if f"<!-- table: {name} -->" not in shown] == []


def test_a_table_replaces_the_old_one_and_leaves_the_page_around_it() -> None:
    page = make_docs.renewed(PAGE, {"rings": rings})
    assert page.startswith("before\n<!-- table: rings -->\n\n| ring | who |\n| --- | --- |\n")
    assert page.endswith("| 3 | user |\n\n<!-- end of table -->\nafter\n")
    assert "old" not in page
    assert make_docs.renewed(page, {"rings": rings}) == page


def test_a_table_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(make_docs.UnknownTable, match="'rings'"):
        make_docs.renewed(PAGE, {})


def test_a_cell_keeps_its_row_whole() -> None:
    assert make_docs.markdown(("a",), [("x | y\n z",)]) == "| a |\n| --- |\n| x \\| y z |\n"


def test_check_names_the_stale_page_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    monkeypatch.setattr(make_docs, "TABLES", {"rings": rings})
    assert make_docs.main(["--check"]) == 1
    assert capsys.readouterr().err == "page.md is stale: run `make docs`\n"
    assert page.read_text() == PAGE
    assert make_docs.main([]) == 0
    assert make_docs.main(["--check"]) == 0


def test_the_table_of_errors_names_every_exception() -> None:
    table = make_docs.error_table()
    for kind in (errors.UsageError, errors.LoadError, Interrupted):
        assert f"| `{kind.__name__}` | the caller's | {kind.exit_status} |" in table
    assert f"| `Deadlock` | the guest's | {Deadlock.exit_status} |" in table
    assert f"| `KernelBug` | ours | {KernelBug.exit_status} |" in table
