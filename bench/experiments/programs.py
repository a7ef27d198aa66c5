"""Real programs: how a shell starts, and what a database's instructions take.

The shell is the machine's own bash, a dynamic program, held against qemu-user. SQLite runs as one
static program in ringscope and in bare Unicorn, so both execute the same instructions; it is built
when it is measured, where its library is. What is not installed is left out.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from bench.guests.build import HERE
from bench.measure import interleaved, run_rig
from bench.report import Requirement, Row, Section
from bench.subjects import RINGSCOPE, cpu_seconds, qemu, rig_run

SHELL: Final = "ringscope"
EMULATED: Final = "qemu-user"
SHELL_LIMIT: Final = 10.0
COUNTED: Final = "ringscope, counted"
BARE: Final = "bare Unicorn, no ring 0, not counting"
DATABASE_LIMIT: Final = 3.0
SOURCE: Final = HERE / "src/sqlite_inserts.c"
_MS: Final = 1e3


def run(quick: bool, rounds: int) -> list[Section]:
    """The shell's start, then the database's inserts."""
    sections: list[Section] = []
    bash, emulator = shutil.which("bash"), qemu(64)
    if bash and emulator:
        sections.append(_shell(bash, emulator, rounds))
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "sqlite_inserts")
        if build(program):
            sections.append(_database(program, 100 if quick else 100_000, rounds))
    return sections


def build(program: Path) -> bool:
    """Builds the database's guest; returns whether compiler and library are there."""
    if shutil.which("gcc") is None:
        return False
    libraries = ("-lsqlite3", "-lpthread", "-ldl", "-lm")
    command = ("gcc", "-O2", "-static", "-no-pie", "-s", "-w", "-o", program, SOURCE, *libraries)
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _shell(bash: str, emulator: str, rounds: int) -> Section:
    command = (bash, "-c", ":")
    subjects = {
        SHELL: partial(cpu_seconds, (*RINGSCOPE, *command)),
        EMULATED: partial(cpu_seconds, (emulator, *command)),
        "the host": partial(cpu_seconds, command),
    }
    figures = {name: f.scaled(_MS) for name, f in interleaved(subjects, rounds).items()}
    base = figures[EMULATED]
    claim = "`bash -c :` under ringscope, over qemu-user"
    return Section(
        "shell",
        "Programs: bash starts and ends, whole process",
        "CPU ms",
        EMULATED,
        [Row(name, figure, figure.over(base)) for name, figure in figures.items()],
        requirements=[Requirement(claim, SHELL_LIMIT, figures[SHELL].least / base.least)],
    )


def _database(program: Path, count: int, rounds: int) -> Section:
    subjects = {
        COUNTED: partial(rig_run, "ringscope", "native", program, count),
        BARE: partial(rig_run, "ringless", program, count),
    }
    figures = interleaved(subjects, rounds)
    instructions = run_rig("ringscope", "native", program, str(count))["instructions"]
    base = figures[BARE]
    claim = f"{COUNTED}, over {BARE}, the same instructions"
    return Section(
        "database",
        f"Programs: SQLite inserts {count:,} rows, {instructions / 1e6:,.0f} million instructions",
        "CPU s",
        BARE,
        [Row(name, figure, figure.over(base)) for name, figure in figures.items()],
        ["In memory, in one transaction, by a prepared statement; the guest's run alone."],
        [Requirement(claim, DATABASE_LIMIT, figures[COUNTED].least / base.least)],
    )
