"""Who waits for what can never come is told so; who waits for another that computes is not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.hostile import measured

# The program, and what the machine says of each task that waits, in order.
DEADLOCKS: Final = {
    "own_pipe": ["process 1000 waits for bytes in an empty pipe"],
    "full_pipe": ["process 1000 waits for room in a full pipe"],
    "two_pipes": [
        "process 1000 waits for bytes in an empty pipe",
        "process 1001 waits for bytes in an empty pipe",
    ],
    "one_mutex": ["process 1000 waits for the futex at 0x"],
    "crossed_mutexes": [
        "process 1000 waits for the futex at 0x",
        "thread 1001 of process 1000 waits for the futex at 0x",
        "thread 1002 of process 1000 waits for the futex at 0x",
    ],
    "nobody_wakes": ["process 1000 waits for the futex at 0x"],
    "no_signal": ["process 1000 waits for a signal (pause)"],
    "stopped_child": [
        "process 1000 waits for a child to end (wait)",
        "process 1001 is stopped, and nobody sends it SIGCONT",
    ],
    "many": ["process 1000 waits for a child to end (wait)", "and 13 more"],
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not measured.is_possible():
        pytest.skip("needs gcc and Linux on x86_64")
    return measured.compiled("deadlocks", tmp_path_factory.mktemp("deadlocks"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.mark.parametrize("seed", ["0", "5"])
@pytest.mark.parametrize("name", DEADLOCKS)
def test_a_deadlock_is_told(program: Path, folder: Path, name: str, seed: str) -> None:
    found = measured.run(program, [name], ["--seed", seed], folder)
    assert found.status == 1
    assert found.err.startswith("ringscope: deadlock: ")
    assert found.err.count("\n") == 1
    places = [found.err.index(part) for part in DEADLOCKS[name]]
    assert places == sorted(places)


def test_waiting_for_a_task_that_computes_is_no_deadlock(program: Path, folder: Path) -> None:
    found = measured.run(program, ["computes"], [], folder)
    assert (found.status, found.err) == (7, "")
