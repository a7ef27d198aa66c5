"""The path walk: components, links and where they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernel_stub.errno import EAGAIN, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV, Errno
from kernel_stub.vfs import modes
from kernel_stub.vfs.walk import Place, Walk
from tests.vfs.world import world


@pytest.fixture
def task(tmp_path: Path) -> Any:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/f").write_bytes(b"f")
    (tmp_path / "a/up").symlink_to("../a/f")
    (tmp_path / "top").symlink_to("/a/b")
    (tmp_path / "slash").symlink_to("a/")
    (tmp_path / "to_file_slash").symlink_to("a/f/")
    (tmp_path / "root").symlink_to("/")
    for number in range(45):
        (tmp_path / f"chain{number}").symlink_to(f"chain{number + 1}")
    (tmp_path / "chain45").symlink_to("a/f")
    return world(tmp_path)


def walk(task: Any, path: bytes, follow: bool = True, resolve: int = 0) -> Place:
    return Walk(task, task.fs.cwd, resolve).to(path, follow)


@pytest.mark.parametrize(
    ("path", "directory", "name"),
    [
        (b"/", b"/", b"/"),
        (b"///", b"/", b"/"),
        (b".", b"/", b"."),
        (b"..", b"/", b".."),
        (b"../../..", b"/", b".."),
        (b"a", b"/", b"a"),
        (b"//a//b//", b"/a", b"b"),
        (b"a/./b/../f", b"/a", b"f"),
        (b"a/b/c/../../../a/f", b"/a", b"f"),
        (b"a/up", b"/a", b"f"),
        (b"top/c", b"/a/b", b"c"),
        (b"top/../f", b"/a", b"f"),
        (b"slash/f", b"/a", b"f"),
        (b"slash", b"/", b"a"),
        (b"root/root/root/a", b"/", b"a"),
        (b"root", b"/", b"/"),
        (b"chain6", b"/a", b"f"),
        (b"new", b"/", b"new"),
        (b"a/new/", b"/a", b"new"),
    ],
)
def test_a_walk_ends_at_a_name_in_a_directory(
    path: bytes, directory: bytes, name: bytes, task: Any
) -> None:
    place = walk(task, path)
    assert (place.directory.path(), place.name) == (directory, name)


@pytest.mark.parametrize("path", [b"a/up", b"top", b"root", b"chain0"])
def test_the_last_link_is_followed_only_when_asked(path: bytes, task: Any) -> None:
    place = walk(task, path, follow=False)
    assert place.name == path.split(b"/")[-1]
    assert place.inode is not None
    assert place.inode.kind == modes.S_IFLNK


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (b"", ENOENT),
        (b"no/x", ENOENT),
        (b"a/f/x", ENOTDIR),
        (b"a/f/.", ENOTDIR),
        (b"a/f/..", ENOTDIR),
        (b"a/f/", ENOTDIR),
        (b"a/up/", ENOTDIR),
        (b"to_file_slash", ENOTDIR),
        (b"chain5", ELOOP),
        (b"chain5/x", ELOOP),
        (b"n" * 256, ENAMETOOLONG),
        (b"no/" + b"n" * 256, ENOENT),
    ],
)
def test_a_walk_is_refused(path: bytes, error: int, task: Any) -> None:
    with pytest.raises(Errno) as refused:
        walk(task, path)
    assert refused.value.number == error


@pytest.mark.parametrize(
    ("path", "resolve", "error"),
    [
        (b"a/f", modes.RESOLVE_CACHED, EAGAIN),
        (b"a/up", modes.RESOLVE_NO_SYMLINKS, ELOOP),
        (b"top/c", modes.RESOLVE_NO_SYMLINKS, ELOOP),
        (b"proc/self/cwd", modes.RESOLVE_NO_MAGICLINKS, ELOOP),
        (b"proc/self/cwd", modes.RESOLVE_IN_ROOT, EXDEV),
        (b"proc/self", modes.RESOLVE_NO_XDEV, EXDEV),
        (b"/a/f", modes.RESOLVE_BENEATH, EXDEV),
        (b"top/c", modes.RESOLVE_BENEATH, EXDEV),
        (b"a/../../a", modes.RESOLVE_BENEATH, EXDEV),
    ],
)
def test_a_restricted_walk_is_refused(path: bytes, resolve: int, error: int, task: Any) -> None:
    with pytest.raises(Errno) as refused:
        walk(task, path, resolve=resolve)
    assert refused.value.number == error


@pytest.mark.parametrize(
    ("path", "resolve"),
    [
        (b"a/b/../f", modes.RESOLVE_BENEATH),
        (b"top/../../a/f", modes.RESOLVE_IN_ROOT),
        (b"a/up", modes.RESOLVE_NO_MAGICLINKS),
        (b"a/f", modes.RESOLVE_NO_SYMLINKS | modes.RESOLVE_NO_XDEV),
    ],
)
def test_a_restricted_walk_that_keeps_to_it_arrives(path: bytes, resolve: int, task: Any) -> None:
    assert walk(task, path, resolve=resolve).found().kind == modes.S_IFREG


def test_a_directory_without_the_right_to_search_is_not_passed(tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    tmp_path.chmod(0o755)
    (tmp_path / "d").chmod(0o644)
    task = world(tmp_path, uid=4242)
    assert walk(task, b"d").inode is not None
    with pytest.raises(Errno, match="EACCES"):
        walk(task, b"d/e")
