"""In CI a skipped test fails the run, unless it is marked; elsewhere it is only reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).resolve().parent

SETTINGS: Final = "[pytest]\nmarkers = may_skip(reason): x\naddopts = --strict-markers\n"
UNMARKED: Final = """
import pytest

def test_skips_in_its_body():
    pytest.skip("no compiler")
"""
IN_A_FIXTURE: Final = """
import pytest

@pytest.fixture
def compiler():
    pytest.skip("no compiler")

def test_needs_it(compiler):
    assert compiler
"""
WHOLE_MODULE: Final = """
import pytest

pytest.skip("no compiler", allow_module_level=True)
"""
MARKED: Final = """
import pytest

@pytest.mark.may_skip("the machine may forbid ptrace")
def test_skips_with_a_reason():
    pytest.skip("no ptrace")
"""
EXPECTED_FAILURE: Final = """
import pytest

@pytest.mark.xfail(reason="known")
def test_fails_as_expected():
    assert 0
"""


def run_pytest(directory: Path, sources: dict[str, str], ci: str) -> tuple[int, str]:
    """Runs `sources`, a module each, under our conftest; gives the status and what it printed."""
    (directory / "pytest.ini").write_text(SETTINGS)
    (directory / "conftest.py").write_text((HERE / "conftest.py").read_text("utf-8"))
    for name, source in sources.items():
        (directory / f"test_{name}.py").write_text(source)
    options = ["-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "-p", "no:xdist"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=directory,
        env={**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout


def test_a_skip_in_ci_fails_and_gives_its_reason(tmp_path: Path) -> None:
    sources = {"body": UNMARKED, "fixture": IN_A_FIXTURE, "module": WHOLE_MODULE}
    status, output = run_pytest(tmp_path, sources, ci="true")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 2 errors" in output
    for name in sources:
        assert any(
            f"test_{name}.py" in line
            and line.endswith("this one was skipped: Skipped: no compiler")
            for line in output.splitlines()
        ), output


def test_a_marked_skip_and_an_expected_failure_pass_in_ci(tmp_path: Path) -> None:
    sources = {"marked": MARKED, "expected": EXPECTED_FAILURE}
    status, output = run_pytest(tmp_path, sources, ci="true")
    assert status == pytest.ExitCode.OK, output
    assert "1 skipped, 1 xfailed" in output


def test_a_skip_outside_ci_is_only_reported(tmp_path: Path) -> None:
    status, output = run_pytest(tmp_path, {"body": UNMARKED}, ci="")
    assert status == pytest.ExitCode.OK, output
    assert "1 skipped" in output
