"""The prompt in a real terminal, and under random lines."""

from __future__ import annotations

import os
import pty
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from emu.console.prompt import completions
from emu.console.table import COMMANDS
from tests.console.talk import Talk
from tests.debug.sessions import ROOT, path_of

PATIENCE: Final = 12.0  # seconds
LINES: Final = int(os.environ.get("RINGSCOPE_FUZZ_LINES", "1500"))


class Terminal:
    """`ringscope debug` in a pseudo-terminal of 60 columns."""

    def __init__(self, history: Path, program: str) -> None:
        self.pid, self.fd = pty.fork()
        if not self.pid:
            variables = {"RINGSCOPE_HISTORY": str(history), "TERM": "dumb", "COLUMNS": "60"}
            arguments = [sys.executable, "-m", "emu", "debug", str(path_of(program))]
            os.chdir(ROOT)
            os.execve(sys.executable, arguments, {**os.environ, **variables})
        self.said = b""

    def expect(self, text: str) -> None:
        """Reads until `text` was said, and forgets all up to it."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.said:
            assert time.monotonic() < end, f"{text!r} does not come after {self.said[-300:]!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.said += os.read(self.fd, 4096)
        self.said = self.said.partition(text.encode())[2]

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        self.type("quit\n")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_the_prompt_completes_repeats_and_remembers(tmp_path: Path) -> None:
    history = tmp_path / "history"
    terminal = Terminal(history, "hello_syscall_64")
    terminal.expect("(ring3) ")
    terminal.type("catch sysc\texit_gr\t\n")
    terminal.expect("Catchpoint 1 (syscall exit_group)")
    terminal.expect("(ring3) ")
    terminal.type("si\n")
    terminal.expect("(ring0) ")
    terminal.type("\n")
    terminal.expect("(ring0) ")
    terminal.type("info position\n")
    terminal.expect("1 instructions retired")
    assert terminal.end() == 0
    assert "catch syscall exit_group" in history.read_text()
    again = Terminal(history, "hello_syscall_64")
    again.expect("(ring3) ")
    again.type("\x10\x10\x10\x10\x10\n")  # five lines up: the catch of the first session
    again.expect("Catchpoint 1")
    assert again.end() == 0


def test_ctrl_c_stops_the_guest_and_not_the_debugger(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "history", "hello_syscall_64")
    terminal.expect("(ring3) ")
    terminal.type("si 200\n")
    terminal.expect("exited")
    terminal.expect("(ended) ")
    terminal.type("sba 20\n")
    terminal.expect("(ring0) ")
    terminal.type("set *(u16*)$rip = 0xfeeb\n")  # an endless loop: jmp to itself
    terminal.expect("(ring0) ")
    terminal.type("c\n")
    time.sleep(0.5)
    os.kill(terminal.pid, signal.SIGINT)
    terminal.expect("interrupted")
    terminal.expect("(ring0) ")
    assert terminal.end() == 0


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        ("fini", "fini", ["finish", "finish-trap"]),
        ("info gd", "gd", ["gdt"]),
        ("p $kernel_g", "$kernel_g", ["$kernel_gs_base"]),
        ("b entry_SYSC", "entry_SYSC", ["entry_SYSCALL_64", "entry_SYSCALL_compat"]),
        ("catch syscall exit_g", "exit_g", ["exit_group"]),
        ("catch vector #P", "#P", ["#PF"]),
        ("set disassembly-flavor a", "a", ["att"]),
        ("nonsense a", "a", []),
    ],
)
def test_a_word_completes_by_what_its_command_takes(
    line: str, word: str, expected: list[str]
) -> None:
    assert completions(Talk("hello_syscall_64").session, line, word) == expected


def random_line(chance: random.Random) -> str:
    names = [name for command in COMMANDS for name in command.names]
    words = [
        *("$rip", "$rsp", "*(u32*)$rsp", "_start", "0x80", "-1", "99999999999999999999", "((((("),
        *("if", "=", "/4gx", "/s", "/i", "syscall", "write", "#PF", "1", "2", "$lstar", "$cs"),
        *(
            "\u0663",
            "\0",
            "%",
            "{u8}",
            "*",
            "vector",
            "$cr3",
            "$nonsense",
            "1/0",
            "_text",
        ),
        *(
            "lines.c:46",
            "lines.c:",
            ":7",
            "46",
            "countdown",
            "thread",
            "SIGUSR1",
            "nostop",
            "nopass",
        ),
        *("threads", "line", "signals", "/s", "fork", "breakpoint pending on", "$bpnum", "0"),
    ]
    parts = [chance.choice(names), *(chance.choice(words) for _ in range(chance.randrange(5)))]
    line = chance.choice((" ", "")).join(parts) if chance.random() < 0.2 else " ".join(parts)
    if chance.random() < 0.1:
        at = chance.randrange(len(line))
        line = line[:at] + chr(chance.randrange(1, 300)) + line[at + 1 :]
    return line


def test_random_lines_are_answered_and_never_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(1)
    plain = ("hello_syscall_64", "lines_dwarf4_32", "lines_dwarf5_pie_64")
    programs = (*plain, "tasks_64", *plain, *plain)
    for number in range(LINES):
        if number % 200 == 0:
            talk = Talk(programs[number // 200 % len(programs)])
        talk.do(random_line(chance))
        talk.session.is_over = False
    assert talk.session.prompt.startswith("(")
