"""The console passes through: pipes, redirected files, terminals."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.abi.signals import SIGALRM, SIGPIPE
from kernel_stub.errno import EAGAIN, EFAULT, ENXIO, EPERM, EPIPE, ESPIPE
from kernel_stub.vfs.console import Console, console_files
from kernel_stub.vfs.inode import mmap_check
from kernel_stub.vfs.modes import POLLIN, POLLOUT
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program
from tests.vfs.world import MEMORY_END


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return a_program(tmp_path)


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


def attach(program: Program, descriptor: int, number: int) -> None:
    program.task.files.install(number, Console(descriptor).opened())


def test_input_that_is_there_is_read_without_waiting(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[0], 0)
    os.write(pipe[1], b"typed")
    assert program.read(0, 3) == b"typ"
    assert program.read(0, 100) == b"ed"
    assert program.task.kernel.waits == []
    assert program.fails("lseek", 0, 0, os.SEEK_CUR) == ESPIPE
    assert program.fails("pread64", 0, BUFFER, 1, 0) == ESPIPE


def test_input_that_must_not_be_waited_for_is_eagain(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[0], 0)
    program.call("fcntl", 0, 4, os.O_NONBLOCK)
    assert program.fails("read", 0, BUFFER, 1) == EAGAIN
    assert program.task.kernel.waits == []
    assert os.get_blocking(pipe[0])
    os.write(pipe[1], b"x")
    assert program.read(0, 10) == b"x"


def fill(descriptor: int) -> int:
    """Writes to a pipe until it is full; returns how much."""
    os.set_blocking(descriptor, False)
    size = 0
    with suppress(BlockingIOError):
        while True:
            size += os.write(descriptor, bytes(4096))
    os.set_blocking(descriptor, True)
    return size


def test_output_that_must_not_be_waited_for_is_short_or_eagain(
    program: Program, pipe: list[int]
) -> None:
    attach(program, pipe[1], 1)
    program.call("fcntl", 1, 4, os.O_NONBLOCK)
    assert program.call("write", 1, BUFFER, 100_000) == 4096
    fill(pipe[1])
    assert program.fails("write", 1, BUFFER, 1) == EAGAIN
    assert program.task.kernel.waits == []
    assert os.get_blocking(pipe[1])


def test_output_waits_where_only_the_hosts_description_does_not_block(
    program: Program, pipe: list[int]
) -> None:
    attach(program, pipe[1], 1)
    kernel = program.task.kernel
    fill(pipe[1])
    os.set_blocking(pipe[1], False)

    def wait_outside(wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        kernel.waits.append((dict(wanted), timeout_ns))
        return bool(os.read(pipe[0], 8192))

    kernel.wait_outside = wait_outside
    assert program.write(1, b"said") == 4
    assert kernel.waits == [({pipe[1]: POLLOUT}, None)]


def test_input_for_which_there_is_no_room_is_kept(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[0], 0)
    os.write(pipe[1], bytes(range(256)) * 32)
    assert program.call("read", 0, MEMORY_END - 5000, 6000) == 4096
    assert program.fails("read", 0, 16, 10) == EFAULT
    assert program.read(0, 10) == bytes(range(10))
    assert program.call("ioctl", 0, 0x541B, BUFFER) == 0
    assert int.from_bytes(program.peek(4), "little") == 8192 - 4096 - 10


def test_an_alarm_rings_while_input_is_waited_for(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[0], 0)
    program.call("alarm", 2)
    kernel = program.task.kernel

    def wait_outside(wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        kernel.waits.append((dict(wanted), timeout_ns))
        return timeout_ns is None and bool(os.write(pipe[1], b"late"))

    kernel.wait_outside = wait_outside
    assert program.read(0, 10) == b"late"
    assert kernel.signals == [SIGALRM]
    assert kernel.waits == [({pipe[0]: POLLIN}, 2 * SECOND), ({pipe[0]: POLLIN}, None)]


def test_the_end_of_the_input_is_its_end(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[0], 0)
    os.close(pipe[1])
    pipe[1] = -1
    assert program.read(0, 10) == b""


def test_output_goes_out_at_once(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[1], 1)
    assert program.write(1, b"said") == 4
    assert os.read(pipe[0], 10) == b"said"


def test_what_differs_from_run_to_run_is_not_shown(
    program: Program, pipe: list[int], tmp_path: Path
) -> None:
    attach(program, pipe[1], 1)
    told = program.status("fstat", 1)
    assert (told["st_ino"], told["st_mtime"]) == (1, 0)
    assert told["st_mode"] == os.fstat(pipe[1]).st_mode
    (tmp_path / "f").write_bytes(b"given")
    with open(tmp_path / "f", "rb") as given, open(tmp_path / "f", "r+b") as changed:
        attach(program, given.fileno(), 0)
        attach(program, changed.fileno(), 2)
        expected = os.fstat(given.fileno())
        told = program.status("fstat", 0)
        assert (told["st_ino"], told["st_mtime"]) == (expected.st_ino, int(expected.st_mtime))
        told = program.status("fstat", 2)
        assert (told["st_ino"], told["st_mtime"], told["st_size"]) == (expected.st_ino, 0, 5)


def test_proc_says_what_the_console_is(program: Program, pipe: list[int], tmp_path: Path) -> None:
    with open(tmp_path / "f", "wb") as redirected, open(os.devnull, "rb") as null:
        attach(program, null.fileno(), 0)
        attach(program, redirected.fileno(), 1)
        attach(program, pipe[1], 2)
        said = []
        for number in range(3):
            size = program.call("readlink", b"/proc/self/fd/%d" % number, BUFFER, 4096)
            said.append(program.peek(size))
    assert said == [b"/dev/null", bytes(tmp_path.resolve() / "f"), b"pipe:[1]"]


def test_output_that_nobody_reads_is_a_signal(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[1], 1)
    os.close(pipe[0])
    pipe[0] = -1
    assert program.fails("write", 1, b"x", 1) == EPIPE
    assert program.task.kernel.signals == [SIGPIPE]


def test_a_redirected_file_is_a_file(program: Program, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"0123456789")
    with open(tmp_path / "in", "r+b", buffering=0) as redirected:
        attach(program, redirected.fileno(), 0)
        assert program.read(0, 2) == b"01"
        assert program.call("lseek", 0, -1, os.SEEK_END) == 9
        assert program.call("pread64", 0, BUFFER, 3, 4) == 3
        assert program.peek(3) == b"456"
        assert redirected.tell() == 9
        assert program.fails("read", 0, 16, 1)
        assert redirected.tell() == 9
        program.call("pwrite64", 0, b"XY", 2, 0)
        program.call("ftruncate", 0, 5)
        assert program.status("fstat", 0)["st_size"] == 5
        file = program.task.files.get(0)
        mmap_check(file, 3, 1)
        assert file.inode.read_at(1, 100) == b"Y234"
        assert program.task.kernel.waits == []
    assert (tmp_path / "in").read_bytes() == b"XY234"


def test_the_mode_of_a_redirected_file_is_not_the_guests(program: Program, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    before = (tmp_path / "out").stat()
    with open(tmp_path / "out", "wb") as redirected:
        attach(program, redirected.fileno(), 1)
        assert program.fails("fchmod", 1, 0o777) == EPERM
        assert program.fails("fchown", 1, 1, 1) == EPERM
        assert program.fails("utimensat", 1, 0, 0, 0) == EPERM
    assert (tmp_path / "out").stat().st_mode == before.st_mode


def test_dev_stdout_is_the_same_place(program: Program, pipe: list[int]) -> None:
    attach(program, pipe[1], 1)
    program.put("/dev/stdout", b"by name")
    program.put("/proc/self/fd/1", b", again")
    assert os.read(pipe[0], 100) == b"by name, again"


def test_dev_tty_is_the_terminal_of_the_session(program: Program, pipe: list[int]) -> None:
    assert program.fails("openat", AT_FDCWD, b"/dev/tty", os.O_RDWR, 0) == ENXIO
    master, slave = pty.openpty()
    try:
        console = Console(slave)
        vfs = program.task.kernel.vfs
        vfs.console.update({0: Console(pipe[0]).opened(), 1: console.opened()})
        assert program.fails("openat", AT_FDCWD, b"/dev/tty", os.O_RDWR, 0) == ENXIO
        assert console.terminal is not None
        console.terminal.session = program.task.session
        descriptor = program.open("/dev/tty", os.O_RDWR)
        program.write(descriptor, b"hello")
        assert os.read(master, 100) == b"hello"
        assert program.call("ioctl", descriptor, 0x5401, BUFFER) == 0
    finally:
        os.close(master)
        os.close(slave)


def test_what_the_user_did_not_give_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        if descriptor == 0:
            raise OSError(9, "Bad file descriptor")
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", fstat)
    assert 0 not in console_files()
