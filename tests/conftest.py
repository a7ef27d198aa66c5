"""What holds for every test: in CI none is skipped, and no signal is ignored.

Who starts the tests in the background of a script hands ignored signals down to them, and they to
every program: one that waits for Ctrl-C would wait for ever.

A test that may be skipped there too (the machine forbids ptrace, say) carries
`@pytest.mark.may_skip("reason")`. Without CI in the environment a skip is only reported.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any, Final

import pytest

IN_CI: Final = os.environ.get("CI", "").lower() in ("1", "true")

HANDED_DOWN: Final[dict[int, Any]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGTERM: signal.SIG_DFL,
}


def pytest_configure() -> None:
    for number, handler in HANDED_DOWN.items():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


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
