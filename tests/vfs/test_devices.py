"""The devices of /dev answer as Linux's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.errno import ENOSPC, ENOTTY
from kernel_stub.vfs.inode import mmap_check
from tests.vfs.program import BUFFER, Program, a_program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return a_program(tmp_path)


@pytest.mark.parametrize(
    ("name", "read", "taken"),
    [
        ("null", b"", 5),
        ("zero", bytes(5), 5),
        ("full", bytes(5), -ENOSPC),
        ("random", b"\x2a" * 5, 5),
        ("urandom", b"\x2a" * 5, 5),
    ],
)
def test_a_device_gives_and_takes(name: str, read: bytes, taken: int, program: Program) -> None:
    descriptor = program.open(f"/dev/{name}", os.O_RDWR | os.O_TRUNC)
    assert program.read(descriptor, 5) == read
    program.poke(BUFFER, b"bytes")
    error = program.fails("write", descriptor, BUFFER, 5)
    assert (-error or program.call("write", descriptor, BUFFER, 5)) == taken
    assert program.call("lseek", descriptor, 100, os.SEEK_SET) == 0
    assert program.fails("ioctl", descriptor, 0x5401, BUFFER) == ENOTTY


def test_only_zero_has_pages(program: Program) -> None:
    file = program.task.files.get(program.open("/dev/zero", os.O_RDWR))
    mmap_check(file, 3, 1)
    assert file.inode.read_at(123, 4) == bytes(4)
    for name in ("null", "full", "urandom"):
        file = program.task.files.get(program.open(f"/dev/{name}", os.O_RDWR))
        with pytest.raises(Exception, match="ENODEV"):
            mmap_check(file, 1, 2)


def test_dev_is_a_place_to_keep_things(program: Program) -> None:
    program.put("/dev/shm/sem", b"shared")
    assert program.contents("/dev/shm/sem") == b"shared"
    program.call("unlink", b"/dev/null")
    assert "null" not in program.names("/dev")
