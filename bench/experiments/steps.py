"""What stands between a crossing and its floor: the same guest with a part of ringscope at a time.

A row does more than the rows above it, so the differences are what the parts cost. The rigs that
leave parts out are in bench/rigs/steps.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from bench.measure import Subjects, interleaved
from bench.report import Row, Section
from bench.subjects import guest, rig_run

SYSCALL_STEPS: Final = {
    "native_callback": "Unicorn calls machine code that only returns: the floor",
    "python_callback": "Unicorn calls Python, which does nothing",
    "python_callback_with_state": "Python finds the CPU's state and has it stored",
    "small_kernel": "SYSCALL in native code, entry and exit code, counting, an empty handler",
    "watched_syscall": "(aside: SYSCALL in Python, told to a watcher, and SYSRET at once)",
}
FAULT_STEPS: Final = {
    "fault_seen": "Unicorn calls Python, which gives the page: no ring 0",
    "small_kernel": "delivered through the IDT, entry and exit code, counting, the page given",
}
SYSCALL_WHOLE: Final = "ringscope: the kernel's dispatch and `getpid`"
FAULT_WHOLE: Final = "ringscope: regions, rights, frames, page tables"
SCATTERED: Final = 1


def run(quick: bool, rounds: int) -> list[Section]:
    """The steps of a system call, and those of a page fault."""
    calls, pages = (500, 200) if quick else (100_000, 10_000)
    syscall = _subjects(SYSCALL_STEPS, SYSCALL_WHOLE, guest("getpid_syscall_64"), calls)
    fault = _subjects(FAULT_STEPS, FAULT_WHOLE, guest("touch"), pages, SCATTERED)
    return [
        _section("syscall-steps", "What a system call consists of", syscall, rounds, calls),
        _section("fault-steps", "What a page fault consists of", fault, rounds, pages),
    ]


def _subjects(
    steps: Mapping[str, str], whole: str, program: Path, count: int, *more: int
) -> Subjects:
    subjects = {
        title: partial(rig_run, "steps", step, program, count, *more)
        for step, title in steps.items()
    }
    return {**subjects, whole: partial(rig_run, "ringscope", "native", program, count, *more)}


def _section(name: str, title: str, subjects: Subjects, rounds: int, count: int) -> Section:
    found = interleaved(subjects, rounds)
    figures = {subject: figure.scaled(1e9 / count) for subject, figure in found.items()}
    whole, base = list(figures.items())[-1]
    rows = [Row(subject, figure, figure.over(base)) for subject, figure in figures.items()]
    return Section(name, title, "ns each", whole, rows)
