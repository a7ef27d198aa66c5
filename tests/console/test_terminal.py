"""The debugger in a terminal whose size is really that of the terminal: 60 columns, then others."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path
from typing import Final

import pytest

from tests.debug.sessions import ROOT, path_of

PATIENCE: Final = 60.0  # seconds
PROMPT: Final = re.compile(rb"\((?:ring[03]|ended)\) $")
ROWS: Final = 24


class Terminal:
    """`ringscope debug` in a pseudo-terminal; what comes is read up to the next prompt."""

    def __init__(self, history: Path, program: str, columns: int) -> None:
        self.pid, self.fd = pty.fork()
        if not self.pid:
            self._become_the_debugger(history, program, columns)
        self.screen = b""
        self.read()

    @staticmethod
    def _become_the_debugger(history: Path, program: str, columns: int) -> None:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", ROWS, columns, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in _SIZES}
        variables = {"RINGSCOPE_HISTORY": str(history), "TERM": "vt100", "NO_COLOR": "1"}
        os.chdir(ROOT)
        arguments = [sys.executable, "-m", "emu", "debug", str(path_of(program))]
        os.execve(sys.executable, arguments, {**kept, **variables})

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", ROWS, columns, 0, 0))

    def read(self, until: re.Pattern[bytes] = PROMPT) -> list[str]:
        """The lines up to `until`, without what a terminal does with its cursor."""
        end, said = time.monotonic() + PATIENCE, b""
        while not until.search(_plain(said)):
            assert time.monotonic() < end, f"{until.pattern!r} does not come after {said[-300:]!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                said += os.read(self.fd, 4096)
        return _plain(said).decode().replace("\r", "").splitlines()

    def do(self, line: str) -> list[str]:
        """What is said to `line`, its echo and the next prompt left out."""
        self.type(f"{line}\n")
        return self.read()[1:-1]

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        self.type("quit\n")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


_SIZES: Final = ("COLUMNS", "LINES")


def _plain(said: bytes) -> bytes:
    return re.sub(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>])|\x07", b"", said)


@pytest.mark.parametrize("columns", [60, 40, 72, 80, 132])
def test_nothing_is_wider_than_the_window(tmp_path: Path, columns: int) -> None:
    terminal = Terminal(tmp_path / "history", "hello_syscall_64", columns)
    lines = terminal.do("catch syscall write") + terminal.do("c")
    rule = next(line for line in lines if line.startswith("---"))
    assert len(rule) == min(columns, 80)
    commands = ("ft", "help", "help catch", "context", "info registers", "x/4gx $rsp", "bt")
    for command in commands:
        lines += terminal.do(command)
    assert len(lines) > 80
    wide = [line for line in lines if len(line) > columns]
    assert wide == []
    assert terminal.end() == 0


def test_a_window_that_is_made_narrower_is_written_to_as_it_is(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "history", "hello_syscall_64", 100)
    terminal.do("catch syscall")
    wide = terminal.do("c")
    terminal.resize(60)
    narrow = terminal.do("ft") + terminal.do("help")
    assert max(map(len, wide)) == 80
    assert 50 < max(map(len, narrow)) <= 60
    assert terminal.end() == 0


def test_ctrl_c_stops_an_endless_loop_of_ring_3(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "history", "hello_syscall_64", 60)
    terminal.do("si 2")
    terminal.do("ft")
    assert terminal.do("set *(u16*)$rip = 0xfeeb") == []  # jmp to itself
    terminal.type("c\n")
    time.sleep(0.3)
    terminal.type("\x03")
    lines = terminal.read()
    assert "interrupted" in lines
    assert any("jmp" in line for line in lines)
    assert terminal.do("p 1") == ["1 = 0x1"]
    assert terminal.end() == 0


def test_ctrl_c_while_a_line_is_typed_ends_nothing(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "history", "hello_syscall_64", 60)
    terminal.type("nonsense")
    terminal.read(re.compile(b"nonsense$"))
    time.sleep(0.3)  # the editor waits for the next key: a Ctrl-C before that waits for it, too
    terminal.type("\x03")
    lines = terminal.read(re.compile(rb"quit ends the debugger\r?\n\(ring3\) $"))
    assert "quit ends the debugger" in lines
    assert terminal.do("p 2") == ["2 = 0x2"]
    assert terminal.end() == 0


def test_completion_and_history_work_in_a_narrow_window_and_across_sessions(tmp_path: Path) -> None:
    history = tmp_path / "history"
    terminal = Terminal(history, "lines_dwarf4_64", 60)
    terminal.type("b countd\t\n")
    assert "Breakpoint 1" in terminal.read()[-2]
    terminal.type("info thr\t\n")
    assert any("Thread 1000" in line for line in terminal.read())
    terminal.type("handle SIGUS\t\t\t")
    terminal.read(re.compile(rb"SIGUSR1 +SIGUSR2"))
    terminal.type("1 nostop\n")
    lines = terminal.read(re.compile(rb"User defined signal 1\r?\n\(ring3\) $"))
    assert "SIGUSR1      No    Yes    Yes   User defined signal 1" in lines
    assert terminal.end() == 0
    again = Terminal(history, "lines_dwarf4_64", 60)
    again.type("\x10\x10\x10\n")  # up, up, up: what was typed in front of `quit`
    assert any("Thread 1000" in line for line in again.read())
    assert again.end() == 0


def test_a_breakpoint_at_an_unknown_place_is_asked_about(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "history", "hello_syscall_64", 80)
    terminal.type("b nowhere\n")
    terminal.read(re.compile(rb"\(y or \[n\]\) $"))
    terminal.type("y\n")
    assert "Breakpoint 1 (nowhere) pending." in terminal.read()
    terminal.type("b nowhere\n")
    terminal.read(re.compile(rb"\(y or \[n\]\) $"))
    terminal.type("\n")
    assert "no breakpoint is set" in terminal.read()
    assert terminal.end() == 0
