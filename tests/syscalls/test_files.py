"""Opening and closing: which descriptor, with which flags, and what is left when none is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.abi.abi import I386
from kernel_stub.errno import EBADF, EMFILE, EOVERFLOW
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program

F_GETFD, F_GETFL = 1, 3
O_LARGEFILE = 0o100000


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"file")
    (tmp_path / "d").mkdir()
    return a_program(tmp_path)


def test_the_lowest_free_descriptor_is_given(program: Program) -> None:
    assert [program.open("f") for _ in range(4)] == [0, 1, 2, 3]
    program.call("close", 1)
    program.call("close", 2)
    assert [program.open("f") for _ in range(3)] == [1, 2, 4]


def test_the_limit_is_reached_before_anything_is_created(program: Program) -> None:
    program.task.limits[7] = (3, 3)
    for _ in range(3):
        program.open("f")
    assert program.fails("openat", AT_FDCWD, b"new", os.O_CREAT, 0o644) == EMFILE
    assert program.fails("dup", 0) == EMFILE
    assert program.fails("pipe", BUFFER) == EMFILE
    assert program.fails("stat", b"new", BUFFER)


def test_duplicates_share_the_offset_and_not_the_close_on_exec_flag(program: Program) -> None:
    first = program.open("f", os.O_CLOEXEC)
    second = program.call("dup", first)
    assert program.read(first, 2) == b"fi"
    assert program.read(second, 2) == b"le"
    assert program.call("fcntl", first, F_GETFD) == 1
    assert program.call("fcntl", second, F_GETFD) == 0
    assert program.call("dup3", first, 9, os.O_CLOEXEC) == 9
    assert program.call("fcntl", 9, F_GETFD) == 1
    assert program.call("dup2", first, 9) == 9
    assert program.call("fcntl", 9, F_GETFD) == 0
    assert program.call("dup2", first, first) == first


def test_two_openings_do_not_share_the_offset(program: Program) -> None:
    first, second = program.open("f"), program.open("f")
    assert program.read(first, 2) == b"fi"
    assert program.read(second, 2) == b"fi"


def test_getfl_shows_how_a_file_was_opened_but_not_what_opening_did(program: Program) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    descriptor = program.open("new", flags, 0o644)
    expected = os.O_RDWR | os.O_APPEND | O_LARGEFILE
    assert program.call("fcntl", descriptor, F_GETFL) == expected


def test_close_range_closes_or_marks(program: Program) -> None:
    for _ in range(6):
        program.open("f")
    program.call("close_range", 4, 5, 4)
    assert program.task.files.cloexec == {4, 5}
    program.call("close_range", 2, 0xFFFF_FFFF, 0)
    assert program.task.files.numbers() == [0, 1]


def test_the_umask_takes_bits_from_what_is_made(program: Program) -> None:
    assert program.call("umask", 0o027) == 0o022
    program.call("close", program.open("new", os.O_CREAT | os.O_WRONLY, 0o777))
    program.call("mkdir", b"newer", 0o777)
    assert program.status("stat", b"new")["st_mode"] == 0o100750
    assert program.status("stat", b"newer")["st_mode"] == 0o040750


def test_a_file_made_read_only_is_still_written_by_who_made_it(program: Program) -> None:
    descriptor = program.open("new", os.O_CREAT | os.O_RDWR, 0o444)
    assert program.write(descriptor, b"x") == 1


def test_creat_empties_a_file(program: Program) -> None:
    descriptor = program.call("creat", b"f", 0o600)
    assert program.contents("f") == b""
    assert program.status("fstat", descriptor)["st_mode"] == 0o100644


def test_a_temporary_file_has_no_name_until_it_gets_one(program: Program) -> None:
    descriptor = program.open("d", os.O_TMPFILE | os.O_RDWR, 0o600)
    program.write(descriptor, b"kept")
    assert program.names("d") == [".", ".."]
    assert program.status("fstat", descriptor)["st_nlink"] == 0
    path = f"/proc/self/fd/{descriptor}".encode()
    program.call("linkat", AT_FDCWD, path, AT_FDCWD, b"d/kept", 0x400)
    assert program.contents("d/kept") == b"kept"


def test_a_memfd_is_a_file_without_a_name(program: Program) -> None:
    descriptor = program.call("memfd_create", b"mem", 1)
    program.write(descriptor, b"bytes")
    assert program.contents(f"/proc/self/fd/{descriptor}") == b"bytes"
    size = program.call("readlink", f"/proc/self/fd/{descriptor}".encode(), BUFFER, 100)
    assert program.peek(size) == b"/memfd:mem (deleted)"


def test_an_unlinked_file_lives_as_long_as_it_is_open(program: Program) -> None:
    descriptor = program.open("f")
    program.call("unlink", b"f")
    assert program.read(descriptor, 10) == b"file"
    assert program.status("fstat", descriptor)["st_nlink"] == 0
    assert program.contents(f"/proc/self/fd/{descriptor}") == b"file"
    program.call("close", descriptor)
    assert program.fails("read", descriptor, BUFFER, 1) == EBADF


def test_a_large_file_is_for_those_who_ask(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", 1 << 31)
    program = a_program(tmp_path, abi=I386)
    assert program.fails("open", b"large", 0) == EOVERFLOW
    assert program.call("open", b"large", O_LARGEFILE) == 0
    assert program.fails("stat", b"large", BUFFER) == EOVERFLOW
    assert program.status("stat64", b"large")["st_size"] == 1 << 31


def test_openat2_resolves_within_its_directory(program: Program) -> None:
    program.put("d/inner", b"in")
    directory = program.open("d", os.O_DIRECTORY)
    how = bytes(16) + (0x10).to_bytes(8, "little")
    descriptor = program.call("openat2", directory, b"/../inner", how, 24)
    assert program.read(descriptor, 10) == b"in"
