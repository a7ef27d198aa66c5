"""What a `#!` line asks for, as Linux reads it."""

from __future__ import annotations

import pytest

from emu.errors import LoadError
from emu.load.script import HEAD_SIZE, Script, read_script

# (the head of a file, interpreter, argument)
LINES: tuple[tuple[bytes, bytes, bytes | None], ...] = (
    (b"#!/bin/sh\necho", b"/bin/sh", None),
    (b"#! /bin/sh\n", b"/bin/sh", None),
    (b"#!\t /bin/sh \t\n", b"/bin/sh", None),
    (b"#!/bin/awk -f\n", b"/bin/awk", b"-f"),
    (b"#!/usr/bin/env python3 -u  \n", b"/usr/bin/env", b"python3 -u"),
    (b"#!/bin/sh", b"/bin/sh", None),
    (b"#!/bin/sh\0-x\n", b"/bin/sh", None),
    (b"#!/bin/sh " + b"x" * 300, b"/bin/sh", b"x" * (HEAD_SIZE - 11)),
)


@pytest.mark.parametrize(("head", "interpreter", "argument"), LINES)
def test_a_line_names_an_interpreter_and_one_argument(
    head: bytes, interpreter: bytes, argument: bytes | None
) -> None:
    assert read_script(head, "it") == Script(interpreter, argument)


@pytest.mark.parametrize("head", [b"", b"#", b"# !/bin/sh\n", b"\x7fELF", b"echo hi\n"])
def test_other_files_are_no_scripts(head: bytes) -> None:
    assert read_script(head, "it") is None


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"#!\n", "names no interpreter"),
        (b"#!   \nx", "names no interpreter"),
        (b"#!/" + b"x" * 300, "longer than 256 bytes"),
    ],
)
def test_a_line_without_a_whole_interpreter_is_refused(head: bytes, said: str) -> None:
    with pytest.raises(LoadError, match=said):
        read_script(head, "it")


def test_the_script_takes_the_place_of_its_first_argument() -> None:
    script = Script(b"/bin/awk", b"-f")
    assert script.rewrite(b"./s", [b"s", b"a", b"b"]) == [b"/bin/awk", b"-f", b"./s", b"a", b"b"]
    assert Script(b"/bin/sh", None).rewrite(b"./s", []) == [b"/bin/sh", b"./s"]
