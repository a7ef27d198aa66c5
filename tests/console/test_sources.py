"""Sources at the prompt: where a line stands, what is shown of it, breakpoints by line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from emu.console.session import Session
from emu.console.table import COMMANDS
from tests.console.talk import Talk
from tests.debug.sessions import debug

FIXED: Final = "lines_dwarf4_64"
ALL: Final = (FIXED, "lines_dwarf4_32", "lines_dwarf5_pie_64", "lines_dwarf5_pie_32")


@pytest.mark.parametrize("name", ALL)
def test_a_breakpoint_at_a_line_stops_there_and_says_so(name: str) -> None:
    talk = Talk(name)
    assert " <countdown+" in talk.do("b lines.c:46")
    said = talk.do("c").splitlines()
    assert said[0] == "breakpoint 1"
    assert "<countdown+" in said[1]
    assert " at lines.c:46: " in said[1]
    assert said[2] == "46\t    if (number == 0)"


# (what is typed, what must be in the answer)
SAID: Final = (
    ("b 57", "Breakpoint 1 at 0x4010c1 <main+46> at lines.c:57"),
    ("b lines.c:52", "at lines.c:56"),
    ("b src/lines.c:57", "<main+46> at lines.c:57"),
    ("b lines.h:4", "at lines.h:4"),
    ("b other.c:4", 'No source file named "other.c".'),
    ("b lines.c:999", 'Line 999 out of range; no code of "lines.c" stands there or behind.'),
    ("b *main", "at 0x401093 <main> at lines.c:53"),
    ("b main", "<main+8> at lines.c:56"),
    ("tb begin", "Temporary breakpoint 1 at 0x4010fb <begin+4> at lines.c:64"),
    ("list main", "51\n52\tFUNCTION int main(void)\n53\t{"),
    ("list 1,3", "1\t/*\n2\t * A program with source lines"),
    ("list countdown", "46\t    if (number == 0)"),
    ("list lines.h:4", "2\tstatic inline __attribute__((always_inline)) int half(int number)"),
    ("list 500", "line 495 is out of range: tests/fixtures/src/lines.c has 75 lines"),
    ("list -", "nothing was listed yet"),
    ("info line 57", 'Line 57 of "tests/fixtures/src/lines.c" starts at 0x4010c1 <main+46>'),
    ("info line 52", 'Line 52 of "tests/fixtures/src/lines.c" has no code.'),
    ("info line entry_SYSCALL_64", "no source line is known there"),
    ("info symbol main+46", "main + 46 of "),
    ("info symbol 5", "No symbol matches 5."),
    ("info sources", "tests/fixtures/src/lines.c\ntests/fixtures/src/lines.h"),
    ("info source", "Located in tests/fixtures/src/lines.c"),
    ("disassemble /s main", "tests/fixtures/src/lines.c:\n53\t{\n   0x401093 <main>: push rbp"),
    ("disassemble /x main", "disassemble has no modifier '/x': /s shows sources"),
    ("directory /nowhere", "/nowhere: no such directory"),
)


@pytest.mark.parametrize(("typed", "said"), SAID, ids=[typed for typed, _ in SAID])
def test_a_command_about_sources_says(typed: str, said: str) -> None:
    assert said in Talk(FIXED).do(typed)


@pytest.mark.parametrize(("typed", "instead"), [("s", "stepi"), ("n", "nexti"), ("s 3", "stepi")])
def test_where_no_line_is_known_a_step_is_by_instruction_and_says_so(
    typed: str, instead: str
) -> None:
    said = Talk("debugged_64").do(typed)
    assert said.startswith(f"No source line is known here: as {instead}.\n")
    assert "=> 0x" in said


def test_listing_goes_on_where_it_ended_and_back_again() -> None:
    talk = Talk(FIXED)
    talk.do("list 20,29")
    assert talk.do("list").startswith("30\t")
    talk.do("list 30")
    assert talk.do("list -").startswith("15\t")


def test_stops_frames_and_callers_name_their_lines() -> None:
    talk = Talk(FIXED)
    talk.do("b say", "c")
    assert "at lines.c:38" in talk.do("frame")
    said = talk.do("bt").splitlines()
    assert [line.rpartition(" at ")[2] for line in said[:4]] == [
        *("lines.c:38", "lines.c:48", "lines.c:57", "lines.c:64"),
    ]
    talk.do("catch syscall write", "c")
    assert talk.do("bt").splitlines()[1].endswith("at lines.c:23 (ring 3)")


def test_a_crossing_names_the_line_that_it_came_from() -> None:
    talk = Talk(FIXED)
    talk.do("catch syscall write")
    assert "from       0x401024 <system_call+36> at lines.c:23: syscall" in talk.do("c")


def test_sources_are_sought_in_the_directories_that_are_named(tmp_path: Path) -> None:
    talk = Talk(FIXED)
    (tmp_path / "lines.c").write_text("\n" * 56 + "another text\n")
    talk.do(f"directory {tmp_path}")
    assert talk.do("list 57,57") == "57\tanother text\n"
    talk.do("directory")
    assert talk.do("list 57,57") == "57\t    sum = countdown(3);\n"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_line_of_a_library_is_pending_until_it_is_mapped(tmp_path: Path) -> None:
    (tmp_path / "lib.c").write_text("int twice(int n)\n{\n    int r = n;\n    return r + n;\n}\n")
    (tmp_path / "main.c").write_text(
        "int twice(int);\nint main(void)\n{\n    return twice(2);\n}\n"
    )
    library = ["gcc", "-g", "-shared", "-fPIC", "-o", "libtwice.so", "lib.c"]
    program = ["gcc", "-g", "-o", "main", "main.c", "-L.", "-ltwice", f"-Wl,-rpath,{tmp_path}"]
    for command in (library, program):
        subprocess.run(command, cwd=tmp_path, check=True)
    said: list[str] = []
    session = Session(debug(str(tmp_path / "main")), COMMANDS, said.append)
    for line in ("b lib.c:4", "set breakpoint pending on", "b lib.c:4", "b main", "c"):
        session.execute(line)
    assert (
        "Make breakpoint pending on future shared library load? (y or [n]) [answered N" in said[1]
    )
    assert said[2] == "Breakpoint 1 (lib.c:4) pending.\n"
    assert "breakpoint 2\n" in said
    said.clear()
    for line in ("s", "n", "bt", "fin"):
        session.execute(line)
    text = "".join(said)
    assert " at lib.c:3: " in text
    assert "breakpoint 1\n" in text
    assert "4\t    return r + n;\n" in text
    assert " at main.c:4" in text
