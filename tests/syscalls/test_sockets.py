"""Sockets by their calls: which there are, what is refused, and what stands in their options."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import pytest

from kernel_stub import errno as e
from kernel_stub.abi.abi import I386
from kernel_stub.net.families import FAMILIES
from kernel_stub.net.options import LEVELS
from tests.vfs.program import BUFFER, Program, a_program
from tests.vfs.world import Deadlock

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
STREAM, DGRAM, RAW, SEQPACKET = 1, 2, 3, 5
NONBLOCK: Final = 0o4000
AWAY: Final = BUFFER + 0x1000


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"x")
    return a_program(tmp_path)


@pytest.mark.parametrize(
    ("family", "sort"), [(family, sort) for family, rows in FAMILIES.items() for sort in rows]
)
def test_each_row_makes_a_socket_that_says_what_it_is(
    family: int, sort: int, program: Program
) -> None:
    fd = program.call("socket", family, sort, 0)
    told = {}
    for name in (3, 39, 4):
        program.poke(AWAY, struct.pack("<i", 4))
        program.call("getsockopt", fd, 1, name, BUFFER, AWAY)
        told[name] = struct.unpack("<i", program.peek(4))[0]
    expected = DGRAM if (family, sort) == (UNIX, RAW) else sort
    assert told == {3: expected, 39: family, 4: 0}


REFUSED: Final = (
    ((99, STREAM, 0), e.EAFNOSUPPORT),
    ((NETLINK, RAW, 0), e.EAFNOSUPPORT),
    ((INET, RAW, 1), e.EPERM),
    ((INET, SEQPACKET, 0), e.ESOCKTNOSUPPORT),
    ((INET, STREAM, 17), e.EPROTONOSUPPORT),
    ((UNIX, 4, 0), e.ESOCKTNOSUPPORT),
    ((UNIX, STREAM | 0x100, 0), e.EINVAL),
    ((UNIX, 0, 0), e.ESOCKTNOSUPPORT),
)


@pytest.mark.parametrize(("asked", "error"), REFUSED)
def test_what_is_not_in_the_table_is_refused(
    asked: tuple[int, int, int], error: int, program: Program
) -> None:
    assert program.fails("socket", *asked) == error
    assert program.fails("socketpair", *asked, BUFFER) == error


@pytest.mark.parametrize(
    "call", ["bind", "connect", "listen", "accept", "getsockname", "getpeername", "shutdown"]
)
def test_what_is_no_socket_is_told_so(call: str, program: Program) -> None:
    assert program.fails(call, program.open("f"), BUFFER, 0) == e.ENOTSOCK
    assert program.fails(call, 99, BUFFER, 0) == e.EBADF
    assert program.fails(call, program.open("f", 0o10000000), BUFFER, 0) == e.EBADF


def test_a_name_in_a_directory_is_a_socket_that_only_lives_in_memory(
    program: Program, tmp_path: Path
) -> None:
    fd = program.call("socket", UNIX, STREAM, 0)
    name = struct.pack("<H", UNIX) + b"s"
    program.call("bind", fd, name, len(name))
    assert program.status("stat", b"s")["st_mode"] & 0o170000 == 0o140000
    assert not (tmp_path / "s").exists()
    assert program.fails("openat", -100, b"s", 2, 0) == e.ENXIO
    program.call("close", fd)
    other = program.call("socket", UNIX, STREAM, 0)
    assert program.fails("connect", other, name, len(name)) == e.ECONNREFUSED


@pytest.mark.parametrize(
    ("level", "name"), [(level, name) for level, rows in LEVELS.items() for name in rows]
)
def test_each_option_that_can_be_set_is_told_back(level: int, name: int, program: Program) -> None:
    row = LEVELS[level][name]
    fd = program.call("socket", INET6, STREAM, 0)
    program.poke(AWAY, struct.pack("<i", 16))
    program.poke(BUFFER, struct.pack("<4i", 1, 0, 0, 0))
    if row.set is not None and row.get is not None:
        assert program.call("setsockopt", fd, level, name, BUFFER, 16) == 0
        assert program.call("getsockopt", fd, level, name, BUFFER, AWAY) == 0
        assert any(program.peek(16))
    elif row.set is None:
        assert program.fails("setsockopt", fd, level, name, BUFFER, 16) == e.ENOPROTOOPT
    else:
        assert program.fails("setsockopt", fd, level, name, BUFFER, 16) == e.EPERM


def test_a_wait_without_end_says_what_for(program: Program) -> None:
    program.call("socketpair", UNIX, STREAM, 0, BUFFER)
    first, _ = struct.unpack("<2i", program.peek(8))
    with pytest.raises(Deadlock, match="bytes on a socket"):
        program.call("read", first, BUFFER, 1)
    fd = program.call("socket", INET, STREAM, 0)
    program.call("listen", fd, 5)
    with pytest.raises(Deadlock, match="a connection to accept"):
        program.call("accept", fd, 0, 0)


def test_a_closed_queue_drops_the_files_that_were_in_flight(program: Program) -> None:
    program.call("socketpair", UNIX, STREAM | NONBLOCK, 0, BUFFER)
    first, second = struct.unpack("<2i", program.peek(8))
    fd = program.open("f")
    file = program.task.files.get(fd)
    control = struct.pack("<Qii", 20, 1, 1) + struct.pack("<i", fd) + bytes(4)
    program.poke(AWAY, control)
    program.poke(AWAY + 64, struct.pack("<2Q", AWAY, 1))
    message = struct.pack("<QI4xQQQQI4x", 0, 0, AWAY + 64, 1, AWAY, len(control), 0)
    assert program.call("sendmsg", first, message, 0) == 1
    assert file.references == 2
    program.call("close", second)
    assert file.references == 1


def test_one_call_of_i386_stands_for_all(tmp_path: Path) -> None:
    program = a_program(tmp_path, abi=I386)
    program.poke(BUFFER, struct.pack("<3i", UNIX, STREAM, 0))
    fd = program.call("socketcall", 1, BUFFER)
    program.poke(BUFFER, struct.pack("<2i", fd, 5))
    assert program.fails("socketcall", 4, BUFFER) == e.EINVAL  # listen: it has no name
    assert program.fails("socketcall", 99, BUFFER) == e.EINVAL
