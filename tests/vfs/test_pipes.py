"""Fifos: pipes with a name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.errno import ENXIO, ERESTARTSYS
from tests.vfs.program import AT_FDCWD, Program, a_program
from tests.vfs.world import Deadlock


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = a_program(tmp_path)
    program.call("mknod", b"fifo", 0o010666, 0)
    return program


def test_both_ends_have_to_be_opened(program: Program) -> None:
    for flags in (os.O_RDONLY, os.O_WRONLY):
        with pytest.raises(Deadlock, match="fifo"):
            program.open("fifo", flags)
        program.task.opening.end.release(program.task)
        program.task.opening = None
    assert program.fails("openat", AT_FDCWD, b"fifo", os.O_WRONLY | os.O_NONBLOCK, 0) == ENXIO
    reader = program.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = program.open("fifo", os.O_WRONLY)
    program.write(writer, b"through")
    assert program.read(reader, 100) == b"through"
    program.call("close", writer)
    assert program.read(reader, 100) == b""


def test_a_failed_opening_leaves_no_end_behind(program: Program) -> None:
    program.task.interrupted = True
    assert program.fails("openat", AT_FDCWD, b"fifo", os.O_WRONLY, 0) == ERESTARTSYS
    reader = program.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert program.read(reader, 10) == b""


def test_a_fifo_keeps_its_name_its_mode_and_its_links(program: Program) -> None:
    program.call("link", b"fifo", b"again")
    program.call("chmod", b"again", 0o600)
    status = program.status("stat", b"fifo")
    assert (status["st_mode"], status["st_nlink"]) == (0o010600, 2)
