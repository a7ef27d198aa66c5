"""sendfile and copy_file_range: which bytes move, and whose offset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.abi.abi import I386, X86_64
from tests.vfs.program import BUFFER, Program, a_program


@pytest.fixture(params=(X86_64, I386), ids=lambda abi: abi.name)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"0123456789")
    return a_program(tmp_path, abi=request.param)


def two(program: Program) -> tuple[int, int]:
    return program.open("f"), program.open("out", os.O_RDWR | os.O_CREAT, 0o644)


def test_sendfile_moves_both_offsets(program: Program) -> None:
    source, out = two(program)
    assert program.call("sendfile", out, source, 0, 4) == 4
    assert program.call("sendfile", out, source, 0, 100) == 6
    assert program.call("sendfile", out, source, 0, 100) == 0
    assert program.contents("out") == b"0123456789"


@pytest.mark.parametrize("name", ["sendfile", "sendfile64"])
def test_sendfile_from_a_place_moves_the_place_instead(name: str, program: Program) -> None:
    source, out = two(program)
    size = 8 if name == "sendfile64" else program.abi.word
    program.poke(BUFFER, (3).to_bytes(size, "little"))
    assert program.call(name, out, source, BUFFER, 4) == 4
    assert int.from_bytes(program.peek(size), "little") == 7
    assert program.read(source, 1) == b"0"
    assert program.contents("out") == b"3456"


def test_sendfile_reaches_a_pipe(program: Program) -> None:
    program.call("pipe", BUFFER)
    reader, writer = program.peek(8)[0], program.peek(8)[4]
    assert program.call("sendfile", writer, program.open("f"), 0, 5) == 5
    assert program.read(reader, 100) == b"01234"


def test_copy_file_range_with_and_without_places(program: Program) -> None:
    source, out = two(program)
    assert program.call("copy_file_range", source, 0, out, 0, 2, 0) == 2
    program.poke(BUFFER, (5).to_bytes(8, "little"))
    program.poke(BUFFER + 8, (8).to_bytes(8, "little"))
    assert program.call("copy_file_range", source, BUFFER, out, BUFFER + 8, 100, 0) == 5
    assert program.peek(16) == (10).to_bytes(8, "little") + (13).to_bytes(8, "little")
    assert program.read(source, 1) == b"2"
    assert program.contents("out") == b"01" + bytes(6) + b"56789"


def test_more_than_one_chunk_moves_whole(tmp_path: Path) -> None:
    content = os.urandom(1000) * 3000
    (tmp_path / "f").write_bytes(content)
    program = a_program(tmp_path)
    source, out = two(program)
    assert program.call("copy_file_range", source, 0, out, 0, 1 << 40, 0) == len(content)
    assert program.contents("out") == content
