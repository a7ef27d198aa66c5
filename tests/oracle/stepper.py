"""The single-stepper, from Python: how many user instructions a program retires on this processor.

It knows how to build `stepper.c` and to read its answer. What a step means is the C file's
knowledge. To see where two counts part, ask for the trace: one address for each retired
instruction (`build/stepper -t FILE PROGRAM` does the same from a shell).
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from tests.oracle import host

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = Path(__file__).with_suffix(".c")
BINARY: Final = ROOT / "build/stepper"
PROBE: Final = ROOT / "tests/counting/programs/bin/straight_line_64"


class Counted(NamedTuple):
    """The answer; `status` is 128 and more for a signal."""

    user: int
    status: int


class StepperGaveUp(Exception):
    """Says what the program did that cannot be counted."""


@functools.cache
def binary() -> Path:
    """Builds it unless it is newer than its source; several processes may do so at once."""
    if not BINARY.exists() or BINARY.stat().st_mtime < SOURCE.stat().st_mtime:
        BINARY.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BINARY.parent) as folder:
            built = Path(folder, "stepper")
            strict = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")
            subprocess.run(["gcc", *strict, "-o", built, SOURCE], check=True)
            os.replace(built, BINARY)
    return BINARY


@functools.cache
def reason_not_to_step() -> str | None:
    """Why this host cannot count, or None."""
    if not host.is_x86_64_linux():
        return "the host is not Linux on x86_64"
    if shutil.which("gcc") is None:
        return "gcc is not installed"
    try:
        count(PROBE)
    except StepperGaveUp as reason:
        return f"no process can be traced here: {reason}"
    return None


def count(program: Path, *options: str) -> Counted:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        done = subprocess.run(
            [binary(), "-o", answer, *options, program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise StepperGaveUp(done.stderr.decode().strip())
        row = json.loads(answer.read_text("utf-8"))
    killed_by = row["signal"]
    return Counted(row["user"], row["exit_status"] if killed_by is None else 128 + killed_by)


def trace(program: Path) -> list[int]:
    """The address of every retired instruction, in order."""
    with tempfile.NamedTemporaryFile("r") as file:
        count(program, "-t", file.name)
        return [int(line, 16) for line in file]
