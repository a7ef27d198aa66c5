"""Start-up: what a program pays before its first instruction, and a libc before `main`.

A static glibc hello as a whole process, beside its neighbours; then where ringscope's part goes.
Sizes do not matter here.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.measure import PYTHON, Figure, Subjects, interleaved, run_rig
from bench.report import Requirement, Row, Section
from bench.subjects import HELLO, RINGSCOPE, cpu_seconds, qemu, qiling_python, whole_run

WHOLE: Final = "ringscope"
LIMIT_MS: Final = 120.0
_MS: Final = 1e3


def run(_quick: bool, rounds: int) -> list[Section]:
    """Whole processes, and the steps of ours."""
    return [_whole(rounds), _stages(rounds)]


def _whole(rounds: int) -> Section:
    figures = {name: f.scaled(_MS) for name, f in interleaved(_subjects(), rounds).items()}
    whole = figures[WHOLE]
    claim = "a static glibc hello under ringscope, in CPU ms"
    return Section(
        "startup",
        "Start-up: a static glibc hello, whole process",
        "CPU ms",
        WHOLE,
        [Row(name, figure, figure.over(whole)) for name, figure in figures.items()],
        requirements=[Requirement(claim, LIMIT_MS, whole.least)],
    )


def _subjects() -> Subjects:
    subjects = {
        WHOLE: partial(whole_run, RINGSCOPE, HELLO),
        "Python that does nothing": partial(cpu_seconds, (PYTHON, "-c", "")),
        "Python that imports unicorn": partial(cpu_seconds, (PYTHON, "-c", "import unicorn")),
    }
    if emulator := qemu(64):
        subjects["qemu-user"] = partial(whole_run, (emulator,), HELLO)
    if python := qiling_python():
        subjects["Qiling"] = partial(whole_run, (python, "-m", "bench.rigs.qiling"), HELLO)
    return subjects


def _stages(rounds: int) -> Section:
    found = [run_rig("stages", HELLO) for _ in range(rounds)]
    return Section(
        "stages",
        "Start-up: where ringscope's time goes",
        "CPU ms",
        "",
        [Row(name, Figure(tuple(one[name] for one in found)).scaled(_MS)) for name in found[0]],
        ["With Python's compiled files in place, as after the first run."],
    )
