"""The benchmarks run at their smallest sizes and report what the pages and CI read.

No time is asserted: what is measured here is only that everything is measured.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from bench.__main__ import EXPERIMENTS
from bench.measure import ROOT

# What each experiment must have measured; neighbours that are not installed may be missing.
SECTIONS: Final = {
    "compute": ["compute", "counting"],
    "crossings": ["crossings", "growth"],
    "startup": ["startup", "stages"],
    "faults": ["pages"],
    "programs": [],
    "steps": ["syscall-steps", "fault-steps"],
    "tasks": ["tasks"],
    "testing": ["machines", "collection"],
}
PROMISES: Final = dict.fromkeys(
    (
        *("compute", "crossings", "growth", "startup", "tasks"),
        *("machines", "collection", "shell", "database"),
    ),
    1,
)


def quick(name: str, folder: Path) -> tuple[dict[str, Any], str]:
    """The JSON report and the printed tables of one experiment."""
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", report, name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text()), done.stdout


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_reports_each_of_its_sections(name: str, tmp_path: Path) -> None:
    report, printed = quick(name, tmp_path)
    assert report.keys() == {"format", "host", "quick", "neighbours", "sections"}
    assert report["quick"] is True
    assert set(SECTIONS[name]) <= report["sections"].keys()
    for section_name, section in report["sections"].items():
        assert f"### {section['title']}\n" in printed
        assert section["rows"], section_name
        assert len(section["requirements"]) == PROMISES.get(section_name, 0)
        for row in section["rows"]:
            assert math.isfinite(row["median"]), row
            assert f"| {row['subject']} |" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-such-experiment"], "no experiment 'no-such-experiment'"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert complaint in done.stderr
