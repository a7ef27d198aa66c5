"""What is saved is had again when it is sourced: every kind of point with all that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from emu.debug import points
from tests.console.talk import Talk

POINTS: Final = (
    *("break main", "tbreak say", "break *0x401000", "break lines.c:57", "break entry_SYSCALL_64"),
    *("break main thread 1", "watch counter", "watch *(u16*)$rsp", "rwatch {char[12]}$rsp"),
    *("awatch *(u64*)($rsp+8)", "catch syscall", "catch syscall write", "catch crossing"),
    *("catch crossing fault", "catch vector", "catch vector #PF", "catch return", "catch mode"),
    *("catch fork", "catch vfork", "catch clone", "catch exec", "catch signal"),
    *("catch signal SIGUSR1", "catch exit", "break not_mapped_yet"),
)
CHANGES: Final = (
    (),
    ("condition 1 $rax == 2",),
    ("ignore 1 5",),
    ("disable 1",),
    ("condition 1 $rax == 2", "ignore 1 5", "disable 1"),
)


def about(talk: Talk) -> list[tuple[Any, ...]]:
    return [
        (one.kind, one.addresses, one.size, one.condition_text, one.ignore, one.enabled,
         one.temporary, one.task, one.location, one.what if one.kind in points.CATCHES else "")
        for one in talk.session.debugger.points
    ]  # fmt: skip  # a row of the table reads as a row


@pytest.mark.parametrize("point", POINTS)
def test_a_saved_point_comes_back_as_it_was(point: str, tmp_path: Path) -> None:
    for number, changes in enumerate(CHANGES):
        talk, again = Talk("lines_dwarf4_64"), Talk("lines_dwarf4_64")
        talk.do("set breakpoint pending on", point, *changes)
        file = tmp_path / f"{number}"
        talk.do(f"save breakpoints {file}")
        again.do(
            "break begin", "si 3", f"source {file}", "delete 1"
        )  # another number, another $rsp
        assert about(again) == about(talk) != []


def test_every_kind_of_point_is_saved_by_that_test() -> None:
    talk = Talk("lines_dwarf4_64")
    talk.do("set breakpoint pending on", *POINTS)
    assert {one.kind for one in talk.session.debugger.points} == set(points.KINDS)


def test_a_file_that_cannot_be_written_or_read_is_a_sentence(tmp_path: Path) -> None:
    talk = Talk("lines_dwarf4_64")
    assert "cannot write" in talk.do(f"save breakpoints {tmp_path}")
    assert "cannot read" in talk.do(f"source {tmp_path}/none")
    assert "save needs" in talk.do("save nonsense")
