"""Nothing outside is read, nothing is written: every way out that a guest may try."""

from __future__ import annotations

import os
import random
import socket
import struct
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from kernel_stub.errno import (
    EACCES,
    EADDRINUSE,
    EBUSY,
    ECONNREFUSED,
    ELOOP,
    ENOENT,
    ENOTDIR,
    ENXIO,
    EPERM,
    ESTALE,
    EXDEV,
    Errno,
)
from kernel_stub.vfs.host import Host, HostDirectory
from tests.vfs.actors import Guest
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program
from tests.vfs.test_same_as_host import random_step

SECRET: Final = b"the host's own"
O_PATH: Final = 0o10000000


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    """A root, with a secret beside it and links that point there."""
    root = tmp_path / "root"
    (root / "d/e").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(SECRET)
    (root / "f").write_bytes(b"inside")
    (root / "absolute").symlink_to(tmp_path / "secret")
    (root / "relative").symlink_to("../secret")
    (root / "far").symlink_to("../" * 30 + str(tmp_path / "secret").lstrip("/"))
    (root / "directory").symlink_to(tmp_path / "outside")
    (root / "d/above").symlink_to("../../outside")
    (root / "d/deep").symlink_to("e/../../../secret")
    (root / "chain").symlink_to("absolute")
    (root / "proc_root").symlink_to("/proc/self/root/../secret")
    return root


WAYS_OUT: Final = (
    "secret",
    "../secret",
    "/../secret",
    "d/../../secret",
    "d/e/../../../secret",
    "/proc/self/root/../secret",
    "/proc/self/cwd/../secret",
    "/proc/1/root/secret",
    "/dev/../../secret",
    "absolute",
    "relative",
    "far",
    "directory/secret",
    "d/above/secret",
    "d/deep",
    "chain",
    "proc_root",
    "/dev/fd/../../../secret",
)


@pytest.mark.parametrize("path", WAYS_OUT)
@pytest.mark.parametrize("start", ["/", "/d/e"])
def test_no_path_leads_out_of_the_root(path: str, start: str, jail: Path) -> None:
    program = a_program(jail)
    program.call("chdir", start.encode())
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, O_PATH, os.O_DIRECTORY):
        error = program.fails("openat", AT_FDCWD, path.encode(), flags, 0)
        assert error in (ENOENT, ENOTDIR)
    error = program.fails("openat", AT_FDCWD, path.encode(), os.O_NOFOLLOW, 0)
    assert error in (ENOENT, ELOOP)
    assert program.fails("stat", path.encode(), BUFFER) in (ENOENT, ENOTDIR)


def test_descriptors_of_directories_lead_nowhere_else(jail: Path) -> None:
    program = a_program(jail)
    top = program.open("/", os.O_DIRECTORY)
    for path in (b"../secret", b"..", b"../..", b"d/../.."):
        program.call("openat", top, b"..", O_PATH, 0)
        error = program.fails("openat", top, path + b"/secret", 0, 0)
        assert error in (ENOENT, ENOTDIR)
    program.call("fchdir", top)
    program.call("chdir", b"..")
    assert program.call("getcwd", BUFFER, 100) == 2
    assert "secret" not in program.names(".")


def test_chroot_and_a_descriptor_from_before_stay_inside(jail: Path) -> None:
    program = a_program(jail)
    outer = program.open("/", os.O_DIRECTORY)
    program.call("chroot", b"d")
    program.call("fchdir", outer)
    for _ in range(5):
        program.call("chdir", b"..")
    assert sorted(program.names(".")) == sorted(
        [".", "..", "dev", "proc", "sys", *os.listdir(jail)]
    )


def test_the_magic_links_show_the_guest_its_own_root(jail: Path) -> None:
    program = a_program(jail)
    for link in ("/proc/self/root", "/proc/self/cwd", "/proc/self/root/proc/self/root"):
        assert program.contents(link + "/f") == b"inside"
        size = program.call("readlink", link.encode(), BUFFER, 100)
        assert program.peek(size) == b"/"


def test_a_directory_that_becomes_a_link_is_not_followed(jail: Path) -> None:
    program = a_program(jail)
    held = program.open("d", os.O_DIRECTORY)
    (jail / "d").rename(jail / "d2")
    (jail / "d").symlink_to(jail.parent / "outside")
    assert program.fails("openat", AT_FDCWD, b"d/secret", 0, 0) == ENOENT
    assert program.call("openat", held, b"e", 0, 0) > 0


def test_a_closed_directory_is_reopened_as_itself_or_not_at_all(jail: Path) -> None:
    top = HostDirectory.top(Host(), bytes(jail))
    status = top.look(b"d")
    assert status is not None
    directory = top.child(b"d", status)
    assert directory.look(b"e") is not None
    directory.close()
    (jail / "d").rename(jail / "d2")
    (jail / "d").symlink_to(jail.parent / "outside")
    with pytest.raises(Errno) as refused:
        directory.look(b"secret")
    assert refused.value.number == ENOTDIR
    (jail / "d").unlink()
    (jail / "d").mkdir()
    with pytest.raises(Errno) as refused:
        directory.look(b"secret")
    assert refused.value.number == ESTALE


def test_fifos_sockets_and_devices_of_the_host_are_never_opened(jail: Path) -> None:
    os.mkfifo(jail / "fifo")
    (jail / "terminal").symlink_to("/dev/console")
    program = a_program(jail)
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_NONBLOCK):
        assert program.fails("openat", AT_FDCWD, b"fifo", flags, 0) == ENXIO
    assert program.status("stat", b"fifo")["st_mode"] & 0o170000 == 0o010000
    assert program.fails("openat", AT_FDCWD, b"terminal", 0, 0) == ENOENT


@pytest.mark.parametrize("granted", [False, True])
def test_a_socket_of_the_host_is_never_reached(granted: bool, jail: Path) -> None:
    program = a_program(jail, rw=(jail,) if granted else ())
    listener = socket.socket(socket.AF_UNIX)
    held = os.open(jail, os.O_PATH)
    listener.bind(f"/proc/self/fd/{held}/hosts")
    listener.listen()
    listener.setblocking(False)
    name = struct.pack("<H", socket.AF_UNIX) + b"/hosts\0"
    for sort in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        ours = program.call("socket", socket.AF_UNIX, sort, 0)
        assert program.fails("connect", ours, name, len(name)) == ECONNREFUSED
        assert program.fails("bind", ours, name, len(name)) == EADDRINUSE
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()
    os.close(held)


def test_the_directory_of_another_task_is_the_guests_own(jail: Path) -> None:
    program = a_program(jail)
    other = a_program(jail).task
    other.pid = other.tid = 77
    other.kernel, other.fs.cwd = program.task.kernel, program.task.fs.cwd.lookup(other, b"d")
    program.task.kernel.known.append(other)
    assert sorted(program.names("/proc/77/cwd")) == [".", "..", "above", "deep", "e"]
    for path in (b"/proc/77/cwd/../../secret", b"/proc/77/root/../secret", b"/proc/77/cwd/f"):
        assert program.fails("openat", AT_FDCWD, path, os.O_RDONLY, 0) == ENOENT


def test_the_hosts_proc_is_never_shown() -> None:
    program = a_program()
    assert f"{os.getpid()}" not in program.names("/proc")
    assert program.fails("stat", f"/proc/{os.getpid()}/environ".encode(), BUFFER) == ENOENT
    assert program.contents("/proc/self/comm") == b"it\n"


def fingerprint(top: Path) -> str:
    """A hash over all names, attributes and bytes below `top`, but the time of last access."""
    digest = sha256()
    for directory, directories, files in os.walk(top):
        directories.sort()
        for name in sorted([*directories, *files, "."]):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            facts = (path, status.st_mode, status.st_nlink, status.st_uid, status.st_gid)
            digest.update(
                repr((*facts, status.st_size, status.st_mtime_ns, status.st_ctime_ns)).encode()
            )
            if os.path.isfile(path) and not os.path.islink(path):
                digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def storm(program: Program, seed: int) -> int:
    """A few hundred operations of every kind; returns how many changed something."""
    guest, dice, changed = Guest(program), random.Random(seed), 0
    for _ in range(300):
        step = random_step(dice)
        answer = guest.do(*step)
        is_error = isinstance(answer, tuple) and answer[0] == "error"
        changed += not is_error and step[0] not in ("stat", "lstat", "read", "names", "readlink")
    for path in ("f", "d", "d/e", "absolute", "directory"):
        program.fails("chmod", path.encode(), 0o777)
        program.fails("chown", path.encode(), 1, 1)
        program.fails("utime", path.encode(), bytes(16))
        program.fails("utimensat", AT_FDCWD, path.encode(), 0, 0x100)
        program.fails("truncate", path.encode(), 3)
        program.fails("mknod", path.encode() + b".n", 0o10644, 0)
        program.fails("rename", path.encode(), path.encode() + b"2")
    return changed


@pytest.mark.parametrize("seed", range(5))
def test_without_a_grant_nothing_is_ever_written_to_the_host(seed: int, jail: Path) -> None:
    before = fingerprint(jail.parent)
    assert storm(a_program(jail), seed) > 20
    assert fingerprint(jail.parent) == before


@pytest.mark.parametrize("seed", range(5))
def test_a_grant_holds_below_its_directory_and_nowhere_else(seed: int, jail: Path) -> None:
    granted = jail / "granted"
    (granted / "d/e").mkdir(parents=True)
    (granted / "f").write_bytes(b"granted")
    (granted / "out").symlink_to(jail / "f")
    (granted / "up").symlink_to("../d")
    outside = jail.parent / "outside"
    (granted / "absolute").symlink_to(outside)
    before = {path: fingerprint(path) for path in (outside, jail / "d")}
    inside = fingerprint(granted)
    program = a_program(jail, rw=(granted,))
    program.call("chdir", b"/granted")
    assert storm(program, seed) > 20
    assert fingerprint(granted) != inside
    assert {path: fingerprint(path) for path in before} == before
    assert (jail / "f").read_bytes() == b"inside"
    assert (jail.parent / "secret").read_bytes() == SECRET


def test_names_do_not_move_between_a_grant_and_the_memory(jail: Path) -> None:
    (jail / "rw").mkdir()
    (jail / "rw/g").write_bytes(b"g")
    program = a_program(jail, rw=(jail / "rw",))
    assert program.fails("rename", b"f", b"rw/f") == EXDEV
    assert program.fails("rename", b"rw/g", b"g") == EXDEV
    assert program.fails("link", b"f", b"rw/f") == EXDEV
    assert program.fails("link", b"rw/g", b"g") == EXDEV
    assert program.fails("rename", b"rw", b"rw2") == EBUSY
    assert program.fails("rmdir", b"rw") == EBUSY
    assert program.fails("mknod", b"rw/device", 0o20644, 0) == EPERM
    assert os.listdir(jail / "rw") == ["g"]


def test_a_link_in_a_grant_does_not_carry_writes_out(jail: Path) -> None:
    (jail / "rw").mkdir()
    (jail / "rw/link").symlink_to("../f")
    (jail / "rw/host").symlink_to(jail / "f")
    program = a_program(jail, rw=(jail / "rw",))
    program.put("rw/link", b"changed")
    assert program.contents("f") == b"changed"
    assert (jail / "f").read_bytes() == b"inside"
    assert program.fails("openat", AT_FDCWD, b"rw/host", os.O_WRONLY, 0) == ENOENT


@pytest.mark.parametrize("path", ["/dev", "/proc", "/sys", "/proc/self", "/proc/self/fd"])
def test_what_the_kernel_mounted_cannot_be_taken_away(path: str, jail: Path) -> None:
    for program in (a_program(jail), a_program(jail, rw=(jail,))):
        name = path.encode()
        assert program.fails("rename", name, b"/elsewhere") in (EBUSY, EXDEV, EPERM)
        assert program.fails("rmdir", name) in (EBUSY, EPERM, EACCES, ENOTDIR)
        assert program.call("stat", name, BUFFER) == 0
