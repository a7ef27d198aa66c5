"""truncate and fallocate: how long a file is then, and what its new bytes say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.errno import EACCES, EFBIG, ENOSPC
from kernel_stub.vfs.modes import SIGXFSZ
from tests.vfs.program import AT_FDCWD, Program, a_program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"0123456789")
    return a_program(tmp_path)


def size(program: Program) -> int:
    found: int = program.status("stat", b"f")["st_size"]
    return found


@pytest.mark.parametrize(
    ("abi", "name", "registers"),
    [
        (X86_64, "truncate", (15,)),
        (I386, "truncate", (15,)),
        (I386, "truncate64", (15, 0)),
        (X86_64, "ftruncate", (15,)),
        (I386, "ftruncate", (15,)),
        (I386, "ftruncate64", (15, 0)),
    ],
)
def test_a_file_grows_with_zeros_and_shrinks(
    abi: Abi, name: str, registers: tuple[int, ...], program: Program
) -> None:
    program.task.abi = abi
    program = Program(program.task)
    first = program.open("f", os.O_RDWR) if name.startswith("f") else b"f"
    program.call(name, first, *registers)
    assert program.contents("f") == b"0123456789" + bytes(5)
    program.call(name, first, 4, *registers[1:])
    assert program.contents("f") == b"0123"


def test_an_enormous_hole_takes_no_memory(program: Program) -> None:
    before = program.task.fs.root.storage.used
    program.call("truncate", b"f", 1 << 40)
    assert size(program) == 1 << 40
    assert program.task.fs.root.storage.used - before <= 4096


def test_what_does_not_fit_into_the_memory_is_enospc(tmp_path: Path) -> None:
    program = a_program(tmp_path, limit=1 << 20)
    descriptor = program.open("big", os.O_WRONLY | os.O_CREAT, 0o644)
    written = 0
    while not (error := program.fails("write", descriptor, bytes(100_000), 100_000)):
        written += 100_000
        assert written < 1 << 20
    assert error == ENOSPC
    assert program.fails("pwrite64", descriptor, bytes(100_000), 100_000, 1 << 40) == ENOSPC
    program.call("close", descriptor)
    program.call("unlink", b"big")
    assert program.task.fs.root.storage.used < 10_000


def test_names_without_end_are_enospc_too(tmp_path: Path) -> None:
    program = a_program(tmp_path, limit=1 << 20)
    made = 0
    while not (error := program.fails("mkdir", b"%d" % made, 0o755)):
        made += 1
        assert made < 10_000
    assert error == ENOSPC
    for number in range(made):
        program.call("rmdir", b"%d" % number)
    assert program.call("mkdir", b"again", 0o755) == 0


def test_the_file_size_limit_cuts_and_then_signals(program: Program) -> None:
    program.task.limits[1] = (12, 12)
    descriptor = program.open("f", os.O_WRONLY | os.O_APPEND)
    assert program.write(descriptor, b"abcdef") == 2
    assert program.fails("write", descriptor, b"x", 1) == EFBIG
    assert program.task.kernel.signals == [SIGXFSZ]
    assert program.contents("f") == b"0123456789ab"
    assert program.fails("truncate", b"f", 13) == EFBIG


def test_fallocate_grows_unless_the_size_is_to_be_kept(program: Program) -> None:
    descriptor = program.open("f", os.O_RDWR)
    program.call("fallocate", descriptor, 1, 0, 100)
    assert size(program) == 10
    program.call("fallocate", descriptor, 0, 5, 20)
    assert size(program) == 25
    program.call("fallocate", descriptor, 0, 0, 5)
    assert size(program) == 25


def test_a_right_is_needed_to_truncate(program: Program) -> None:
    program.call("chmod", b"f", 0o444)
    program.task.uid = program.task.gid = 7
    assert program.fails("truncate", b"f", 0) == EACCES
    assert program.fails("openat", AT_FDCWD, b"f", os.O_RDONLY | os.O_TRUNC, 0) == EACCES


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fsync", ()),
        ("fdatasync", ()),
        ("syncfs", ()),
        ("fadvise64", (0, 0, 4)),
        ("readahead", (0, 10)),
        ("sync_file_range", (0, 0, 7)),
    ],
)
def test_what_the_host_need_not_be_told_succeeds(
    name: str, arguments: tuple[int, ...], program: Program
) -> None:
    assert program.call(name, program.open("f"), *arguments) == 0
