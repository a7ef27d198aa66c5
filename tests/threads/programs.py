"""The thread programs as a table: which source, with which arguments, built by which compilers.

A program prints the same and ends the same whatever the interleaving, but for racing.c. What that
is, the host says. It knows how to build and to run them, and judges nothing.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host

SOURCES: Final = Path(__file__).with_name("programs")
BUILDS: Final = {
    "glibc-static-64": ("gcc", "-m64", "-static"),
    "glibc-static-32": ("gcc", "-m32", "-static"),
    "glibc-dynamic-64": ("gcc", "-m64"),
    "glibc-dynamic-32": ("gcc", "-m32"),
    "musl-static-64": ("musl-gcc", "-static"),
}
RACING: Final = "racing"


class Case(NamedTuple):
    """One program with its arguments."""

    source: str
    arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "-".join((self.source, *self.arguments))


CASES: Final = (
    Case("mutexes"),
    Case("waiting"),
    Case("cancelling"),
    Case("thread_signals"),
    *(Case("ends", (how,)) for how in ("main", "exit", "exec", "abort", "fork", "detach")),
)


def is_available(build: str) -> bool:
    """Whether this host can build and run programs of `build`."""
    return host.is_x86_64_linux() and shutil.which(BUILDS[build][0]) is not None


def compile_all(build: str, folder: Path) -> Path:
    """Compiles every program into `folder`; returns it."""
    for source in (*dict.fromkeys(case.source for case in CASES), RACING):
        command = [*BUILDS[build], "-O1", "-w", "-pthread", "-o", str(folder / source)]
        subprocess.run([*command, str(SOURCES / f"{source}.c")], check=True)
    return folder


def natively(folder: Path, case: Case) -> host.Ended:
    return host.run([folder / case.source, *case.arguments])


def here(folder: Path, case: Case, seed: int) -> host.Ended:
    """Runs it in the machine; what the machine itself says is not looked at."""
    seeded = (*MACHINE, "--seed", str(seed))
    return host.run([*seeded, folder / case.source, *case.arguments], cwd=ROOT)


def trace(folder: Path, case: Case, seed: int) -> str:
    """All its system calls, in all tasks, and all its output."""
    output = folder / f"{case.name}.{seed}.trace"
    command = (MACHINE[0], "-m", "emu", "trace", "-f", "-o", output, "--seed", str(seed))
    ended = host.run([*command, folder / case.source, *case.arguments], cwd=ROOT)
    return f"{ended.stdout}{ended.status}\n{output.read_text('utf-8')}"
