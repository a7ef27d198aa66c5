"""Tasks: what a process costs from fork to wait, and what a switch to another task does.

A whole run with many, less one with none: start-up goes out. Sizes matter little, for each does
the same as the one before.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.measure import Subjects, interleaved
from bench.report import Requirement, Row, Section
from bench.subjects import RINGSCOPE, guest, qemu, whole_run

# What the guest does, by its first argument.
WHATS: Final = {
    "fork, exit, wait": 0,
    "fork, execve of /bin/true, wait": 1,
    "a futex to another process and back": 2,
    "sched_yield of two processes": 3,
}
SPAWN: Final = "fork, execve of /bin/true, wait"
LIMIT_MS: Final = 20.0
_MS: Final = 1e3


def run(quick: bool, rounds: int) -> list[Section]:
    """Each of WHATS under ringscope and, where it is installed, qemu-user."""
    count = 20 if quick else 200
    figures = interleaved(_subjects(count), rounds)
    rows, spawn = [], None
    for what in WHATS:
        ours = figures[what].scaled(_MS / count)
        rows.append(Row(what, ours))
        spawn = ours if what == SPAWN else spawn
        theirs = figures.get(_beside(what))
        if theirs is not None:
            scaled = theirs.scaled(_MS / count)
            rows.append(Row(_beside(what), scaled))
    assert spawn is not None, "it is in the table"
    claim = "fork, execve and wait of /bin/true, in CPU ms"
    return [
        Section(
            "tasks",
            "Tasks: one after the other",
            "CPU ms each",
            "",
            rows,
            requirements=[Requirement(claim, LIMIT_MS, spawn.least)],
        )
    ]


def _beside(what: str) -> str:
    return f"{what} (qemu-user)"


def _subjects(count: int) -> Subjects:
    subjects = {what: partial(_each, RINGSCOPE, number, count) for what, number in WHATS.items()}
    if emulator := qemu(64):
        for what, number in WHATS.items():
            subjects[_beside(what)] = partial(_each, (emulator,), number, count)
    return subjects


def _each(prefix: tuple[str, ...], what: int, count: int) -> float:
    """The CPU seconds of `count`, without start-up; never less than nothing."""
    program = guest("tasks")
    return max(whole_run(prefix, program, what, count) - whole_run(prefix, program, what, 0), 0.0)
