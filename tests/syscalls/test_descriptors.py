"""fcntl, flock and ioctl: what they change, and whose it is."""

from __future__ import annotations

import os
import pty
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.abi.structures import FLOCK, FLOCK64, Layout
from kernel_stub.errno import EINVAL, ENOTTY, EPERM
from kernel_stub.vfs.console import Console
from tests.vfs.program import BUFFER, Program, a_program

F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK = range(6)
F_GETLK64, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ = 12, 1030, 1031, 1032
F_UNLCK = 2
FIONREAD, FIOCLEX, FIONCLEX, FIONBIO, FIOQSIZE = 0x541B, 0x5451, 0x5450, 0x5421, 0x5460


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "f").write_bytes(b"0123456789")
    return a_program(tmp_path)


def pipe(program: Program) -> tuple[int, int]:
    program.call("pipe", BUFFER)
    reader, writer = struct.unpack("<2i", program.peek(8))
    return reader, writer


def told(program: Program) -> int:
    """The int that a call left in the buffer."""
    return int.from_bytes(program.peek(4), "little", signed=True)


def test_dupfd_finds_the_lowest_from_there_on(program: Program) -> None:
    descriptor = program.open("f")
    assert program.call("fcntl", descriptor, F_DUPFD, 5) == 5
    assert program.call("fcntl", descriptor, F_DUPFD, 5) == 6
    assert program.call("fcntl", descriptor, F_DUPFD_CLOEXEC, 0) == 1
    assert program.call("fcntl", 1, F_GETFD) == 1
    assert program.open("f") == 2


def test_setfd_sets_one_descriptors_flag_and_setfl_the_descriptions(program: Program) -> None:
    first = program.open("f", os.O_RDWR)
    second = program.call("dup", first)
    program.call("fcntl", first, F_SETFD, 1)
    program.call("fcntl", first, F_SETFL, os.O_APPEND | os.O_NONBLOCK | os.O_WRONLY | os.O_CREAT)
    assert program.call("fcntl", second, F_GETFD) == 0
    got = program.call("fcntl", second, F_GETFL) & ~0o100000
    assert got == os.O_RDWR | os.O_APPEND | os.O_NONBLOCK


@pytest.mark.parametrize(
    ("abi", "command", "layout"),
    [(X86_64, F_GETLK, FLOCK[8]), (I386, F_GETLK, FLOCK[4]), (I386, F_GETLK64, FLOCK64)],
)
def test_nobody_holds_a_lock(abi: Abi, command: int, layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    program = a_program(tmp_path, abi=abi)
    descriptor = program.open("f", os.O_RDWR)
    asked = {"l_type": 1, "l_whence": 0, "l_start": 3, "l_len": 4, "l_pid": 9}
    program.poke(BUFFER, layout.pack(asked))
    program.call("fcntl64" if abi is I386 else "fcntl", descriptor, command, BUFFER)
    assert layout.unpack(program.peek(layout.size)) == {**asked, "l_type": F_UNLCK}


def test_the_wide_lock_commands_are_i386s_alone(program: Program) -> None:
    assert program.fails("fcntl", program.open("f"), F_GETLK64, BUFFER) == EINVAL


def test_a_pipe_grows_to_a_power_of_two(program: Program) -> None:
    reader, _ = pipe(program)
    assert program.call("fcntl", reader, F_GETPIPE_SZ) == 65536
    assert program.call("fcntl", reader, F_SETPIPE_SZ, 70000) == 131072
    assert program.call("fcntl", reader, F_SETPIPE_SZ, 1) == 4096
    assert program.fails("fcntl", reader, F_SETPIPE_SZ, 1 << 21) == EPERM


def test_fionread_counts_what_is_left(program: Program) -> None:
    descriptor = program.open("f")
    program.read(descriptor, 4)
    program.call("ioctl", descriptor, FIONREAD, BUFFER)
    assert told(program) == 6
    reader, writer = pipe(program)
    program.write(writer, b"abc")
    program.call("ioctl", reader, FIONREAD, BUFFER)
    assert told(program) == 3
    program.call("ioctl", descriptor, FIOQSIZE, BUFFER)
    assert program.peek(8) == (10).to_bytes(8, "little")


def test_ioctl_sets_the_flags_that_fcntl_shows(program: Program) -> None:
    descriptor = program.open("f")
    program.call("ioctl", descriptor, FIOCLEX, 0)
    assert program.call("fcntl", descriptor, F_GETFD) == 1
    program.call("ioctl", descriptor, FIONCLEX, 0)
    assert program.call("fcntl", descriptor, F_GETFD) == 0
    program.call("ioctl", descriptor, FIONBIO, b"\1\0\0\0")
    assert program.call("fcntl", descriptor, F_GETFL) & os.O_NONBLOCK
    program.call("ioctl", descriptor, FIONBIO, bytes(4))
    assert not program.call("fcntl", descriptor, F_GETFL) & os.O_NONBLOCK


@pytest.fixture
def terminal(program: Program) -> Iterator[tuple[Program, int]]:
    """A program whose descriptor 0 is a terminal, and the host's descriptor of that."""
    master, slave = pty.openpty()
    program.task.files.install(0, Console(slave).opened())
    yield program, slave
    os.close(master)
    os.close(slave)


def test_a_terminal_tells_its_settings_and_its_size(terminal: tuple[Program, int]) -> None:
    program, slave = terminal
    termios.tcsetwinsize(slave, (33, 77))
    assert program.call("ioctl", 0, 0x5401, BUFFER) == 0
    lflag = int.from_bytes(program.peek(4, BUFFER + 12), "little")
    assert lflag == termios.tcgetattr(slave)[3]
    assert program.call("ioctl", 0, 0x5413, BUFFER) == 0
    assert struct.unpack("<4H", program.peek(8)) == (33, 77, 0, 0)


def test_new_settings_are_told_back_and_the_users_terminal_keeps_its_own(
    terminal: tuple[Program, int],
) -> None:
    program, slave = terminal
    before = termios.tcgetattr(slave)
    program.call("ioctl", 0, 0x5401, BUFFER)
    raw = bytearray(program.peek(36))
    raw[12:16] = bytes(4)
    program.call("ioctl", 0, 0x5402, bytes(raw))
    program.call("ioctl", 0, 0x5401, BUFFER)
    assert program.peek(36) == raw
    assert termios.tcgetattr(slave) == before


def test_no_other_request_is_known_and_no_other_file_is_a_terminal(
    terminal: tuple[Program, int],
) -> None:
    program, _ = terminal
    assert program.fails("ioctl", 0, 0x1234, BUFFER) == ENOTTY
    assert program.fails("ioctl", program.open("f"), 0x540F, BUFFER) == ENOTTY
