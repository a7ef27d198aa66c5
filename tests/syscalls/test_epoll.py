"""epoll, timers and counters by their calls: waits, time that passes, and the host outside."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.errno import EAGAIN, EBADF, EINVAL
from kernel_stub.vfs.console import Console
from tests.vfs.program import BUFFER, Program, a_program
from tests.vfs.world import Deadlock

IN, OUT = 1, 4
ADD, DELETE = 1, 2
SECOND: Final = 10**9
NONBLOCK: Final = 0o4000


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return a_program(tmp_path)


def event(events: int, word: int) -> bytes:
    return struct.pack("<IQ", events, word)


def told(program: Program, list_: int, timeout: int = 0) -> list[tuple[int, int]]:
    count = program.call("epoll_wait", list_, BUFFER, 8, timeout)
    return list(struct.iter_unpack("<IQ", program.peek(12 * count)))


def test_a_wait_without_end_is_told(program: Program) -> None:
    list_ = program.call("epoll_create1", 0)
    with pytest.raises(Deadlock, match="events \\(epoll\\)"):
        told(program, list_, -1)


def test_guest_time_passes_to_a_time_out_and_to_a_timer(program: Program) -> None:
    list_ = program.call("epoll_create1", 0)
    assert told(program, list_, 250) == []
    assert program.task.kernel.clock == SECOND // 4
    timer = program.call("timerfd_create", 1, NONBLOCK)
    program.call("timerfd_settime", timer, 0, struct.pack("<4q", 0, 0, 2, 0), 0)
    program.call("epoll_ctl", list_, ADD, timer, event(IN, 7))
    assert told(program, list_, 60_000) == [(IN, 7)]
    assert program.task.kernel.clock == SECOND // 4 + 2 * SECOND
    assert program.read(timer, 8) == (1).to_bytes(8, "little")
    assert program.fails("read", timer, BUFFER, 8) == EAGAIN


def test_a_blocking_read_of_a_timer_counts_what_was_missed(program: Program) -> None:
    timer = program.call("timerfd_create", 1, 0)
    program.call("timerfd_settime", timer, 0, struct.pack("<4q", 1, 0, 1, 0), 0)
    assert program.read(timer, 8) == (1).to_bytes(8, "little")
    program.task.kernel.clock += 3 * SECOND
    assert program.read(timer, 8) == (3).to_bytes(8, "little")


def test_the_host_is_waited_for_through_lists_in_lists(program: Program) -> None:
    reader, writer = os.pipe()
    try:
        file = Console(reader).opened()
        fd = program.task.files.install(50, file)
        inner, outer = program.call("epoll_create1", 0), program.call("epoll_create1", 0)
        program.call("epoll_ctl", inner, ADD, fd, event(IN, 1))
        program.call("epoll_ctl", outer, ADD, inner, event(IN, 2))
        kernel = program.task.kernel
        kernel.wait_outside = lambda wanted, _: bool(
            kernel.waits.append((dict(wanted), None)) or os.write(writer, b"x")
        )
        assert told(program, outer, -1) == [(IN, 2)]
        assert kernel.waits == [({reader: IN}, None)]
        assert told(program, inner) == [(IN, 1)]
    finally:
        os.close(reader)
        os.close(writer)


def test_an_item_goes_with_the_last_descriptor_of_its_file(program: Program) -> None:
    list_ = program.call("epoll_create1", 0)
    counter = program.call("eventfd2", 1, 0)
    copy = program.call("dup", counter)
    program.call("epoll_ctl", list_, ADD, counter, event(IN | OUT, 9))
    program.call("close", counter)
    assert told(program, list_) == [(IN | OUT, 9)]
    assert program.fails("epoll_ctl", list_, DELETE, counter, 0) == EBADF
    program.call("close", copy)
    assert told(program, list_) == []


def test_two_waiters_share_what_is_told_once(program: Program) -> None:
    edge = 1 << 31
    list_, counter = program.call("epoll_create1", 0), program.call("eventfd2", 0, 0)
    program.call("epoll_ctl", list_, ADD, counter, event(IN | edge, 3))
    for _ in range(2):
        program.write(counter, (1).to_bytes(8, "little"))
        assert [told(program, list_), told(program, list_)] == [[(IN, 3)], []]


def test_a_signal_mask_has_its_size(program: Program) -> None:
    list_ = program.call("epoll_create1", 0)
    assert program.fails("epoll_pwait", list_, BUFFER, 1, 0, bytes(8), 4) == EINVAL
    assert (
        program.fails("epoll_pwait2", list_, BUFFER, 1, struct.pack("<2q", -1, 0), 0, 8) == EINVAL
    )
