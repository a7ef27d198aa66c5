"""CPU time of children, in interleaved rounds: the machine may be shared, so ratios are claimed.

A round measures every subject once, one after the other; what else the machine does meanwhile
hits all of them alike. It knows processes and numbers, and not what is being measured.
wait4(2), getrusage(2).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Final, NamedTuple, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = sys.executable

Command: TypeAlias = Sequence[str | Path]
# What is measured: a call takes one measurement, in the unit of its section.
Subjects: TypeAlias = Mapping[str, Callable[[], float]]


class ChildFailed(Exception):
    """A measured program did not end as it must; says which, and what it said."""


class Child(NamedTuple):
    """What one process took, user and system time together, and what it printed."""

    cpu_seconds: float
    output: bytes


class Figure(NamedTuple):
    """One subject over all rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Highest minus lowest, as a part of the median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0

    def scaled(self, factor: float) -> Figure:
        """The figure in another unit."""
        return Figure(tuple(value * factor for value in self.values))

    def minus(self, other: Figure) -> Figure:
        """The difference, round by round."""
        return Figure(tuple(a - b for a, b in zip(self.values, other.values, strict=True)))

    @property
    def least(self) -> float:
        """The best round: what else the machine does can only add to it."""
        return min(self.values)

    def over(self, base: Figure) -> float:
        """The ratio to `base`: the median of the ratios of the rounds."""
        return statistics.median(a / b for a, b in zip(self.values, base.values, strict=True))


def run_child(command: Command, statuses: Sequence[int] = (0,), stdin: Path | None = None) -> Child:
    """Runs `command` to its end and tells what it took.

    Raises:
        ChildFailed: its exit status is none of `statuses`.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C"}
    with (
        open(stdin or os.devnull, "rb") as source,
        TemporaryFile() as output,
        TemporaryFile() as errors,
    ):
        process = subprocess.Popen(
            command, stdin=source, stdout=output, stderr=errors, env=environment, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in statuses:
            said = errors.read().decode(errors="replace").strip()[-500:]
            line = " ".join(map(str, command))
            raise ChildFailed(f"`{line}` ended with {process.returncode}: {said}")
        return Child(usage.ru_utime + usage.ru_stime, output.read())


def run_rig(name: str, *arguments: str | Path, python: str = PYTHON) -> dict[str, Any]:
    """Runs the module `name` of bench/rigs and returns the JSON object that it printed last."""
    child = run_child([python, "-m", f"bench.rigs.{name}", *arguments])
    answer: dict[str, Any] = json.loads(child.output.splitlines()[-1])
    return answer


def interleaved(subjects: Subjects, rounds: int) -> dict[str, Figure]:
    """Every subject once in each of `rounds` rounds.

    Where there is more than one, a round before them fills all caches and is not counted.
    """
    if rounds > 1:
        _measure_all(subjects)
    found = [_measure_all(subjects) for _ in range(rounds)]
    return {name: Figure(tuple(each[name] for each in found)) for name in subjects}


def _measure_all(subjects: Subjects) -> dict[str, float]:
    return {name: measure() for name, measure in subjects.items()}


@contextmanager
def compiled_files() -> Iterator[None]:
    """Within it, what is measured finds Python's compiled files, as an installed program does.

    They are kept apart, so the tree stays as it is; that they may not be written is overruled.
    """
    before = dict(os.environ)
    with TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
