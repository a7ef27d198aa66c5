"""stat in every form tells what the host tells of the same file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.structures import STAT, STAT64, STATFS, STATFS64, STATX
from kernel_stub.errno import EINVAL
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program
from tests.vfs.world import NOW

SECOND: Final = 10**9
FIELDS: Final = ("st_ino", "st_mode", "st_nlink", "st_size", "st_blksize", "st_blocks")
EMPTY_PATH, NO_FOLLOW = 0x1000, 0x100
PATHS: Final = ("f", "d", "l", "fifo")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "f").write_bytes(b"x" * 5000)
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("f")
    os.mkfifo(tmp_path / "fifo")
    os.utime(tmp_path / "f", ns=(1_234_567_890_123_456_789, 987_654_321_012_345_678))
    return tmp_path


def told_by_host(path: Path) -> dict[str, int]:
    status = os.lstat(path)
    told = {name: getattr(status, name) for name in FIELDS}
    for name in ("st_atime", "st_mtime", "st_ctime"):
        told[name], told[name + "_nsec"] = divmod(getattr(status, name + "_ns"), SECOND)
    return told


@pytest.mark.parametrize("path", PATHS)
def test_x86_64_stat_tells_what_the_host_tells(path: str, tree: Path) -> None:
    program, name = a_program(tree), path.encode()
    expected = told_by_host(tree / path)
    expected["st_dev"] = os.lstat(tree / path).st_dev
    told = program.status("lstat", name)
    assert {field: told[field] for field in expected} == expected
    program.call("newfstatat", AT_FDCWD, name, BUFFER, NO_FOLLOW)
    assert STAT[8].unpack(program.peek(STAT[8].size)) == told


@pytest.mark.parametrize("path", PATHS)
def test_i386_stat64_tells_what_the_host_tells(path: str, tree: Path) -> None:
    program, name = a_program(tree, abi=I386), path.encode()
    expected = told_by_host(tree / path)
    told = program.status("lstat64", name)
    assert {field: told[field] for field in expected} == expected
    assert told["__st_ino"] == expected["st_ino"] & 0xFFFF_FFFF
    program.call("fstatat64", AT_FDCWD, name, BUFFER, NO_FOLLOW)
    assert STAT64.unpack(program.peek(STAT64.size)) == told
    old = program.status("lstat", name)
    assert old["st_size"] == expected["st_size"]
    assert old["st_mode"] == expected["st_mode"]


@pytest.mark.parametrize("path", PATHS)
def test_statx_tells_what_the_host_tells(path: str, tree: Path) -> None:
    program = a_program(tree)
    program.call("statx", AT_FDCWD, path.encode(), NO_FOLLOW, 0xFFF, BUFFER)
    told = STATX.unpack(program.peek(STATX.size))
    status = os.lstat(tree / path)
    for name, value in told_by_host(tree / path).items():
        assert told[name.replace("st_", "stx_", 1)] == value
    assert os.makedev(told["stx_dev_major"], told["stx_dev_minor"]) == status.st_dev
    assert told["stx_mask"] == 0x7FF


def test_a_descriptor_is_asked_with_an_empty_path(tree: Path) -> None:
    program = a_program(tree)
    descriptor = program.open("f")
    expected = program.status("fstat", descriptor)
    for name in (b"",):
        program.call("newfstatat", descriptor, name, BUFFER, EMPTY_PATH)
        assert STAT[8].unpack(program.peek(STAT[8].size)) == expected
    program.call("newfstatat", AT_FDCWD, b"", BUFFER, EMPTY_PATH)
    here = STAT[8].unpack(program.peek(STAT[8].size))
    assert here["st_ino"] == os.stat(tree).st_ino


@pytest.mark.parametrize("abi", [X86_64, I386], ids=lambda abi: abi.name)
def test_a_guests_own_file_has_its_time_and_a_number_of_its_own(abi: object, tree: Path) -> None:
    program = a_program(tree)
    program.task.abi = abi
    program.put("new", b"12345")
    told = program.status("stat", b"new")
    assert told["st_mtime"] == NOW // SECOND
    assert told["st_size"] == 5
    assert told["st_blocks"] == 8
    assert told["st_nlink"] == 1
    assert told["st_dev"] == os.stat(tree).st_dev
    assert told["st_ino"] != program.status("stat", b"f")["st_ino"]


def test_the_clock_hears_of_every_time_that_is_told(tree: Path) -> None:
    program = a_program(tree)
    program.status("stat", b"f")
    program.call("statx", AT_FDCWD, b"d", 0, 0xFFF, BUFFER)
    expected = [os.stat(tree / path).st_mtime_ns for path in ("f", "d")]
    assert program.task.kernel.times_shown == expected


def test_device_numbers_of_the_devices_are_linuxs(tree: Path) -> None:
    program = a_program(tree)
    for path, numbers in (("null", (1, 3)), ("zero", (1, 5)), ("urandom", (1, 9)), ("tty", (5, 0))):
        told = program.status("stat", b"/dev/" + path.encode())
        assert told["st_rdev"] == os.makedev(*numbers)
        assert told["st_mode"] == 0o020666


@pytest.mark.parametrize(
    ("path", "magic"),
    [("/", 0xEF53), ("/proc", 0x9FA0), ("/sys", 0x6265_6572), ("/dev", 0x0102_1994)],
)
def test_statfs_tells_the_kind_of_file_system(path: str, magic: int, tree: Path) -> None:
    program = a_program(tree)
    program.call("statfs", path.encode(), BUFFER)
    told = STATFS[8].unpack(program.peek(STATFS[8].size))
    assert (told["f_type"], told["f_namelen"], told["f_bsize"]) == (magic, 255, 4096)
    program.task.abi = I386
    narrow = Program(program.task)
    for size in (84, 88):
        narrow.call("statfs64", path.encode(), size, BUFFER)
        assert STATFS64.unpack(narrow.peek(STATFS64.size))["f_type"] == magic
    assert narrow.fails("statfs64", path.encode(), 64, BUFFER) == EINVAL
    narrow.call("fstatfs64", narrow.open(path), 84, BUFFER)
    assert STATFS64.unpack(narrow.peek(STATFS64.size))["f_type"] == magic
