"""Below a granted directory the guest's changes are the host's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kernel_stub.errno import EINVAL, ENXIO
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program


@pytest.fixture
def granted(tmp_path: Path) -> Path:
    (tmp_path / "rw").mkdir()
    (tmp_path / "rw/f").write_bytes(b"file")
    return tmp_path / "rw"


@pytest.fixture
def program(granted: Path) -> Program:
    program = a_program(granted.parent, rw=(granted,))
    program.call("chdir", b"rw")
    return program


def test_a_file_is_made_with_the_mode_that_the_guests_umask_leaves(
    program: Program, granted: Path
) -> None:
    before = os.umask(0o077)
    try:
        program.put("new", b"made", mode=0o666)
        program.call("mkdir", b"dir", 0o777)
    finally:
        os.umask(before)
    assert (granted / "new").read_bytes() == b"made"
    assert (granted / "new").stat().st_mode == 0o100644
    assert (granted / "dir").stat().st_mode == 0o040755
    assert os.umask(before) == before


def test_attributes_are_changed_by_path_and_by_descriptor(program: Program, granted: Path) -> None:
    program.call("chmod", b"f", 0o600)
    assert (granted / "f").stat().st_mode == 0o100600
    program.call("utime", b"f", (5).to_bytes(8, "little") + (7).to_bytes(8, "little"))
    assert ((granted / "f").stat().st_atime, (granted / "f").stat().st_mtime) == (5, 7)
    descriptor = program.open("f", os.O_RDWR)
    program.call("fchmod", descriptor, 0o640)
    program.call("utimensat", descriptor, 0, bytes(32), 0)
    assert (granted / "f").stat().st_mode == 0o100640
    assert (granted / "f").stat().st_mtime == 0
    program.call("chmod", b"/rw", 0o700)
    assert granted.stat().st_mode == 0o040700


def test_an_owner_is_changed_if_the_host_lets(program: Program, granted: Path) -> None:
    status = (granted / "f").stat()
    assert program.call("chown", b"f", status.st_uid, status.st_gid) == 0
    program.call("fchown", program.open("f"), status.st_uid, status.st_gid)
    assert (granted / "f").stat().st_uid == status.st_uid


def test_a_links_own_times_are_the_hosts_too(program: Program, granted: Path) -> None:
    program.call("symlink", b"f", b"l")
    program.call("utimensat", AT_FDCWD, b"l", bytes(32), 0x100)
    assert os.lstat(granted / "l").st_mtime == 0
    assert (granted / "f").stat().st_mtime != 0


def test_an_unlinked_file_is_changed_through_its_descriptor(program: Program) -> None:
    descriptor = program.open("f", os.O_RDWR)
    program.call("unlink", b"f")
    program.call("fchmod", descriptor, 0o600)
    program.call("ftruncate", descriptor, 2)
    status = program.status("fstat", descriptor)
    assert (status["st_mode"], status["st_size"], status["st_nlink"]) == (0o100600, 2, 0)


def test_a_number_that_the_host_gives_again_is_a_new_file(program: Program, granted: Path) -> None:
    for _ in range(20):
        program.call("mkdir", b"d", 0o755)
        program.call("chdir", b"d")
        program.call("rmdir", b"../d")
        program.call("chdir", b"/rw")
        program.call("mkdir", b"d", 0o755)
        program.put("d/x", b"x")
        program.call("unlink", b"d/x")
        program.call("rmdir", b"d")
        program.put("g", b"1")
        descriptor = program.open("g")
        program.call("unlink", b"g")
        program.put("g", b"22")
        assert program.contents("g") == b"22"
        assert program.read(descriptor, 10) == b"1"
        program.call("close", descriptor)
        program.call("unlink", b"g")
    assert os.listdir(granted) == ["f"]


def test_appending_and_truncating_are_real(program: Program, granted: Path) -> None:
    descriptor = program.open("f", os.O_WRONLY | os.O_APPEND)
    (granted / "f").write_bytes(b"longer than before")
    program.write(descriptor, b"!")
    assert (granted / "f").read_bytes() == b"longer than before!"
    program.call("truncate", b"f", 6)
    assert (granted / "f").read_bytes() == b"longer"
    program.put("f", b"new")
    assert (granted / "f").read_bytes() == b"new"


def test_a_moved_directory_is_still_the_same(program: Program, granted: Path) -> None:
    program.call("mkdir", b"a", 0o755)
    program.call("mkdir", b"b", 0o755)
    descriptor = program.open("a", os.O_DIRECTORY)
    program.call("chdir", b"a")
    program.call("rename", b"/rw/a", b"/rw/b/c")
    program.put("inner", b"in")
    assert (granted / "b/c/inner").read_bytes() == b"in"
    assert program.peek(program.call("getcwd", BUFFER, 100)) == b"/rw/b/c\0"
    assert program.call("openat", descriptor, b"inner", 0, 0) > descriptor


def test_names_cannot_be_exchanged_on_the_host(program: Program) -> None:
    program.put("g", b"g")
    assert program.fails("renameat2", AT_FDCWD, b"f", AT_FDCWD, b"g", 2) == EINVAL


def test_a_fifo_is_made_on_the_host_and_joins_the_guests_own(
    program: Program, granted: Path
) -> None:
    program.call("mknod", b"fifo", 0o10640, 0)
    assert stat.S_ISFIFO((granted / "fifo").stat().st_mode)
    reader = program.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = program.open("fifo", os.O_WRONLY)
    assert program.write(writer, b"through") == 7
    assert program.read(reader) == b"through"
    assert program.status("fstat", reader)["st_ino"] == (granted / "fifo").stat().st_ino
    program.call("unlink", b"fifo")
    assert not (granted / "fifo").exists()


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_a_node_that_the_host_had_before_stays_closed(
    kind: int, program: Program, granted: Path
) -> None:
    os.mknod(granted / "node", kind | 0o666)
    for flags in (os.O_RDWR, os.O_RDONLY | os.O_NONBLOCK):
        assert program.fails("openat", AT_FDCWD, b"node", flags, 0) == ENXIO
