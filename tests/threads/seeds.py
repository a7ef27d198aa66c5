"""`python -m tests.threads.seeds`: every thread program under many interleavings.

Each program of each build runs once natively and then with `--seeds` seeds in the machine, and
must print and end the same; with each tenth seed it is traced twice, and the traces must be equal.
It exits with 1 if one differs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.threads.programs import BUILDS, CASES, Case, compile_all, here, is_available, natively
from tests.threads.programs import trace as traced

SEEDS: Final = 100
TRACE_EACH: Final = 10


def main(argv: list[str]) -> int:
    options = _parse(argv)
    builds = [build for build in options.builds or BUILDS if is_available(build)]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        for build in builds:
            place = Path(folder) / build
            place.mkdir()
            compile_all(build, place)
            for case in CASES:
                tasks = range(options.first, options.first + options.seeds)
                expected = natively(place, case)
                judge = _Judge(place, case, expected)
                found = [line for lines in pool.map(judge.differences, tasks) for line in lines]
                wrong += len(found)
                print(f"{build:17} {case.name:16} {options.seeds} seeds, {len(found)} differ")
                print("".join(f"    {line}\n" for line in found), end="", flush=True)
    return 1 if wrong else 0


class _Judge:
    """One program, and what it does natively."""

    def __init__(self, folder: Path, case: Case, expected: object) -> None:
        self._folder = folder
        self._case = case
        self._expected = expected

    def differences(self, seed: int) -> list[str]:
        return list(self._differences(seed))

    def _differences(self, seed: int) -> Iterator[str]:
        found = here(self._folder, self._case, seed)
        if found != self._expected:
            yield f"seed {seed}: {found}"
        if seed % TRACE_EACH == 0:
            first, second = (traced(self._folder, self._case, seed) for _ in range(2))
            if first != second:
                yield f"seed {seed}: two runs, two traces"


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.threads.seeds",
        description="Runs the thread programs under many interleavings.",
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many [{SEEDS}]")
    parser.add_argument("--first", type=int, default=0, help="the first of them [0]")
    parser.add_argument("builds", nargs="*", metavar="BUILD", help=f"of: {', '.join(BUILDS)}")
    options = parser.parse_args(argv)
    for build in options.builds:
        if build not in BUILDS:
            parser.error(f"no build {build!r}; there are: {', '.join(BUILDS)}")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
