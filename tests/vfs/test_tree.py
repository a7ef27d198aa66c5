"""The tree as a whole: how it is put together, and where a program starts in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emu.errors import UsageError
from kernel_stub.vfs import About, Vfs, VfsOptions
from tests.vfs.program import a_program
from tests.vfs.world import world


@pytest.mark.parametrize("option", ["root", "sysroot", "writable"])
@pytest.mark.parametrize(("name", "reason"), [("no", "No such file"), ("f", "ot a directory")])
def test_an_option_that_names_no_directory_is_the_users_mistake(
    option: str, name: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"")
    path = bytes(tmp_path / name)
    value = (path,) if option == "writable" else path
    with pytest.raises(UsageError, match=reason):
        Vfs(VfsOptions(**{option: value}))  # type: ignore[arg-type]  # the option's own type


def test_a_program_starts_in_the_hosts_directory_where_it_sees_it(tmp_path: Path) -> None:
    (tmp_path / "in/side").mkdir(parents=True)
    task = world(tmp_path / "in")
    enter = task.kernel.vfs.enter_host_directory
    assert enter(task, bytes(tmp_path / "in/side")).path() == b"/side"
    assert enter(task, bytes(tmp_path / "in")) is task.fs.root
    assert enter(task, bytes(tmp_path)) is task.fs.root
    assert enter(task, bytes(tmp_path / "inside")) is task.fs.root
    assert enter(task, b"/etc") is task.fs.root
    whole = world()
    path = bytes(tmp_path.resolve() / "in")
    assert whole.kernel.vfs.enter_host_directory(whole, path).path() == path


def test_the_kernels_trees_stand_over_whatever_the_host_has(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/fake").write_bytes(b"")
    (tmp_path / "dev").symlink_to("/tmp")
    program = a_program(tmp_path)
    assert sorted(program.names("/")) == [".", "..", "dev", "proc", "sys"]
    assert "fake" not in program.names("/proc")
    assert "null" in program.names("/dev")


def test_a_second_look_at_the_same_directory_costs_no_new_inode(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    task = world(tmp_path)
    assert task.fs.root.lookup(task, b"d") is task.fs.root.lookup(task, b"d")


def test_the_first_descriptors_are_the_consoles(tmp_path: Path) -> None:
    vfs = Vfs(VfsOptions(root=bytes(tmp_path)))
    given = [number for number in (0, 1, 2) if os.path.exists(f"/proc/self/fd/{number}")]
    assert vfs.file_table().numbers() == given


def test_the_machine_is_described_by_who_made_it(tmp_path: Path) -> None:
    about = About(release=b"9.9", memory=64 << 20, cpuinfo=b"processor\t: 0\nflags\t: fpu\n")
    task = world(tmp_path)
    task.kernel.vfs = Vfs(VfsOptions(bytes(tmp_path), about=about))
    task.fs = task.kernel.vfs.context()
    root = task.fs.root
    proc = root.lookup(task, b"proc")
    said = {
        name: proc.lookup(task, name).open(task, 0).read(task, 4096)
        for name in (b"cpuinfo", b"meminfo", b"version")
    }
    assert said[b"cpuinfo"] == about.cpuinfo
    assert said[b"meminfo"].startswith(b"MemTotal:          65536 kB\n")
    assert said[b"version"].startswith(b"Linux version 9.9 ")
