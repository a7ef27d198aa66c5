"""The pytest plugin: machines as fixtures, failures that explain themselves, golden files.

pytest finds it by its entry point. It imports nothing heavy: a machine is built, and Unicorn
loaded, when a test asks for one. It knows pytest and the public API, no processor.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from emu.errors import RingscopeError
from emu.testing.golden import Golden

if TYPE_CHECKING:
    from emu.testing.guest import Guest

_MACHINES: Final = pytest.StashKey[list["Guest"]]()
_FIRST_LINES, _LAST_LINES = 15, 45  # of a crossing, where all would be too much
_MARKERS: Final = (
    "machine(**declaration): what the fixtures `machine` and `ring3` declare by default, e.g. "
    "kernel, vendor, msrs, idt",
    "check_crossings(allow=()): every crossing that comes back to ring 3 in this test must show no "
    "bug but those allowed (emu.testing.bugs)",
)


class MakeMachine(Protocol):
    """The fixture `machine`: a function with the arguments of `Guest`."""

    def __call__(
        self, kernel: str | PathLike[str] | bytes | None = None, **declaration: Any
    ) -> Guest:
        """A machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and settings of the plugin."""
    group = parser.getgroup("ringscope", "tests of kernels")
    group.addoption(
        "--update-golden", action="store_true", help="write the golden files instead of comparing"
    )
    group.addoption(
        "--ringscope-artifacts",
        metavar="DIR",
        help="where the crossings of failing tests are kept [pytest's cache]",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the markers known."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


# ---- fixtures


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Generator[MakeMachine]:
    """A function that builds a machine with a kernel of yours: machine(kernel="build/kernel.elf",
    msrs={"LSTAR": "syscall_entry"}, idt={0x80: Gate("int80_entry", dpl=3)}, vendor="amd").

    Addresses may be symbols of the kernel. Without a kernel every handler is an HLT. Then
    `.asm(...)` puts a program into ring 3, and `.run_until_trap()`, `.run_until("symbol")` and
    `.run_until_user()` run it. A relative path starts at pytest's root directory. The marker
    `machine` gives defaults. When the test fails, the crossings of its machines are shown and kept.
    """
    machines = request.node.stash.setdefault(_MACHINES, [])
    defaults: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("machine"))):
        defaults |= marker.kwargs
    root = request.config.rootpath

    def make(kernel: str | PathLike[str] | bytes | None = None, **declaration: Any) -> Guest:
        from emu.testing.guest import Guest

        given = defaults | declaration | ({} if kernel is None else {"kernel": kernel})
        if isinstance(given.get("kernel"), (str, PathLike)):
            given["kernel"] = root / given["kernel"]
        guest = Guest(**given)
        machines.append(guest)
        return guest

    yield make
    machines.clear()  # pytest keeps the item to the end of its run


@pytest.fixture
def ring3(machine: MakeMachine) -> Guest:
    """A machine whose programs start in ring 3, with Linux's selectors and no kernel but HLTs:
    ring3.asm("mov $39, %eax; syscall").run_until_trap() gives the trap, a record of what the
    processor did. The marker `machine` declares it otherwise.
    """
    return machine()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Generator[Golden]:
    """Compares a record or a text with a file kept beside the test: golden(trap), or
    golden(back, "second") for a further one. `pytest --update-golden` writes the files.
    """
    node = request.node
    stem = re.sub(r"[^\w.-]+", "-", node.name).strip("-")
    folder = node.path.parent / "golden" / node.path.stem
    kept = Golden(folder, stem, request.config.getoption("--update-golden"))
    yield kept
    node.user_properties += [("golden", str(path)) for path in kept.written]


# ---- what a failure shows


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """States, frames, flags: only what differs, by names."""
    if op != "==":
        return None
    from emu.testing.diff import explain

    return explain(left, right)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The marker `check_crossings`: the test fails if a crossing of it shows a bug.

    Where a sentence of ours ends the test, the way to it through this package is not shown.
    """
    __tracebackhide__ = True
    try:
        result = yield
    except RingscopeError as error:
        raise error.with_traceback(_without_ours(error.__traceback__)) from None
    marker = item.get_closest_marker("check_crossings")
    if marker is not None:
        allow = marker.kwargs.get("allow", marker.args)
        for guest in item.stash.get(_MACHINES, []):
            for back in guest.returns:
                back.check(allow)
    return result


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback up to the line that called this package."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while frames and str(frames[-1].tb_frame.f_globals.get("__name__")).startswith("emu."):
        frames.pop()
    shown = None
    for frame in reversed(frames):
        shown = TracebackType(shown, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return shown


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows the last crossing of each of its machines, and a file keeps it."""
    report = yield
    machines = item.stash.get(_MACHINES, [])
    if call.when == "call" and report.failed and machines:
        text = "\n".join(guest.story() for guest in machines)
        path = _keep(item, text)
        lines = text.splitlines()
        left_out = len(lines) - _FIRST_LINES - _LAST_LINES
        if left_out > 0:
            lines[_FIRST_LINES:-_LAST_LINES] = [f"... {left_out} lines ..."]
        where = [] if path is None else [f"kept in {path}"]
        report.sections.append(("ringscope: the crossing", "\n".join([*lines, *where])))
    return report


def _keep(item: pytest.Item, text: str) -> Path | None:
    """Writes the text of a failing test's crossings; each test has its own file."""
    config = item.config
    chosen = config.getoption("--ringscope-artifacts")
    if chosen:
        folder = Path(chosen)
        folder.mkdir(parents=True, exist_ok=True)
    elif getattr(config, "cache", None) is not None:
        folder = config.cache.mkdir("ringscope")
    else:
        return None
    path = folder / (re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-") + ".txt")
    path.write_text(text, "utf-8")
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which golden files were written."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    written = sorted(
        {
            value
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == "golden"
        }
    )
    for path in written:
        terminalreporter.write_line(f"golden file written: {path}")
