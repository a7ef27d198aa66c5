"""The door to the host: one component at a time, and never into the kernel's own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernel_stub.errno import ELOOP, ENXIO, Errno
from kernel_stub.vfs.host import Host, HostDirectory, HostName, ask, exact_modes, two_open


@pytest.fixture
def top(tmp_path: Path) -> HostDirectory:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/f").write_bytes(b"f")
    (tmp_path / "rel").symlink_to("a/b")
    (tmp_path / "abs").symlink_to("/a")
    (tmp_path / "a/up").symlink_to("../rel/..")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "bomb").symlink_to("/".join(["bomb"] * 50))
    (tmp_path / "out").symlink_to("../../../../../../etc")
    return HostDirectory.top(Host(), bytes(tmp_path))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"", b""),
        (b"a", b"a"),
        (b"a/b", b"b"),
        (b"rel", b"b"),
        (b"rel/..", b"a"),
        (b"abs/b", b"b"),
        (b"a/up", b"a"),
        (b"../..", b""),
        (b"a/f", None),
        (b"a/no", None),
        (b"loop", None),
        (b"bomb", None),
        (b"out", None),
    ],
)
def test_a_layer_resolves_its_links_within_itself(
    path: bytes, name: bytes | None, top: HostDirectory
) -> None:
    found = top.directory_at(path)
    assert (found.name if found else None) == name


def test_the_kernels_own_file_systems_are_closed(tmp_path: Path) -> None:
    del tmp_path
    host = Host()
    slash = HostDirectory.top(host, b"/")
    for name in (b"proc", b"sys"):
        status = slash.look(name)
        assert status is not None
        with pytest.raises(Errno, match="ENXIO"):
            slash.child(name, status)
    assert not host.is_kernels_own(os.stat("/").st_dev)


def test_only_regular_files_are_opened(top: HostDirectory, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, error in ((b"fifo", ENXIO), (b"a", ENXIO), (b"rel", ELOOP)):
        with pytest.raises(Errno) as refused:
            HostName(top, name).open(os.O_RDONLY)
        assert refused.value.number == error
    with pytest.raises(Errno, match="ELOOP"):
        HostName(top, b"rel").magic()


def test_the_hosts_refusal_is_the_guests() -> None:
    with pytest.raises(Errno, match="ENOENT"):
        ask(os.stat, b"/no/such/file")


def test_the_hosts_umask_comes_back() -> None:
    before = os.umask(0o031)
    try:
        with pytest.raises(ZeroDivisionError), exact_modes():
            raise ZeroDivisionError
        assert os.umask(before) == 0o031
    finally:
        os.umask(before)


def test_two_directories_are_open_at_once(
    top: HostDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel_stub.vfs.host.MOST_OPEN", 1)
    first, second = top.directory_at(b"a"), top.directory_at(b"a/b")
    assert first is not None
    assert second is not None
    with two_open(first, second) as (one, other):
        assert os.fstat(one).st_ino == first.identity[1]
        assert os.fstat(other).st_ino == second.identity[1]


def test_a_grant_holds_for_what_stands_below(tmp_path: Path) -> None:
    (tmp_path / "rw/below").mkdir(parents=True)
    (tmp_path / "ro").mkdir()
    status = os.stat(tmp_path / "rw")
    top = HostDirectory.top(Host(frozenset({(status.st_dev, status.st_ino)})), bytes(tmp_path))
    told = {
        path: found.writable
        for path in (b"", b"rw", b"rw/below", b"ro")
        if (found := top.directory_at(path)) is not None
    }
    assert told == {b"": False, b"rw": True, b"rw/below": True, b"ro": False}
