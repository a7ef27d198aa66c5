"""The machine counts what a real processor counted, with each of its counters.

The programs are hand-written, so nothing but their own instructions can make a difference. Where
one count is wrong, `tests/oracle/stepper.py` gives the trace of the right one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.counting import counts
from tests.fixtures.programs import ROOT
from tests.oracle import host
from tests.oracle.stepper import Counted

COUNTERS: Final = ("native", "python")
MACHINE: Final = (sys.executable, "-m", "emu", "stat", "-j")
RECORDED: Final = counts.recorded()


def stat(counter: str, name: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit status, and the ledger as JSON."""
    report = folder / "report.json"
    options = ("-o", str(report), "--counter", counter)
    status = host.run([*MACHINE, *options, str(counts.program(name))], cwd=ROOT).status
    ledger: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return status, ledger


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("name", counts.names())
def test_the_machine_counts_what_the_processor_counted(
    name: str, counter: str, tmp_path: Path
) -> None:
    status, ledger = stat(counter, name, tmp_path)
    instructions = ledger["instructions"]
    assert Counted(instructions["user"], status) == RECORDED[name]
    paths = [instructions[path] for path in ("user", "entry", "handler", "exit")]
    assert sum(paths) == instructions["total"]
