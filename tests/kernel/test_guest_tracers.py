"""strace and gdb, run as guests, say of a program what they say of it on the host."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host

# What differs between two runs, and is no news.
_CHANGING: Final = re.compile(
    r"\b0x[0-9a-f]+|process \d+|kill\(\d+|si_pid=\d+|\[pid +\d+\]|Process \d+"
)
_PADDING: Final = re.compile(r"\) +=  *")  # strace aligns results by what changes
SOURCE: Final = """
int counter;
__attribute__((noinline)) int twice(int x) { counter++; return 2 * x; }
int main(int count, char **arguments) { return twice(count + 20); }
"""
COMMANDS: Final = (
    *("break twice", "run", "bt", "print x", "stepi", "watch counter", "finish", "delete"),
    *("print counter", "continue"),
)


def said(command: list[str], name: str) -> str:
    """What `command` writes to both streams. Skips where `name` is missing."""
    if shutil.which(name) is None or not host.is_x86_64_linux():
        pytest.skip(f"needs {name} and Linux on x86_64")
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    text = done.stdout.decode()
    return _PADDING.sub(") = ", _CHANGING.sub("?", text))


def said_natively(command: list[str], name: str) -> str:
    """The same on the host. Skips where that forbids ptrace."""
    text = said(command, name)
    if "not permitted" in text:
        pytest.skip("ptrace is forbidden here")
    return text


@pytest.mark.may_skip("the machine may forbid ptrace")
@pytest.mark.parametrize(
    "arguments",
    [
        ["-e", "trace=write,exit_group", "/bin/echo", "hello"],
        ["-e", "trace=kill,exit_group", "dash", "-c", "kill -TERM $$"],
        ["-e", "trace=execve", "-e", "signal=none", "dash", "-c", "exec /bin/false"],
    ],
)
def test_strace_says_the_same(arguments: list[str]) -> None:
    native = said_natively(["strace", *arguments], "strace")
    assert "exit" in native or "SIGTERM" in native
    assert said([*MACHINE, "strace", *arguments], "strace") == native


@pytest.mark.may_skip("the machine may forbid ptrace")
def test_strace_follows_children() -> None:
    script = "/bin/true | cat; (exit 3); /bin/false"
    text = said([*MACHINE, "strace", "-f", "dash", "-c", script], "strace")
    ends = re.findall(r"\+\+\+ exited with (\d) \+\+\+", text)
    assert sorted(ends) == ["0", "0", "1", "1", "3"]
    assert text.count("attached") == 4


@pytest.mark.may_skip("the machine may forbid ptrace")
def test_gdb_says_the_same(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    source, program = tmp_path / "small.c", tmp_path / "small"
    source.write_text(SOURCE, "utf-8")
    subprocess.run(["gcc", "-g", "-O0", "-static", "-o", program, source], check=True)
    options = [word for command in COMMANDS for word in ("-ex", command)]
    command = ["gdb", "-nx", "-batch", *options, str(program)]
    native = said_natively(command, "gdb")
    assert "Breakpoint 1, twice (x=21)" in native
    assert "exited with code 052" in native
    assert said([*MACHINE, *command], "gdb") == native
