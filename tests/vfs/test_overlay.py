"""The overlay: the host's files until the guest changes them, and layers of directories."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from kernel_stub.errno import EACCES, ENOENT, ENOSPC
from kernel_stub.vfs import host
from kernel_stub.vfs.inode import BLOCK
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "f").write_bytes(b"host's")
    (tmp_path / "d/e").mkdir(parents=True)
    os.link(tmp_path / "f", tmp_path / "d/hard")
    return tmp_path


def test_a_write_is_seen_by_every_name_and_description_but_not_by_the_host(tree: Path) -> None:
    program = a_program(tree)
    early = program.open("f")
    program.read(early, 2)
    program.put("d/hard", b"guest's own")
    assert program.read(early, 100) == b"est's own"
    assert program.contents("f") == b"guest's own"
    assert (tree / "f").read_bytes() == b"host's"


def test_reading_takes_none_of_the_guests_memory(tree: Path) -> None:
    program = a_program(tree)
    program.contents("f")
    descriptor = program.open("f", os.O_RDWR)
    assert program.task.fs.root.storage.used == 0
    program.write(descriptor, b"H")
    assert program.task.fs.root.storage.used == BLOCK


def test_a_file_too_large_to_copy_is_enospc(tree: Path) -> None:
    os.truncate(tree / "f", 10 << 20)
    program = a_program(tree, limit=1 << 20)
    descriptor = program.open("f", os.O_RDWR)
    assert program.fails("write", descriptor, b"x", 1) == ENOSPC
    assert program.task.fs.root.storage.used == 0
    program.put("f", b"emptied first")
    assert program.contents("f") == b"emptied first"


def test_what_was_changed_is_remembered_when_nobody_holds_it(tree: Path) -> None:
    program = a_program(tree)
    program.call("chmod", b"f", 0o600)
    program.put("d/e/new", b"new")
    gc.collect()
    assert program.status("stat", b"d/hard")["st_mode"] == 0o100600
    assert program.contents("d/e/new") == b"new"


def test_a_changed_mode_decides_instead_of_the_hosts(tree: Path) -> None:
    program = a_program(tree)
    program.call("chmod", b"f", 0o000)
    program.call("chmod", b"/", 0o755)
    program.task.uid = 4242
    assert program.fails("openat", AT_FDCWD, b"f", os.O_RDONLY, 0) == EACCES


def test_a_removed_name_stays_removed_and_can_be_made_anew(tree: Path) -> None:
    program = a_program(tree)
    program.call("unlink", b"f")
    (tree / "f").write_bytes(b"again")
    assert program.fails("stat", b"f", BUFFER) == ENOENT
    program.call("mkdir", b"f", 0o755)
    program.put("f/x", b"x")
    assert program.names("f") == [".", "..", "x"]
    program.call("unlink", b"f/x")
    program.call("rmdir", b"f")
    assert program.fails("stat", b"f", BUFFER) == ENOENT


def test_a_moved_directory_takes_the_hosts_names_with_it(tree: Path) -> None:
    program = a_program(tree)
    program.call("rename", b"d", b"moved")
    assert program.names("moved") == [".", "..", "e", "hard"]
    assert program.contents("moved/hard") == b"host's"
    (tree / "d/late").write_bytes(b"late")
    assert program.contents("moved/late") == b"late"
    assert program.fails("stat", b"d", BUFFER) == ENOENT


def test_links_of_a_directory_are_counted(tree: Path) -> None:
    program = a_program(tree)
    program.call("mkdir", b"n", 0o755)
    program.call("mkdir", b"n/a", 0o755)
    program.call("mkdir", b"n/b", 0o755)
    assert program.status("stat", b"n")["st_nlink"] == 4
    program.call("rename", b"n/a", b"a")
    program.call("rmdir", b"n/b")
    assert program.status("stat", b"n")["st_nlink"] == 2


def test_a_set_group_id_directory_gives_its_group(tree: Path) -> None:
    program = a_program(tree)
    program.call("chown", b"d", 0, 77)
    program.call("chmod", b"d", 0o2755)
    program.put("d/new", b"")
    program.call("mkdir", b"d/dir", 0o755)
    assert program.status("stat", b"d/new")["st_gid"] == 77
    assert program.status("stat", b"d/dir")["st_mode"] == 0o042755


def test_a_sticky_directory_keeps_others_names(tree: Path) -> None:
    program = a_program(tree)
    program.call("mkdir", b"t", 0)
    program.call("chmod", b"t", 0o1777)
    program.call("chmod", b"/", 0o755)
    program.put("t/roots", b"")
    program.task.uid = program.task.gid = 7
    program.put("t/mine", b"")
    assert program.fails("unlink", b"t/roots") == 1
    assert program.fails("rename", b"t/mine", b"t/roots") == 1
    assert program.call("unlink", b"t/mine") == 0


@pytest.fixture
def layered(tmp_path: Path) -> Program:
    """A system root over a host where /lib leads to /usr/lib."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "usr/lib/x").mkdir(parents=True)
    (lower / "lib").symlink_to("usr/lib")
    (lower / "usr/lib/both").write_bytes(b"lower")
    (lower / "usr/lib/low").write_bytes(b"low")
    (lower / "etc").mkdir()
    (lower / "etc/passwd").write_bytes(b"users")
    (upper / "lib/x").mkdir(parents=True)
    (upper / "lib/both").write_bytes(b"upper")
    (upper / "lib/absolute").symlink_to("/lib/low")
    (upper / "lib/x/up").write_bytes(b"up")
    return a_program(lower, sysroot=upper)


def test_the_system_root_comes_first_and_the_host_after_it(layered: Program) -> None:
    assert layered.contents("/lib/both") == b"upper"
    assert layered.contents("/lib/low") == b"low"
    assert layered.contents("/lib/absolute") == b"low"
    assert layered.contents("/usr/lib/both") == b"lower"
    assert layered.contents("/etc/passwd") == b"users"
    assert layered.contents("/lib/x/up") == b"up"
    assert sorted(layered.names("/lib")) == [".", "..", "absolute", "both", "low", "x"]


def test_layers_are_changed_as_one_directory(layered: Program) -> None:
    layered.call("unlink", b"/lib/both")
    assert layered.fails("stat", b"/lib/both", BUFFER) == ENOENT
    layered.call("unlink", b"/lib/low")
    assert sorted(layered.names("/lib")) == [".", "..", "absolute", "x"]
    assert layered.contents("/usr/lib/low") == b"low"


def test_more_directories_than_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MOST_OPEN", 4)
    deep = tmp_path
    for number in range(12):
        deep = deep / f"d{number}"
        deep.mkdir()
        (deep / "f").write_bytes(b"%d" % number)
    program = a_program(tmp_path, rw=(tmp_path,))
    before = len(os.listdir("/proc/self/fd"))
    path = "/".join(str(part) for part in deep.relative_to(tmp_path).parts)
    for _ in range(3):
        assert program.contents(f"{path}/f") == b"11"
        assert program.contents("d0/f") == b"0"
    program.call("rename", b"d0/f", path.encode() + b"/g")
    assert program.contents(f"{path}/g") == b"0"
    assert len(os.listdir("/proc/self/fd")) - before <= 5
