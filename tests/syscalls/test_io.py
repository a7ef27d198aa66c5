"""Reading and writing: what arrives, and where the offset stands afterwards."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.errno import EBADF, EFAULT, EINVAL, EOVERFLOW, Errno
from kernel_stub.syscalls import io
from tests.vfs.program import BUFFER, Program, a_program
from tests.vfs.world import MEMORY_END

ABIS: Final = (X86_64, I386)
CONTENT: Final = bytes(range(256)) * 40


@pytest.fixture(params=ABIS, ids=lambda abi: abi.name)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(CONTENT)
    return a_program(tmp_path, abi=request.param)


def iovec(abi: Abi, *pairs: tuple[int, int]) -> bytes:
    return b"".join(abi.iovec.pack(*pair) for pair in pairs)


def where(program: Program, descriptor: int) -> int:
    return program.call("lseek", descriptor, 0, os.SEEK_CUR)


def loff(program: Program, value: int) -> tuple[int, ...]:
    """A loff_t as registers hold it: one of 64 bits, or two of 32, the low one first."""
    value &= (1 << 64) - 1
    return (value,) if program.abi.word == 8 else (value & 0xFFFF_FFFF, value >> 32)


def test_reads_follow_each_other_until_the_end(program: Program) -> None:
    descriptor = program.open("f")
    pieces = []
    while piece := program.read(descriptor, 1000):
        pieces.append(piece)
    assert b"".join(pieces) == CONTENT
    assert {len(piece) for piece in pieces[:-1]} == {1000}
    assert program.read(descriptor, 10) == b""


def test_a_read_that_cannot_be_delivered_is_not_consumed(program: Program) -> None:
    descriptor = program.open("f")
    assert program.fails("read", descriptor, 16, 10) == EFAULT
    assert where(program, descriptor) == 0
    assert program.read(descriptor, 3) == CONTENT[:3]


# What a real Linux answers for a buffer of which only so many bytes are mapped.
SHORT: Final = [
    # mapped, of a file, of a pipe (whole pages of its buffer)
    (0, None, None),
    (1, 1, None),
    (100, 100, None),
    (4096, 4096, 4096),
    (6000, 6000, 4096),
    (9000, 9000, 8192),
]


def outcome(program: Program, name: str, *arguments: int) -> int | None:
    """The result of a call, or None for EFAULT."""
    with suppress(Errno):
        return program.call(name, *arguments)
    assert program.fails(name, *arguments) == EFAULT
    return None


@pytest.mark.parametrize(("mapped", "of_a_file", "of_a_pipe"), SHORT)
def test_a_buffer_that_ends_early_makes_a_short_count(
    program: Program, mapped: int, of_a_file: int | None, of_a_pipe: int | None
) -> None:
    buffer, size = MEMORY_END - mapped, mapped + 5000
    descriptor = program.open("f", os.O_RDWR)
    program.call("ftruncate", descriptor, 20_000)
    assert outcome(program, "read", descriptor, buffer, size) == of_a_file
    assert where(program, descriptor) == (of_a_file or 0)
    assert outcome(program, "pread64", descriptor, buffer, size, *loff(program, 7)) == of_a_file
    assert outcome(program, "pwrite64", descriptor, buffer, size, *loff(program, 7)) == of_a_file
    assert outcome(program, "write", descriptor, buffer, size) == of_a_file
    assert where(program, descriptor) == 2 * (of_a_file or 0)
    program.call("pipe", BUFFER)
    reader, writer = (int.from_bytes(program.peek(4, BUFFER + i), "little") for i in (0, 4))
    assert outcome(program, "write", writer, buffer, size) == of_a_pipe
    program.call("write", writer, BUFFER, size)
    assert outcome(program, "read", reader, buffer, size + 9000) == of_a_pipe


def test_vectors_that_end_early_make_a_short_count(program: Program) -> None:
    vectors = iovec(program.abi, (BUFFER, 10), (MEMORY_END - 100, 5000))
    descriptor = program.open("f", os.O_RDWR)
    assert program.call("readv", descriptor, vectors, 2) == 110
    assert where(program, descriptor) == 110
    assert program.call("writev", descriptor, vectors, 2) == 110
    assert where(program, descriptor) == 220


def test_pread_and_pwrite_do_not_move_the_offset(program: Program) -> None:
    descriptor = program.open("f", os.O_RDWR)
    assert program.call("pread64", descriptor, BUFFER, 4, *loff(program, 5)) == 4
    assert program.peek(4) == CONTENT[5:9]
    program.poke(BUFFER, b"four")
    assert program.call("pwrite64", descriptor, BUFFER, 4, *loff(program, 5)) == 4
    assert where(program, descriptor) == 0
    assert program.read(descriptor, 10) == CONTENT[:5] + b"four" + CONTENT[9:10]


def test_appending_writes_go_to_the_end_wherever_they_are_sent(program: Program) -> None:
    descriptor = program.open("f", os.O_RDWR | os.O_APPEND)
    program.write(descriptor, b"one")
    assert where(program, descriptor) == len(CONTENT) + 3
    program.poke(BUFFER, b"two")
    program.call("pwrite64", descriptor, BUFFER, 3, *loff(program, 0))
    assert program.contents("f") == CONTENT + b"onetwo"


def test_vectors_are_filled_in_order(program: Program) -> None:
    descriptor = program.open("f")
    vector = iovec(program.abi, (BUFFER, 3), (BUFFER + 100, 0), (BUFFER + 200, 5))
    assert program.call("readv", descriptor, vector, 3) == 8
    assert program.peek(3) == CONTENT[:3]
    assert program.peek(5, BUFFER + 200) == CONTENT[3:8]
    assert program.call("preadv", descriptor, vector, 3, 100) == 8
    assert program.peek(5, BUFFER + 200) == CONTENT[103:108]
    assert where(program, descriptor) == 8


def test_a_vector_that_ends_nowhere_is_read_as_far_as_it_goes(program: Program) -> None:
    descriptor = program.open("f")
    vector = iovec(program.abi, (BUFFER, 3), (16, 5))
    assert program.call("readv", descriptor, vector, 2) == 3
    assert where(program, descriptor) == 3


def test_vectors_are_written_in_order(program: Program) -> None:
    descriptor = program.open("new", os.O_RDWR | os.O_CREAT, 0o644)
    program.poke(BUFFER, b"onetwo")
    vector = iovec(program.abi, (BUFFER + 3, 3), (BUFFER, 3))
    assert program.call("writev", descriptor, vector, 2) == 6
    assert program.call("pwritev", descriptor, vector, 2, 3) == 6
    assert program.contents("new") == b"twotwoone"
    assert program.call("pwritev2", descriptor, vector, 1, -1, -1, 0) == 3
    assert program.contents("new") == b"twotwotwo"
    assert program.call("pwritev2", descriptor, vector, 1, 0, 0, 0x10) == 3
    assert program.contents("new") == b"twotwotwotwo"


def test_preadv2_at_minus_one_is_readv(program: Program) -> None:
    descriptor = program.open("f")
    vector = iovec(program.abi, (BUFFER, 4))
    assert program.call("preadv2", descriptor, vector, 1, -1, -1, 0) == 4
    assert where(program, descriptor) == 4
    assert program.call("preadv2", descriptor, vector, 1, 10, 0, 0) == 4
    assert program.peek(4) == CONTENT[10:14]
    assert where(program, descriptor) == 4


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [
        (7, os.SEEK_SET, 7),
        (7, os.SEEK_CUR, 17),
        (-7, os.SEEK_CUR, 3),
        (-7, os.SEEK_END, len(CONTENT) - 7),
        (7, os.SEEK_END, len(CONTENT) + 7),
        (7, 3, 7),
        (7, 4, len(CONTENT)),
    ],
)
def test_lseek_leads_where_it_says(offset: int, whence: int, place: int, program: Program) -> None:
    descriptor = program.open("f")
    program.call("lseek", descriptor, 10, os.SEEK_SET)
    assert program.call("lseek", descriptor, offset, whence) == place


def test_llseek_gives_64_bits_where_lseek_overflows(tmp_path: Path) -> None:
    program = a_program(tmp_path, abi=I386)
    descriptor = program.open("new", os.O_RDWR | os.O_CREAT, 0o644)
    assert program.call("_llseek", descriptor, 1, 2, BUFFER, os.SEEK_SET) == 0
    assert int.from_bytes(program.peek(8), "little") == 0x1_0000_0002
    assert program.fails("lseek", descriptor, 0, os.SEEK_CUR) == EOVERFLOW
    assert program.call("_llseek", descriptor, 0xFFFF_FFFF, 0, BUFFER, os.SEEK_CUR) == 0
    assert program.call("lseek", descriptor, 0, os.SEEK_CUR) == 2


def test_a_hole_reads_as_zeros(program: Program) -> None:
    descriptor = program.open("new", os.O_RDWR | os.O_CREAT, 0o644)
    program.call("lseek", descriptor, 10, os.SEEK_SET)
    program.write(descriptor, b"x")
    assert program.contents("new") == bytes(10) + b"x"


def test_a_file_opened_to_write_cannot_be_read(program: Program) -> None:
    descriptor = program.open("f", os.O_WRONLY)
    assert program.fails("read", descriptor, BUFFER, 1) == EBADF
    assert program.fails("pread64", descriptor, BUFFER, 1, 0, 0) == EBADF


def test_a_negative_offset_is_refused_in_both_halves(program: Program) -> None:
    descriptor = program.open("f")
    assert program.fails("pread64", descriptor, BUFFER, 1, *loff(program, -1)) == EINVAL


def test_much_is_moved_in_parts_and_is_the_same(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io, "PIECE", 3)
    fd = program.open("/g", os.O_RDWR | os.O_CREAT)
    assert program.call("write", fd, b"0123456789", 10) == 10
    assert program.call("pwrite64", fd, b"abcd", 4, *loff(program, 8)) == 4
    assert program.call("pread64", fd, BUFFER, 100, *loff(program, 1)) == 11
    assert program.peek(11) == b"1234567abcd"
    program.call("lseek", fd, 5, os.SEEK_SET)
    assert program.call("read", fd, BUFFER, 4) == 4
    assert (program.peek(4), where(program, fd)) == (b"567a", 9)
