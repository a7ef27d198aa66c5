"""Crossings: what a system call costs, against engines that have no ring 0.

The whole process is measured, as a user sees it. Whether the cost of one crossing grows with their
number is measured without start-up.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.measure import PYTHON, Subjects, interleaved
from bench.report import Requirement, Row, Section
from bench.subjects import RINGSCOPE, guest, qemu, qiling_python, rig_run, whole_run

RINGLESS: Final = "bare Unicorn, no ring 0, not counting"
SYSCALL: Final = "ringscope, `syscall`"
# Where bare Unicorn takes 0.18 CPU s, ringscope may take 0.35.
RINGLESS_LIMIT: Final = 0.35 / 0.18
GROWTH_LIMIT: Final = 1.2
PROGRAM: Final = guest("getpid_syscall_64")
OTHER_WAYS: Final = {
    "ringscope, `int 0x80` from 64-bit code": guest("getpid_int80_64"),
    "ringscope, `int 0x80` from 32-bit code": guest("getpid_int80_32"),
    "ringscope, `sysenter`": guest("getpid_sysenter_32"),
}


def run(quick: bool, rounds: int) -> list[Section]:
    """Whole processes by every mechanism, and the cost of one crossing by their number."""
    return [
        _whole(200 if quick else 100_000, rounds),
        _growth([100, 1000] if quick else [10**3, 10**4, 10**5, 10**6], rounds),
    ]


def _whole(count: int, rounds: int) -> Section:
    figures = interleaved(_subjects(count), rounds)
    base = figures[RINGLESS]
    claim = f"{SYSCALL}, over {RINGLESS}"
    return Section(
        "crossings",
        f"Crossings: a whole process that makes {count:,} times `getpid`",
        "CPU s",
        RINGLESS,
        [Row(name, figure, figure.over(base)) for name, figure in figures.items()],
        requirements=[Requirement(claim, RINGLESS_LIMIT, figures[SYSCALL].least / base.least)],
    )


def _subjects(count: int) -> Subjects:
    ringless = (PYTHON, "-m", "bench.rigs.ringless")
    subjects = {
        RINGLESS: partial(whole_run, ringless, PROGRAM, count),
        SYSCALL: partial(whole_run, RINGSCOPE, PROGRAM, count),
    }
    for name, other in OTHER_WAYS.items():
        subjects[name] = partial(whole_run, RINGSCOPE, other, count)
    for bits, way in ((64, "syscall"), (32, "int80")):
        if emulator := qemu(bits):
            program = guest(f"getpid_{way}_{bits}")
            subjects[f"qemu-user, {program.name}"] = partial(whole_run, (emulator,), program, count)
    if python := qiling_python():
        qiling = (python, "-m", "bench.rigs.qiling")
        subjects["Qiling, `syscall`"] = partial(whole_run, qiling, PROGRAM, count)
    return subjects


def _growth(counts: list[int], rounds: int) -> Section:
    subjects = {
        str(count): partial(rig_run, "ringscope", "native", PROGRAM, count)
        for count in (0, *counts)
    }
    figures = interleaved(subjects, rounds)
    each = [figures[str(count)].minus(figures["0"]).scaled(1e9 / count) for count in counts]
    first, last = each[0], each[-1]
    claim = f"a crossing of {counts[-1]:,}, over one of {counts[0]:,}"
    return Section(
        "growth",
        "Crossings: what one costs, by how many there are",
        "ns each",
        f"{counts[0]:,}",
        [
            Row(f"{count:,}", figure, figure.over(first))
            for count, figure in zip(counts, each, strict=True)
        ],
        requirements=[Requirement(claim, GROWTH_LIMIT, last.least / first.least)],
    )
