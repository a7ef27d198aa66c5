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


def run_pytest(directory: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    (directory / "pytest.ini").write_text(SETTINGS)
    (directory / "conftest.py").write_text((HERE / "conftest.py").read_text("utf-8"))
    (directory / "test_it.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=directory,
        env={**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", [UNMARKED, IN_A_FIXTURE, WHOLE_MODULE])
def test_a_skip_in_ci_fails_and_gives_its_reason(tmp_path: Path, source: str) -> None:
    result = run_pytest(tmp_path, source, ci="true")
    assert result.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "CI skips no test, but this one was skipped: " in result.stdout
    assert "no compiler" in result.stdout


@pytest.mark.parametrize("source", [MARKED, EXPECTED_FAILURE])
def test_a_marked_skip_and_an_expected_failure_pass_in_ci(tmp_path: Path, source: str) -> None:
    result = run_pytest(tmp_path, source, ci="true")
    assert result.returncode == pytest.ExitCode.OK, result.stdout


def test_a_skip_outside_ci_is_only_reported(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, UNMARKED, ci="")
    assert result.returncode == pytest.ExitCode.OK
    assert "1 skipped" in result.stdout
