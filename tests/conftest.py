"""What holds for every test: in CI none is skipped.

A test that may be skipped there too (the machine forbids ptrace, say) carries
`@pytest.mark.may_skip("reason")`. Without CI in the environment a skip is only reported.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Final

import pytest

IN_CI: Final = os.environ.get("CI", "").lower() in ("1", "true")


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it was skipped: pytest keeps (file, line, reason) of a skip."""
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a skip into a failure that says so. An expected failure is no skip."""
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI skips no test, but this one was skipped: {reason_of(report)}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and item.get_closest_marker("may_skip") is None:
        refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI:
        refuse_skip(report)
    return report
