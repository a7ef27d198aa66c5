"""What mmap may map."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.errno import EACCES, ENODEV, Errno
from kernel_stub.vfs.inode import mmap_check
from tests.vfs.program import a_program

READ, WRITE, EXECUTE = 1, 2, 4
SHARED, PRIVATE = 1, 2


@pytest.mark.parametrize(
    ("path", "flags", "prot", "how", "error"),
    [
        ("f", os.O_RDONLY, READ | EXECUTE, PRIVATE, 0),
        ("f", os.O_RDONLY, READ | WRITE, PRIVATE, 0),
        ("f", os.O_RDONLY, READ, SHARED, 0),
        ("f", os.O_RDONLY, READ | WRITE, SHARED, EACCES),
        ("f", os.O_WRONLY, READ, PRIVATE, EACCES),
        ("f", os.O_WRONLY, WRITE, SHARED, EACCES),
        ("f", os.O_RDWR, READ | WRITE, SHARED, 0),
        ("d", os.O_RDONLY, READ, PRIVATE, ENODEV),
        ("/dev/null", os.O_RDWR, READ, PRIVATE, ENODEV),
        ("/dev/zero", os.O_RDWR, READ | WRITE, PRIVATE, 0),
        ("/proc/self/comm", os.O_RDONLY, READ, PRIVATE, ENODEV),
    ],
)
def test_mmap_may(path: str, flags: int, prot: int, how: int, error: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "d").mkdir()
    program = a_program(tmp_path)
    file = program.task.files.get(program.open(path, flags))
    found = 0
    try:
        mmap_check(file, prot, how)
    except Errno as refused:
        found = refused.number
    assert found == error


def test_pages_are_read_short_at_the_end_and_outlive_the_descriptor(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 5000)
    program = a_program(tmp_path)
    descriptor = program.open("f")
    inode = program.task.files.get(descriptor).inode
    program.call("close", descriptor)
    (tmp_path / "f").unlink()
    assert inode.size == 5000
    assert inode.read_at(4096, 4096) == b"x" * 904
    assert inode.read_at(8192, 4096) == b""
