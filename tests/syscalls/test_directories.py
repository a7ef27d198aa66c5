"""Listings and places: the records of getdents, the working directory, another root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.errno import EINVAL, ENOENT, EPERM
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program

DT = {"fifo": 1, "d": 4, "f": 8, "l": 10}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "t/d").mkdir(parents=True)
    (tmp_path / "t/f").write_bytes(b"x")
    (tmp_path / "t/l").symlink_to("f")
    os.mkfifo(tmp_path / "t/fifo")
    return a_program(tmp_path)


def records(data: bytes, word: int | None) -> list[tuple[str, int, int, int]]:
    """(name, inode number, d_off, type) of each record: linux_dirent64, or of an ABI's word."""
    found = []
    while data:
        if word is None:
            number, following = int.from_bytes(data[:8], "little"), data[8]
            length, sort, name = int.from_bytes(data[16:18], "little"), data[18], data[19:]
        else:
            number, following = int.from_bytes(data[:word], "little"), data[word]
            at = 2 * word
            length = int.from_bytes(data[at : at + 2], "little")
            sort, name = data[length - 1], data[at + 2 : length - 1]
        found.append((name.split(b"\0")[0].decode(), number, following, sort))
        data = data[length:]
    return found


def names_of_host(tmp_path: Path) -> list[str]:
    return os.listdir(tmp_path / "t")


def test_names_come_in_the_hosts_order(program: Program, tmp_path: Path) -> None:
    descriptor = program.open("t", os.O_DIRECTORY)
    found = records(program.peek(program.call("getdents64", descriptor, BUFFER, 4096)), None)
    assert [name for name, *_ in found] == [".", "..", *names_of_host(tmp_path)]
    assert [following for _, _, following, _ in found] == [1, 2, 3, 4, 5, 6]
    for name, number, _, sort in found[2:]:
        assert number == os.lstat(tmp_path / "t" / name).st_ino
        assert sort == DT[name]
    assert found[1][1] == os.stat(tmp_path).st_ino


@pytest.mark.parametrize("abi", [X86_64, I386])
def test_the_old_record_ends_with_the_type(abi: object, program: Program) -> None:
    program.task.abi = abi
    descriptor = program.open("t", os.O_DIRECTORY)
    size = program.call("getdents", descriptor, BUFFER, 4096)
    found = records(program.peek(size), program.abi.word)
    assert sorted((name, sort) for name, _, _, sort in found[2:]) == sorted(DT.items())


def test_a_small_buffer_takes_a_listing_in_parts(program: Program, tmp_path: Path) -> None:
    descriptor = program.open("t", os.O_DIRECTORY)
    names: list[str] = []
    while size := program.call("getdents64", descriptor, BUFFER, 50):
        found = records(program.peek(size), None)
        assert len(found) <= 2
        names += [name for name, *_ in found]
    assert names == [".", "..", *names_of_host(tmp_path)]


def test_a_listing_stays_as_it_was_until_it_is_rewound(program: Program, tmp_path: Path) -> None:
    before = names_of_host(tmp_path)
    descriptor = program.open("t", os.O_DIRECTORY)
    program.call("getdents64", descriptor, BUFFER, 50)
    program.call("unlink", b"t/f")
    program.call("mkdir", b"t/a", 0o755)
    rest = records(program.peek(program.call("getdents64", descriptor, BUFFER, 4096)), None)
    assert [name for name, *_ in rest] == before
    program.call("lseek", descriptor, 0, os.SEEK_SET)
    anew = records(program.peek(program.call("getdents64", descriptor, BUFFER, 4096)), None)
    assert [name for name, *_ in anew][2:] == [*(n for n in before if n != "f"), "a"]


def test_seeking_to_a_records_offset_continues_there(program: Program, tmp_path: Path) -> None:
    descriptor = program.open("t", os.O_DIRECTORY)
    program.call("getdents64", descriptor, BUFFER, 4096)
    program.call("lseek", descriptor, 3, os.SEEK_SET)
    rest = records(program.peek(program.call("getdents64", descriptor, BUFFER, 4096)), None)
    assert [name for name, *_ in rest] == names_of_host(tmp_path)[1:]
    assert program.fails("lseek", descriptor, 0, os.SEEK_END) == EINVAL


def cwd(program: Program) -> str:
    return program.peek(program.call("getcwd", BUFFER, 4096))[:-1].decode()


def test_the_working_directory_has_the_name_it_has_now(program: Program) -> None:
    assert cwd(program) == "/"
    program.call("chdir", b"t/d")
    assert cwd(program) == "/t/d"
    program.call("rename", b"/t", b"/u")
    assert cwd(program) == "/u/d"
    program.call("chdir", b"..")
    assert cwd(program) == "/u"


def test_a_removed_working_directory_is_gone(program: Program) -> None:
    program.call("chdir", b"t/d")
    program.call("rmdir", b"/t/d")
    assert program.fails("getcwd", BUFFER, 100) == ENOENT
    assert program.fails("openat", AT_FDCWD, b"new", os.O_CREAT, 0o644) == ENOENT
    assert program.fails("mkdir", b"new", 0o755) == ENOENT
    assert program.fails("openat", AT_FDCWD, b"x", 0, 0) == ENOENT
    program.call("chdir", b"..")
    assert cwd(program) == "/t"


def test_another_root_is_the_top_of_every_path(program: Program) -> None:
    program.call("chroot", b"t")
    program.call("chdir", b"/")
    assert cwd(program) == "/"
    assert "f" in program.names("/")
    assert program.fails("stat", b"/t", BUFFER) == ENOENT
    program.task.uid = 1
    assert program.fails("chroot", b"d") == EPERM


def test_a_fifo_made_here_carries_bytes(program: Program) -> None:
    program.call("mknod", b"pipe", 0o010644, 0)
    both = program.open("pipe", os.O_RDWR)
    program.write(both, b"through")
    assert program.read(both, 100) == b"through"


def test_exchange_swaps_two_names(program: Program) -> None:
    program.call("renameat2", AT_FDCWD, b"t/f", AT_FDCWD, b"t/d", 2)
    assert program.contents("t/d") == b"x"
    assert program.status("stat", b"t/f")["st_mode"] == 0o040755
