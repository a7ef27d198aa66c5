"""C programs full of claims print the same on this host's Linux and in the machine, in both ABIs.

Each line is one system call with its result, or a fact about what it left behind.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host

SOURCES: Final = Path(__file__).with_name("native")
# How many lines each must print at least: an empty output would agree too.
PROGRAMS: Final = {
    "advice": 145,
    "buffers": 220,
    "channels": 138,
    "children": 80,
    "clones": 105,
    "contexts": 105,
    "exec": 17,
    "execs": 110,
    "faults": 50,
    "fpstate": 94,
    "futexes": 99,
    "handlers": 80,
    "internet": 176,
    "jobs": 120,
    "limits": 225,
    "locks": 98,
    "mappings": 171,
    "memory": 100,
    "memory_limits": 105,
    "names": 166,
    "packets": 45,
    "pidfd_calls": 120,
    "pidfds": 100,
    "placing": 110,
    "polling": 220,
    "priorities": 31,
    "process": 100,
    "procs": 45,
    "reopened": 20,
    "restarts": 98,
    "segments": 1900,
    "sharing": 80,
    "signals": 50,
    "small_stacks": 152,
    "sockets": 251,
    "steps": 15,
    "terminals": 111,
    "threads": 97,
    "timers": 150,
    "times": 80,
    "users": 310,
}
# What needs ptrace(2); where the host forbids it they say so by this status.
TRACING: Final = {
    "ptrace": 155,
    "ptrace_events": 85,
    "ptrace_registers": 165,
    "ptrace_rights": 50,
    "ptrace_stops": 135,
}
FORBIDDEN: Final = 77
# A signal's end: SIGKILL, SIGTERM, SIGABRT, SIGUSR1, a real-time one; SIGCHLD vanishes.
SIGNALS: Final = {9: 137, 15: 143, 6: 134, 10: 138, 40: 168, 17: 3}

# Selectors of an LDT: not present, code that cannot be read, data, the first again with RPL 0, not
# there, beyond the end; with an s they are loaded into SS. The status is SIGBUS's or SIGSEGV's.
SELECTORS: Final = {"0x37": 135, "0x3f": 139, "0x47": 3, "0x34": 135, "0x1f": 139, "0xff": 139}
SELECTORS_OF_SS: Final = {"s0x37": 135, "s0x3f": 139, "s0x47": 3, "s0x44": 139, "s0x4f": 139}


@pytest.fixture(scope="module", params=["-m64", "-m32"])
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with every program, compiled for one ABI."""
    if shutil.which("gcc") is None or not host.is_x86_64_linux():
        pytest.skip("needs gcc and Linux on x86_64")
    folder = tmp_path_factory.mktemp("native")
    for name in PROGRAMS | TRACING:
        command = ["gcc", request.param, "-static", "-O1", "-msse2", "-w", "-pthread"]
        subprocess.run([*command, "-o", folder / name, SOURCES / f"{name}.c"], check=True)
    return folder


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_claim_holds_as_on_the_host(compiled: Path, name: str) -> None:
    native = host.run([compiled / name])
    assert native.status == 0
    assert native.stdout.count("\n") >= PROGRAMS[name]
    here = host.run([*MACHINE, compiled / name], cwd=ROOT)
    assert here.stdout.splitlines() == native.stdout.splitlines()
    assert here.status == 0


@pytest.mark.may_skip("the machine may forbid ptrace")
@pytest.mark.parametrize("name", TRACING)
def test_every_claim_about_tracing_holds_as_on_the_host(compiled: Path, name: str) -> None:
    native = host.run([compiled / name])
    if native.status == FORBIDDEN:
        pytest.skip("ptrace is forbidden here")
    assert native.status == 0
    assert native.stdout.count("\n") >= TRACING[name]
    here = host.run([*MACHINE, compiled / name], cwd=ROOT)
    assert here.stdout.splitlines() == native.stdout.splitlines()
    assert here.status == 0


@pytest.mark.parametrize(("signal", "status"), SIGNALS.items())
def test_a_signal_ends_the_program_or_vanishes(compiled: Path, signal: int, status: int) -> None:
    program, number = compiled / "signals", str(signal)
    native = host.run([program, number])
    here = host.run([*MACHINE, program, number], cwd=ROOT)
    assert (here.status, here.stdout) == (native.status, native.stdout)
    assert here.status == status


@pytest.mark.parametrize(("selector", "status"), (SELECTORS | SELECTORS_OF_SS).items())
def test_a_selector_of_the_ldt_can_be_loaded_or_kills(
    compiled: Path, selector: str, status: int
) -> None:
    program = compiled / "segments"
    native = host.run([program, selector])
    here = host.run([*MACHINE, program, selector], cwd=ROOT)
    assert (here.status, here.stdout) == (native.status, native.stdout)
    assert here.status == status


def test_every_program_of_claims_is_run() -> None:
    assert {path.stem for path in SOURCES.glob("*.c")} == {*PROGRAMS, *TRACING}
