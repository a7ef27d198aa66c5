"""What tests of kernels pay: a thousand fresh machines with one trap each, and pytest's collection.

It knows the two promises; where the time of a machine goes, bench/rigs/machines.py tells.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.measure import PYTHON, Figure, interleaved, run_rig
from bench.report import Requirement, Row, Section
from bench.subjects import cpu_seconds

MACHINES: Final = 1000
MACHINES_LIMIT_S: Final = 5.0
COLLECTION_LIMIT_MS: Final = 50.0
PLUGIN: Final = "emu.testing.plugin"
WITHOUT, WITH = "without the plugin", "with it"
_TEST: Final = "def test_nothing() -> None:\n    assert True\n"


def run(quick: bool, rounds: int) -> list[Section]:
    """Both sections."""
    return [_machines(quick, rounds), _collection(rounds)]


def _machines(quick: bool, rounds: int) -> Section:
    number = 20 if quick else MACHINES
    found = [run_rig("machines", str(number)) for _ in range(rounds)]
    whole = Figure(tuple(sum(one.values()) for one in found))
    rows = [Row(name, Figure(tuple(one[name] for one in found))) for name in found[0]]
    return Section(
        "machines",
        "Tests: a thousand fresh machines with one trap each",
        "CPU s",
        "",
        [*rows, Row("all", whole)],
        requirements=[
            Requirement("a thousand machines, in CPU seconds", MACHINES_LIMIT_S, whole.least)
        ],
    )


def _collection(rounds: int) -> Section:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_nothing.py").write_text(_TEST)
        subjects = {WITHOUT: _collects(folder, f"no:{PLUGIN}"), WITH: _collects(folder, PLUGIN)}
        figures = {name: f.scaled(1e3) for name, f in interleaved(subjects, rounds).items()}
    more = figures[WITH].least - figures[WITHOUT].least
    return Section(
        "collection",
        "Tests: pytest collects one test",
        "CPU ms",
        WITHOUT,
        [Row(name, figure, figure.over(figures[WITHOUT])) for name, figure in figures.items()],
        requirements=[
            Requirement("what the plugin adds to collection, in ms", COLLECTION_LIMIT_MS, more)
        ],
    )


def _collects(folder: Path, plugin: str) -> Callable[[], float]:
    command = (PYTHON, "-m", "pytest", "--collect-only", "-q", "-p", plugin)
    return partial(cpu_seconds, (*command, "-p", "no:cacheprovider", str(folder)))
