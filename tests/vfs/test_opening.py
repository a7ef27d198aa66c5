"""Opening programs, and the rights that opening needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.errno import EACCES, ELOOP, ENOENT, EPERM, Errno
from kernel_stub.vfs.opening import open_executable
from tests.vfs.program import AT_FDCWD, Program, a_program

NOBODY = 65534


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    (tmp_path / "d").mkdir()
    (tmp_path / "program").write_bytes(b"\x7fELF")
    (tmp_path / "program").chmod(0o755)
    (tmp_path / "text").write_bytes(b"text")
    (tmp_path / "text").chmod(0o644)
    (tmp_path / "link").symlink_to("program")
    (tmp_path / "dangling").symlink_to("no")
    os.mkfifo(tmp_path / "fifo", 0o777)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (b"program", 0),
        (b"link", 0),
        (b"text", EACCES),
        (b"d", EACCES),
        (b"fifo", EACCES),
        (b"/dev/null", EACCES),
        (b"no", ENOENT),
        (b"dangling", ENOENT),
    ],
)
def test_a_program_is_a_regular_file_that_may_be_executed(
    path: bytes, error: int, tree: Path
) -> None:
    task = a_program(tree).task
    found = 0
    try:
        file = task.kernel.vfs.open_executable(task, path)
        assert file.inode.read_at(0, 4) == b"\x7fELF"
        assert file.path == b"/program"
    except Errno as refused:
        found = refused.number
    assert found == error


def test_a_link_is_no_program_for_those_who_do_not_follow(tree: Path) -> None:
    task = a_program(tree).task
    with pytest.raises(Errno) as refused:
        open_executable(task, task.fs.root, b"link", follow=False)
    assert refused.value.number == ELOOP


@pytest.fixture
def stranger(tree: Path) -> Program:
    """Somebody to whom the guest's own files here belong not."""
    program = a_program(tree)
    program.put("private", b"", mode=0o600)
    program.put("readable", b"", mode=0o644)
    program.call("mkdir", b"closed", 0o700)
    program.task.uid = program.task.gid = NOBODY
    return program


@pytest.mark.parametrize(
    ("path", "flags", "error"),
    [
        (b"private", os.O_RDONLY, EACCES),
        (b"readable", os.O_RDONLY, 0),
        (b"readable", os.O_WRONLY, EACCES),
        (b"readable", os.O_RDWR, EACCES),
        (b"readable", os.O_RDONLY | os.O_TRUNC, EACCES),
        (b"readable", os.O_RDONLY | os.O_NOATIME, EPERM),
        (b"closed", os.O_RDONLY, EACCES),
        (b"closed/new", os.O_CREAT, EACCES),
        (b"new", os.O_CREAT, EACCES),
        (b"text", os.O_WRONLY, EACCES),
        (b"text", os.O_RDONLY, 0),
        (b"private", os.O_PATH, 0),
    ],
)
def test_a_stranger_opens_what_the_mode_lets(
    path: bytes, flags: int, error: int, stranger: Program
) -> None:
    assert stranger.fails("openat", AT_FDCWD, path, flags, 0o644) == error


@pytest.mark.parametrize("call", ["mkdir", "rmdir", "unlink"])
def test_a_stranger_changes_no_names(call: str, stranger: Program) -> None:
    path = {"mkdir": b"new", "rmdir": b"d", "unlink": b"text"}[call]
    assert stranger.fails(call, path, 0o755) == EACCES
