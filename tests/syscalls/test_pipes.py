"""Pipes, event counters, and the sockets that do not exist."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from kernel_stub.abi.signals import SIGPIPE
from kernel_stub.errno import EAGAIN, EINVAL, EPIPE
from tests.vfs.program import BUFFER, Program, a_program
from tests.vfs.world import Deadlock


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"x")
    return a_program(tmp_path)


def pipe(program: Program, flags: int = 0) -> tuple[int, int]:
    program.call("pipe2", BUFFER, flags)
    reader, writer = struct.unpack("<2i", program.peek(8))
    return reader, writer


def test_bytes_come_out_in_the_order_they_went_in(program: Program) -> None:
    reader, writer = pipe(program)
    program.write(writer, b"one")
    program.write(writer, b"two")
    assert program.read(reader, 4) == b"onet"
    assert program.read(reader, 100) == b"wo"


def test_a_pipe_without_writers_ends(program: Program) -> None:
    reader, writer = pipe(program)
    program.write(writer, b"last")
    copy = program.call("dup", writer)
    program.call("close", writer)
    program.call("close", copy)
    assert program.read(reader, 100) == b"last"
    assert program.read(reader, 100) == b""


def test_a_pipe_without_readers_breaks(program: Program) -> None:
    reader, writer = pipe(program)
    program.call("close", reader)
    assert program.fails("write", writer, b"x", 1) == EPIPE
    assert program.task.kernel.signals == [SIGPIPE]


def test_what_cannot_be_waited_for_is_a_deadlock_or_eagain(program: Program) -> None:
    reader, writer = pipe(program)
    with pytest.raises(Deadlock, match="empty pipe"):
        program.call("read", reader, BUFFER, 1)
    program.poke(BUFFER, bytes(70000))
    with pytest.raises(Deadlock, match="full pipe"):
        program.call("write", writer, BUFFER, 70000)
    assert program.task.progress == 65536
    program.task.progress = 0
    reader, writer = pipe(program, os.O_NONBLOCK)
    assert program.fails("read", reader, BUFFER, 1) == EAGAIN
    assert program.call("write", writer, BUFFER, 70000) == 65536
    assert program.fails("write", writer, b"x", 1) == EAGAIN


def test_a_short_write_goes_in_whole_or_not_at_all(program: Program) -> None:
    reader, writer = pipe(program, os.O_NONBLOCK)
    assert program.call("write", writer, BUFFER, 65000) == 65000
    assert program.fails("write", writer, BUFFER, 4096) == EAGAIN
    assert program.call("write", writer, BUFFER, 4097) == 536
    assert len(program.read(reader, 65536)) == 65536


def test_an_answer_without_a_buffer_stays_in_the_pipe(program: Program) -> None:
    reader, writer = pipe(program)
    program.write(writer, b"kept")
    assert program.fails("read", reader, 16, 4)
    assert program.read(reader, 4) == b"kept"


def test_close_on_exec_is_set_for_both_ends(program: Program) -> None:
    ends = pipe(program, os.O_CLOEXEC)
    assert program.task.files.cloexec == set(ends)


def test_proc_names_a_pipe_and_opens_it_again(program: Program) -> None:
    reader, writer = pipe(program)
    number = program.status("fstat", reader)["st_ino"]
    size = program.call("readlink", b"/proc/self/fd/%d" % reader, BUFFER, 100)
    assert program.peek(size) == b"pipe:[%d]" % number
    again = program.open(f"/proc/self/fd/{writer}", os.O_WRONLY)
    program.write(again, b"again")
    assert program.read(reader, 10) == b"again"


@pytest.mark.parametrize(
    ("flags", "reads"), [(0, [7]), (1, [1, 1, 1, 1, 1, 1, 1])], ids=["counter", "semaphore"]
)
def test_an_event_counter_gives_all_or_one_by_one(
    flags: int, reads: list[int], program: Program
) -> None:
    descriptor = program.call("eventfd2", 3, flags | os.O_NONBLOCK)
    program.write(descriptor, (4).to_bytes(8, "little"))
    for expected in reads:
        assert program.read(descriptor, 8) == expected.to_bytes(8, "little")
    assert program.fails("read", descriptor, BUFFER, 8) == EAGAIN


def test_an_event_counter_speaks_in_eight_bytes(program: Program) -> None:
    descriptor = program.call("eventfd", 1)
    assert program.fails("read", descriptor, BUFFER, 7) == EINVAL
    assert program.fails("write", descriptor, b"\1" * 7, 7) == EINVAL
    assert program.fails("write", descriptor, b"\xff" * 8, 8) == EINVAL
    program.read(descriptor, 8)
    with pytest.raises(Deadlock, match="event counter"):
        program.call("read", descriptor, BUFFER, 8)
