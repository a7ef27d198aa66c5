"""Source lines are those that binutils reads from the same tables, and damage is no traceback."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from emu.load.lines import Candidate, Lines, Span, candidates
from tests.debug.sessions import path_of
from tests.gdb.gdb import needs_gdb

FIXTURES: Final = (
    "lines_dwarf4_64",
    "lines_dwarf4_32",
    "lines_dwarf5_pie_64",
    "lines_dwarf5_pie_32",
)
SOURCE: Final = "tests/fixtures/src/lines.c"
HEADER: Final = "tests/fixtures/src/lines.h"
ALONE: Final = ("-ffreestanding", "-nostdlib", "-static", "-fno-stack-protector")
DAMAGES: Final = 150


def lines_of(name: str) -> Lines:
    return Lines(path_of(name).read_bytes())


def addresses(lines: Lines) -> list[int]:
    return [address for low, high in lines.ranges() for address in range(low, high)]


@pytest.mark.skipif(shutil.which("addr2line") is None, reason="needs binutils")
@pytest.mark.parametrize("name", FIXTURES[:2])
def test_every_address_is_of_the_line_that_addr2line_names(name: str) -> None:
    lines = lines_of(name)
    asked = "\n".join(f"{address:#x}" for address in addresses(lines))
    said = subprocess.run(
        ["addr2line", "-e", path_of(name)], input=asked, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(said) > 200
    for address, expected in zip(addresses(lines), said, strict=True):
        span = lines.at(address)
        found = f"{span.file}:{span.line}" if span is not None else "??:?"
        wanted = re.sub(r" \(discriminator \d+\)", "", expected).removeprefix("./")
        assert found == wanted, hex(address)


@needs_gdb
@pytest.mark.parametrize("name", FIXTURES)
def test_every_address_is_of_the_line_that_gdb_names(name: str) -> None:
    lines = lines_of(name)
    asked = [f"-ex=info line *{address:#x}" for address in addresses(lines)]
    command = ["gdb", "-nx", "-batch", *asked, str(path_of(name))]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(asked) > 200
    for address, told in zip(addresses(lines), said, strict=True):
        span = lines.at(address)
        named = re.match(r'Line (\d+) of "(.*?)"', told)
        found = (str(span.line), span.file) if span is not None else None
        assert found == (named.groups() if named is not None else None), f"{address:#x}: {told}"


@pytest.mark.parametrize("name", FIXTURES)
def test_the_files_of_a_program_are_its_source_and_its_header(name: str) -> None:
    assert [file for file in lines_of(name).files() if file.endswith((".c", ".h"))] == [
        SOURCE,
        HEADER,
    ]


@pytest.mark.parametrize("name", FIXTURES)
def test_statements_are_of_the_file_that_is_wanted_and_in_order(name: str) -> None:
    lines = lines_of(name)
    found = lines.statements(lambda file: file == HEADER)
    assert {span.file for span in found} == {HEADER}
    assert {span.line for span in found} <= {2, 4, 5, 6}
    assert found == sorted(found, key=lambda span: span.start)
    assert lines.statements(lambda file: False) == []


def test_code_without_lines_has_none() -> None:
    lines = lines_of("debugged_64")
    assert not lines
    assert (lines.at(0x401000), lines.ranges(), lines.files()) == (None, [], [])


def test_an_address_outside_of_all_units_has_no_line() -> None:
    assert lines_of("lines_dwarf4_64").at(0x10) is None


@pytest.mark.parametrize("name", FIXTURES[1:3])
def test_damaged_tables_are_as_good_as_none_and_never_a_traceback(name: str) -> None:
    content = path_of(name).read_bytes()
    first = content.index(b"tests/fixtures/src") - 3000
    chance, intact = random.Random(1), 0
    for _ in range(DAMAGES):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 8)):
            damaged[chance.randrange(max(first, 0), len(content))] = chance.randrange(256)
        lines = Lines(bytes(damaged))
        spans = [lines.at(address) for address in (0x1020, 0x1072, 0x8049020, 0x80490AC)]
        spans += lines.statements(lambda file: True)
        assert all(isinstance(span, Span | None) for span in spans)
        intact += bool(lines)
    assert intact > DAMAGES // 4


def stripped(tmp_path: Path, how: list[str]) -> tuple[Path, Path]:
    """A stripped copy, and the file with what was stripped."""
    whole, debug = tmp_path / "whole", tmp_path / "whole.debug"
    subprocess.run(
        [
            "gcc",
            "-g",
            *how,
            *ALONE,
            "-o",
            str(whole),
            f"{path_of(FIXTURES[0]).parents[1]}/src/lines.c",
        ],
        check=True,
    )
    subprocess.run(["objcopy", "--only-keep-debug", whole, debug], check=True)
    subprocess.run(["strip", whole], check=True)
    return whole, debug


needs_tools = pytest.mark.skipif(
    not (shutil.which("gcc") and shutil.which("objcopy")), reason="needs gcc and binutils"
)


@needs_tools
def test_what_was_stripped_is_sought_by_build_id(tmp_path: Path) -> None:
    whole, debug = stripped(tmp_path, ["-Wl,--build-id=0x0123456789abcdef"])
    found = candidates(whole.read_bytes(), str(whole))
    assert found == [Candidate("/usr/lib/debug/.build-id/01/23456789abcdef.debug")]
    assert not Lines(whole.read_bytes())
    assert Lines(debug.read_bytes())


@needs_tools
def test_what_was_stripped_is_sought_by_its_link_and_proved_by_its_checksum(tmp_path: Path) -> None:
    whole, debug = stripped(tmp_path, ["-Wl,--build-id=none"])
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", whole], check=True)
    found = candidates(whole.read_bytes(), str(whole))
    assert [one.path for one in found] == [
        str(debug),
        f"{tmp_path}/.debug/whole.debug",
        f"/usr/lib/debug{tmp_path}/whole.debug",
    ]
    assert all(one.is_it(debug.read_bytes()) for one in found)
    assert not any(one.is_it(debug.read_bytes() + b"x") for one in found)


def test_a_file_that_is_no_elf_has_neither_lines_nor_candidates() -> None:
    assert candidates(b"#!/bin/sh\n", "/bin/x") == []
    assert not Lines(b"#!/bin/sh\n")
