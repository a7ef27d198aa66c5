"""poll and select: what is ready, and how guest time passes when nothing is."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.process_structures import SECOND
from kernel_stub.abi.signals import SIGALRM
from kernel_stub.errno import EBADF
from kernel_stub.vfs.console import Console
from tests.vfs.program import BUFFER, Program, a_program
from tests.vfs.world import Deadlock

POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 1, 2, 4, 8, 16, 32
AWAY: Final = BUFFER + 0x1000


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"x")
    return a_program(tmp_path)


def pipe(program: Program) -> tuple[int, int]:
    program.call("pipe", BUFFER)
    reader, writer = struct.unpack("<2i", program.peek(8))
    return reader, writer


def poll(program: Program, timeout: int, *wanted: tuple[int, int]) -> list[int]:
    """The events told for each descriptor; the count must fit them."""
    program.poke(AWAY, b"".join(struct.pack("<ihh", fd, events, 0x55) for fd, events in wanted))
    count = program.call("poll", AWAY, len(wanted), timeout)
    told = [r for _, _, r in struct.iter_unpack("<ihh", program.peek(8 * len(wanted), AWAY))]
    assert count == sum(1 for events in told if events)
    return told


def test_each_file_is_ready_for_what_it_can_do(program: Program) -> None:
    reader, writer = pipe(program)
    both = POLLIN | POLLOUT
    wanted = [(program.open("f"), both), (reader, both), (writer, both), (99, both), (-1, both)]
    assert poll(program, 0, *wanted) == [both, 0, POLLOUT, POLLNVAL, 0]
    program.write(writer, b"x")
    assert poll(program, 0, (reader, POLLIN), (reader, POLLOUT)) == [POLLIN, 0]


def test_the_other_end_being_closed_is_told_unasked(program: Program) -> None:
    reader, writer = pipe(program)
    other_reader, other_writer = pipe(program)
    program.call("close", writer)
    program.call("close", other_reader)
    assert poll(program, -1, (reader, 0), (other_writer, 0)) == [POLLHUP, POLLERR]


def test_a_time_out_lets_guest_time_pass_and_nothing_else(program: Program) -> None:
    reader, _ = pipe(program)
    assert poll(program, 1500, (reader, POLLIN)) == [0]
    assert program.task.kernel.clock == 1_500_000_000
    program.call("ppoll", 0, 0, struct.pack("<2q", 2, 5), 0, 0)
    assert program.task.kernel.clock == 3_500_000_005
    assert poll(program, 0, (reader, POLLIN)) == [0]
    assert program.task.kernel.clock == 3_500_000_005


def test_waiting_for_ever_for_oneself_is_a_deadlock(program: Program) -> None:
    reader, _ = pipe(program)
    with pytest.raises(Deadlock):
        poll(program, -1, (reader, POLLIN))


def test_the_console_is_waited_for_outside(program: Program) -> None:
    ours, theirs = os.pipe()
    program.task.files.install(0, Console(ours).opened())
    kernel = program.task.kernel

    def wait_outside(wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        assert (wanted, timeout_ns) == ({ours: POLLIN}, None)
        if not kernel.waits:
            os.write(theirs, b"input")
        kernel.waits.append((dict(wanted), timeout_ns))
        return True

    kernel.wait_outside = wait_outside
    assert poll(program, -1, (0, POLLIN)) == [POLLIN]
    assert program.read(0, 100) == b"input"
    os.close(ours)
    os.close(theirs)


def test_a_time_out_waits_for_the_host_and_then_guest_time_has_passed(program: Program) -> None:
    ours, theirs = os.pipe()
    program.task.files.install(0, Console(ours).opened())
    reader, _ = pipe(program)
    assert poll(program, 1500, (0, POLLIN), (reader, POLLIN)) == [0, 0]
    assert program.task.kernel.waits == [({ours: POLLIN}, 1_500_000_000)]
    assert program.task.kernel.clock == 1_500_000_000
    os.close(ours)
    os.close(theirs)


def test_all_that_is_outside_is_waited_for_each_for_its_events(program: Program) -> None:
    ours, theirs = os.pipe()
    program.task.files.install(0, Console(ours).opened())
    program.task.files.install(1, Console(theirs).opened())
    os.set_blocking(theirs, False)
    with suppress(BlockingIOError):
        while os.write(theirs, bytes(4096)):
            pass
    kernel = program.task.kernel
    waits = []

    def wait_outside(wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        waits.append((dict(wanted), timeout_ns))
        return bool(os.read(ours, 1 << 20))

    kernel.wait_outside = wait_outside
    os.read(ours, 1)
    assert poll(program, -1, (1, POLLOUT), (0, 0)) == [POLLOUT, 0]
    assert waits == [({theirs: POLLOUT, ours: 0}, None)]
    assert kernel.clock == 0
    os.close(ours)
    os.close(theirs)


def test_an_alarm_ends_a_wait_for_ever(program: Program) -> None:
    reader, _ = pipe(program)
    program.call("alarm", 3)
    with pytest.raises(Deadlock):  # its handler is not run here, and it goes on waiting
        poll(program, -1, (reader, POLLIN))
    assert program.task.kernel.signals == [SIGALRM]
    assert program.task.kernel.clock == 3 * SECOND


def bits(program: Program, *numbers: int) -> bytes:
    size = -(-64 // (8 * program.abi.word)) * program.abi.word
    return sum(1 << number for number in numbers).to_bytes(size, "little")


@pytest.mark.parametrize("abi", [X86_64, I386], ids=lambda abi: abi.name)
def test_select_leaves_those_that_are_ready(abi: object, program: Program) -> None:
    program.task.abi = abi
    program = Program(program.task)
    reader, writer = pipe(program)
    reads, writes = bits(program, reader, program.open("f")), bits(program, writer, reader)
    program.poke(AWAY, reads)
    program.poke(AWAY + 64, writes)
    name = "_newselect" if abi is I386 else "select"
    assert program.call(name, 64, AWAY, AWAY + 64, 0, 0) == 2
    assert program.peek(8, AWAY) == bits(program, 2)
    assert program.peek(8, AWAY + 64) == bits(program, writer)


def test_select_of_what_is_not_open_is_ebadf(program: Program) -> None:
    program.poke(AWAY, bits(program, program.open("f"), 9))
    assert program.fails("select", 64, AWAY, 0, 0, 0) == EBADF
    assert program.call("select", 9, AWAY, 0, 0, 0) == 1


def test_select_tells_the_time_that_is_left(program: Program) -> None:
    reader, _ = pipe(program)
    program.poke(AWAY, bits(program, reader))
    program.poke(AWAY + 64, struct.pack("<2q", 1, 500_000))
    assert program.call("select", reader + 1, AWAY, 0, 0, AWAY + 64) == 0
    assert program.task.kernel.clock == 1_500_000_000
    assert program.peek(16, AWAY + 64) == bytes(16)
    assert program.peek(8, AWAY) == bytes(8)


def test_the_first_select_of_i386_takes_its_arguments_from_memory(program: Program) -> None:
    program.task.abi = I386
    program = Program(program.task)
    program.poke(AWAY, bits(program, program.open("f")))
    packed = struct.pack("<5I", 3, AWAY, 0, 0, 0)
    assert program.call("select", packed) == 1
    assert program.peek(4, AWAY) == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("abi", "name", "layout"),
    [
        (X86_64, "pselect6", "<2q"),
        (I386, "pselect6", "<2i"),
        (I386, "pselect6_time64", "<2q"),
        (I386, "ppoll", "<2i"),
        (I386, "ppoll_time64", "<2q"),
    ],
)
def test_each_calls_time_out_has_its_own_width(
    abi: object, name: str, layout: str, program: Program
) -> None:
    program.task.abi = abi
    program = Program(program.task)
    timeout = struct.pack(layout, 3, 7)
    if name.startswith("ppoll"):
        program.call(name, 0, 0, timeout, 0, 0)
    else:
        program.call(name, 0, 0, 0, 0, timeout, 0)
    assert program.task.kernel.clock == 3 * SECOND + 7


def test_an_event_counter_is_ready_when_it_is_not_zero(program: Program) -> None:
    descriptor = program.call("eventfd", 0)
    wanted = (descriptor, POLLIN | POLLOUT)
    assert poll(program, 0, wanted) == [POLLOUT]
    program.write(descriptor, (1).to_bytes(8, "little"))
    assert poll(program, 0, wanted) == [POLLIN | POLLOUT]
