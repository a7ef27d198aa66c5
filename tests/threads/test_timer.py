"""The timer interrupts ring 3 through the IDT when another task may want to run, and only then."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host
from tests.threads.programs import SOURCES, is_available

BUILD: Final = "glibc-static-64"
ENTRY, EXIT = 22, 22  # instructions of the interrupt's way in and out


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not is_available(BUILD):
        pytest.skip("needs gcc and Linux on x86_64")
    path = tmp_path_factory.mktemp("timer") / "spinning"
    command = ["gcc", "-static", "-O1", "-w", "-pthread", "-o", str(path)]
    subprocess.run([*command, str(SOURCES / "spinning.c")], check=True)
    return path


def stat(program: Path, tasks: int, seed: int) -> dict[str, Any]:
    command = (MACHINE[0], "-m", "emu", "stat", "--json", "-o", program.with_suffix(".json"))
    ended = host.run([*command, "--seed", str(seed), program, str(tasks)], cwd=ROOT)
    assert ended.status == 0
    found: dict[str, Any] = json.loads(program.with_suffix(".json").read_text("utf-8"))
    return found


def interrupts(report: dict[str, Any]) -> dict[str, Any]:
    rows = [row for row in report["crossings"] if row["mechanism"] == "interrupt"]
    return rows[0] if rows else {"count": 0, "entry": 0, "exit": 0}


@pytest.mark.parametrize("seed", [0, 3])
def test_a_task_that_is_alone_is_never_interrupted(program: Path, seed: int) -> None:
    assert interrupts(stat(program, 1, seed))["count"] == 0


def test_fair_turns_are_as_long_as_they_should_be(program: Path) -> None:
    report = stat(program, 2, 0)
    turns = report["instructions"]["user"] // 4_000_000
    assert abs(interrupts(report)["count"] - turns) <= 2


@pytest.mark.parametrize("seed", [0, 3])
def test_its_instructions_are_the_kernels_and_on_a_line_of_their_own(
    program: Path, seed: int
) -> None:
    report = stat(program, 2, seed)
    line, parts = interrupts(report), report["instructions"]
    assert line["entry"] == ENTRY * line["count"] > 0
    assert line["exit"] == EXIT * line["count"]
    assert parts["total"] == parts["user"] + parts["entry"] + parts["handler"] + parts["exit"]


def test_what_a_program_executes_does_not_depend_on_turns(program: Path) -> None:
    reports = [stat(program, 3, seed) for seed in (0, 1, 2)]
    assert len({report["instructions"]["user"] for report in reports}) == 1
    assert len({interrupts(report)["count"] for report in reports}) == 3


def test_the_trace_of_crossings_shows_where_it_enters(program: Path) -> None:
    output = program.with_suffix(".lines")
    command = (MACHINE[0], "-m", "emu", "trace", "--crossings", "-o", output)
    host.run([*command, program, "2"], cwd=ROOT)
    lines = output.read_text("utf-8").splitlines()
    shown = [line for line in lines if "interrupt" in line]
    assert len(shown) == interrupts(stat(program, 2, 0))["count"]
    assert all("> asm_sysvec_apic_timer_interrupt" in line for line in shown)
