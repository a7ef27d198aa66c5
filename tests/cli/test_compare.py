"""`ringscope compare` and `stat -d`: the notes' question, answered in figures that are counted."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from emu.watch.linux_counts import COUNTS
from emu.x86.vendors import VENDORS
from tests.cli.command import EXAMPLES, ringscope
from tests.source_tree import ROOT

WAYS: Final = ("clock_int80_32", "clock_sysenter_32", "clock_syscall_64", "clock_vdso_64")
PROGRAMS: Final = [f"examples/bin/{way}" for way in WAYS]
TIMES: Final = 1000


def compared(*arguments: str) -> dict[str, Any]:
    ended = ringscope("compare", "-j", *arguments)
    assert ended.status == 0
    found: dict[str, Any] = json.loads(ended.err)
    return found


@pytest.fixture(scope="module")
def ways() -> dict[str, Any]:
    return compared(*PROGRAMS)


def test_four_ways_do_the_same_work(ways: dict[str, Any]) -> None:
    mechanisms = ("int80", "sysenter", "syscall", None)
    for program, mechanism in zip(ways["programs"], mechanisms, strict=True):
        crossings = {row["mechanism"]: row["count"] for row in program["crossings"]}
        del crossings["fault"]
        if mechanism is None:
            assert crossings == {"syscall": 1}
        else:
            assert crossings == {mechanism: TIMES + 1}
            assert program["syscalls"]["clock_gettime"] == TIMES


def test_a_gate_makes_the_processor_refer_to_memory_and_msrs_do_not(ways: dict[str, Any]) -> None:
    own = {row["mechanism"]: row["references"] for row in ways["crossings"]}
    assert own["int80"] == {"count": 16, "bytes": 128}
    assert own["fault"] == {"count": 17, "bytes": 136}
    assert own["sysenter"] == own["syscall"] == {"count": 0, "bytes": 0}


def test_ratios_are_to_the_first_program(ways: dict[str, Any]) -> None:
    totals = [program["instructions"]["total"] for program in ways["programs"]]
    assert ways["ratios"]["instructions"] == [total / totals[0] for total in totals]


def test_the_counts_of_linux_stand_beside(ways: dict[str, Any]) -> None:
    linux = {row["mechanism"]: row["linux"] for row in ways["crossings"]}
    assert linux["int80"] == {"entry": 65, "body": 242, "exit": 41}
    assert linux["fault"] is None


def test_the_counts_of_linux_are_of_known_vendors_and_ways() -> None:
    assert {vendor for vendor, _, _ in COUNTS} == set(VENDORS)
    assert all(min(count) > 0 for count in COUNTS.values())


def test_the_readme_shows_this_very_table() -> None:
    table = ringscope("compare", "--clear-env", *PROGRAMS).err
    assert table in (ROOT / "README.md").read_text("utf-8")


def test_a_program_with_arguments_is_quoted() -> None:
    found = compared("/bin/echo 'a b' c", "/bin/true")
    assert [program["command"] for program in found["programs"]] == ["/bin/echo a b c", "/bin/true"]


def test_programs_write_where_they_always_do() -> None:
    assert ringscope("compare", "/bin/echo one", "/bin/echo two").out == "one\ntwo\n"


BAD: Final = (
    (("/bin/true",), 2, "compare takes 2 to 26 programs"),
    (("/bin/true", "nope"), 1, "nope: no such program"),
    (("/bin/true", ""), 2, "an empty word is no program"),
    (("/bin/true", "'"), 2, "cannot be split into words"),
    ((), 2, "which program?"),
)


@pytest.mark.parametrize(("arguments", "status", "says"), BAD)
def test_what_cannot_be_compared_is_one_sentence(
    arguments: tuple[str, ...], status: int, says: str
) -> None:
    ended = ringscope("compare", *arguments)
    assert (ended.status, says in ended.err, "Traceback" in ended.err) == (status, True, False)


# ---- stat in detail


def test_the_details_add_up_to_the_ledger() -> None:
    report = json.loads(ringscope("stat", "-d", "-j", "/bin/echo").err)
    plain = json.loads(ringscope("stat", "-j", "/bin/echo").err)
    assert "details" not in plain
    assert {key: report[key] for key in plain} == plain
    for row in report["crossings"]:
        parts = [part for part in report["details"] if part["mechanism"] == row["mechanism"]]
        for figure in ("entry", "exit"):
            assert sum(part[figure]["total"] for part in parts) == row[figure]
        assert sum(part["count"] for part in parts) == row["count"]
    calls = {p["name"]: p["count"] for p in report["details"] if p["mechanism"] != "fault"}
    assert calls == report["syscalls"]


def test_the_details_are_separated_values_too() -> None:
    rows = ringscope("stat", "-d", "-x;", EXAMPLES / "hello_int80_32").err.splitlines()
    assert "1;;crossings:int80:i386:write;" in rows
    assert "23;;entry:int80:i386:write;" in rows


def test_the_details_are_readable() -> None:
    text = ringscope("stat", "-d", EXAMPLES / "hello_int80_32").err
    assert "1    int80     i386    write" in text
    assert "9    int80     in           72 bytes" in text
