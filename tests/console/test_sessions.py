"""Scripted sessions through each way into ring 0, as they are checked in.

To write them anew after a change that is meant: RINGSCOPE_UPDATE=1 pytest tests/console
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.console.talk import script

GOLDENS: Final = Path(__file__).parent / "goldens"
COMMANDS: Final = (
    "catch syscall write",
    "c",
    "info frame",
    "si 3",
    "creg",
    "finish-trap",
    "rsi",
    "rc",
    "info crossings",
    "delete",
    "c",
)
FAULT: Final = (
    "catch vector #PF",
    "c",
    "page $cr2",
    "si",
    "finish-trap",
    "delete",
    "catch vector",
    "c",
    "c",
)
SESSIONS: Final = {
    "syscall_64": ("hello_syscall_64", COMMANDS),
    "int80_64": ("hello_int80_64", COMMANDS),
    "int80_32": ("hello_int80_32", COMMANDS),
    "sysenter_32": ("hello_sysenter_32", COMMANDS),
    "fault_64": ("read_null_64", FAULT),
    "fault_32": ("read_null_32", FAULT),
}


def without_stack(text: str) -> str:
    """The program's path stands on its stack, so the stack pointer depends on where the tree is."""
    import re

    return re.sub(r"0x(7fffffff|ffff)[0-9a-f]{4}\b", r"0x\1....", text)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_says_what_is_checked_in(name: str) -> None:
    said = without_stack(script(*SESSIONS[name]))
    golden = GOLDENS / f"{name}.txt"
    if os.environ.get("RINGSCOPE_UPDATE"):
        golden.write_text(said)
    assert said == golden.read_text()


@pytest.mark.parametrize("name", SESSIONS)
def test_a_crossing_fits_into_80_columns_without_colour(name: str) -> None:
    lines = (GOLDENS / f"{name}.txt").read_text().splitlines()
    assert len(lines) > 50
    assert [line for line in lines if len(line) > 80] == []
