"""Thread programs print and end as natively, whatever the seed; a seed is one interleaving."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.threads.programs import (
    BUILDS,
    CASES,
    RACING,
    Case,
    compile_all,
    here,
    is_available,
    natively,
    trace,
)

SEED: Final = 7  # `python -m tests.threads.seeds` takes a hundred
RACE: Final = Case(RACING)


@pytest.fixture(scope="module", params=BUILDS)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with every program of one build."""
    if not is_available(request.param):
        pytest.skip(f"needs {BUILDS[request.param][0]} and Linux on x86_64")
    return compile_all(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_does_as_natively(compiled: Path, case: Case) -> None:
    native = natively(compiled, case)
    assert native.stdout or native.status
    assert here(compiled, case, SEED) == native


def test_two_seeds_are_two_interleavings(compiled: Path) -> None:
    found = {seed: here(compiled, RACE, seed).stdout.splitlines() for seed in range(3)}
    orders = {letters for letters, _ in found.values()}
    assert len(orders) > 1
    assert all(sorted(letters) == sorted("abc" * 5) for letters in orders)


def test_a_drawn_interleaving_shows_a_race_that_fair_turns_hide(compiled: Path) -> None:
    counts = [int(here(compiled, RACE, seed).stdout.split()[1]) for seed in (0, 1, 2)]
    assert counts[0] == 4000
    assert min(counts[1:]) < 4000


def test_one_seed_gives_one_trace(compiled: Path) -> None:
    first, second = trace(compiled, RACE, SEED), trace(compiled, RACE, SEED)
    assert first == second
    assert sum(first.count(f'write(1, "{letter}", 1)') for letter in "abc") == 15
