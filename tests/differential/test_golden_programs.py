"""The programs of the golden crossings and faults end under `ringscope run` as on a processor.

`golden_programs.json` holds, for each program and its first argument, the exit status as a shell
shows it on an AMD processor; where the host has one, it is asked again. The two `exc` programs
choose the event by their argument. What the events should look like is not known here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from emu.cli import main
from tests.oracle import host

HERE: Final = Path(__file__).parent
VENDOR: Final = "amd"


class Run(NamedTuple):
    program: str
    argument: str
    status: int

    @property
    def name(self) -> str:
        return f"{self.program}-{self.argument}"

    @property
    def command(self) -> list[str]:
        return [str(HERE / "golden_programs" / self.program), *filter(None, [self.argument])]


RUNS: Final = [
    Run(program, argument, status)
    for program, row in json.loads(HERE.joinpath("golden_programs.json").read_text("utf-8")).items()
    for argument, status in row.items()
]
every_run = pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])


@every_run
def test_a_golden_program_ends_as_on_the_processor(run: Run) -> None:
    assert main(["run", "--vendor", VENDOR, *run.command]) == run.status


@pytest.mark.may_skip("it takes a processor of the recorded vendor")
def test_this_host_ends_every_golden_program_as_recorded() -> None:
    if not host.is_x86_64_linux() or host.vendor() != VENDOR:
        pytest.skip(f"the statuses are of {VENDOR}'s processors, which this host has not")
    ends = {run.name: host.run(run.command).status for run in RUNS}
    assert ends == {run.name: run.status for run in RUNS}
