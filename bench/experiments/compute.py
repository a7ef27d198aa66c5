"""Computing: what exact counting costs where no crossing disturbs.

A figure is the guest's run alone, without start-up. Subjects that would take minutes run fewer
rounds and are scaled up; their row says so.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.measure import Subjects, interleaved, run_rig
from bench.report import Requirement, Row, Section
from bench.subjects import guest, qemu, qiling_python, rig_run, whole_run

PROGRAM: Final = guest("compute")
COUNTED_LIMIT: Final = 1.25
BASE: Final = "tuned engine, not counting"
FLOOR: Final = "tuned engine, a block hook that only returns"
COUNTED: Final = "ringscope, counted"
PYTHON_COUNTED: Final = "ringscope, its Python fallback counter"
HOOKED: Final = "naive Unicorn, counted by UC_HOOK_CODE in Python"
SLOW: Final = (PYTHON_COUNTED, HOOKED)
PARTS: Final = {"arithmetic": 1, "memory": 2, "calls": 4, "branches": 8, "SSE": 16}


class Sizes:
    """How many rounds of the guest, of about a million instructions each."""

    def __init__(self, quick: bool) -> None:
        self.mix = 2 if quick else 196
        self.slow = 1 if quick else 4
        self.part = 2 if quick else 400


def run(quick: bool, rounds: int) -> list[Section]:
    """The mix by every subject, and each part of it counted."""
    sizes = Sizes(quick)
    return [_mix(sizes, rounds), _parts(sizes, rounds)]


def _mix(sizes: Sizes, rounds: int) -> Section:
    figures = interleaved(_subjects(sizes), rounds)
    for name in SLOW:
        figures[name] = figures[name].scaled(sizes.mix / sizes.slow)
    base = figures[BASE]
    scaled = f"scaled up from {sizes.slow} of {sizes.mix} rounds"
    instructions = run_rig("ringscope", "native", PROGRAM, str(sizes.mix))["instructions"]
    claim = f"{COUNTED}, over {BASE}"
    return Section(
        "compute",
        f"Computing: {instructions / 1e6:,.0f} million instructions, mixed",
        "CPU s",
        BASE,
        [
            Row(name, figure, figure.over(base), scaled if name in SLOW else "")
            for name, figure in figures.items()
        ],
        ["A fifth each of arithmetic, memory, calls, branches and SSE, by number of instructions."],
        [Requirement(claim, COUNTED_LIMIT, figures[COUNTED].least / base.least)],
    )


def _subjects(sizes: Sizes) -> Subjects:
    full, slow = sizes.mix, sizes.slow
    subjects = {
        BASE: partial(rig_run, "tuned", "none", PROGRAM, full),
        FLOOR: partial(rig_run, "tuned", "floor", PROGRAM, full),
        COUNTED: partial(rig_run, "ringscope", "native", PROGRAM, full),
        PYTHON_COUNTED: partial(rig_run, "ringscope", "python", PROGRAM, slow),
        "naive Unicorn, not counting": partial(rig_run, "naive", "none", PROGRAM, full),
        HOOKED: partial(rig_run, "naive", "hook", PROGRAM, slow),
    }
    if emulator := qemu(64):
        subjects["qemu-user, not counting"] = partial(_without_start, emulator, full)
    if python := qiling_python():
        subjects["Qiling, not counting"] = partial(rig_run, "qiling", PROGRAM, full, python=python)
    return subjects


def _without_start(emulator: str, count: int) -> float:
    return whole_run((emulator,), PROGRAM, count) - whole_run((emulator,), PROGRAM, 0)


def _parts(sizes: Sizes, rounds: int) -> Section:
    kinds = {"none": "no hook", "floor": "a hook that only returns", "native": "counted"}
    rows: list[Row] = []
    for part, mask in PARTS.items():
        subjects = {
            kind: partial(rig_run, "tuned", kind, PROGRAM, sizes.part, mask) for kind in kinds
        }
        found = interleaved(subjects, rounds)
        rows += [
            Row(f"{part}: {kinds[kind]}", figure, figure.over(found["none"]))
            for kind, figure in found.items()
        ]
    return Section(
        "counting",
        "Counting, by what is computed",
        "CPU s",
        "no hook",
        rows,
        [
            "A hook that only returns is the floor of every counter that Unicorn allows. Either "
            "costs a nanosecond or so for each block: dear where blocks are short and cheap.",
        ],
    )
