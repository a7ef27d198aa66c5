"""The ways to run a guest, as commands: ringscope, its neighbours that are installed, the host.

It knows which of them are there and how each is started, and nothing of what is measured.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Final

from bench.guests.build import BINARIES
from bench.measure import PYTHON, ROOT, Command, run_child, run_rig

RINGSCOPE: Final = (PYTHON, "-m", "emu", "run")
HELLO: Final = ROOT / "tests/fixtures/bin/hello_glibc_static_64"
# An interpreter that can import Qiling, where it is not this one: Qiling wants versions of its own.
QILING_VARIABLE: Final = "BENCH_QILING_PYTHON"


def guest(name: str) -> Path:
    """The built guest `name`."""
    return BINARIES / name


def qemu(bits: int) -> str | None:
    """qemu-user's program for guests of `bits` bits, if it is installed."""
    return shutil.which({32: "qemu-i386", 64: "qemu-x86_64"}[bits])


def qiling_python() -> str | None:
    """An interpreter that can import Qiling, if there is one."""
    chosen = os.environ.get(QILING_VARIABLE)
    if chosen:
        return chosen
    return PYTHON if importlib.util.find_spec("qiling") else None


def cpu_seconds(command: Command) -> float:
    """The CPU seconds of a whole process, whatever its exit status below 128."""
    return run_child(command, statuses=range(128)).cpu_seconds


def whole_run(prefix: Command, program: Path, *arguments: object) -> float:
    """The CPU seconds of a whole process that runs `program`."""
    return cpu_seconds((*prefix, program, *map(str, arguments)))


def rig_run(rig: str, *arguments: object, python: str = PYTHON) -> float:
    """The CPU seconds of the guest's run alone, as the rig tells them."""
    seconds: float = run_rig(rig, *map(str, arguments), python=python)["seconds"]
    return seconds


def neighbours() -> list[str]:
    """Which versions of the neighbours were measured, and which could not be, and why."""
    return [_qemu_version(), _qiling_version()]


def _qemu_version() -> str:
    emulator = qemu(64)
    if emulator is None:
        return "qemu-user is not installed, so it is not measured."
    said = run_child([emulator, "--version"]).output.decode()
    return f"qemu-user is {said.split('version ')[-1].split()[0]}."


def _qiling_version() -> str:
    python = qiling_python()
    if python is None:
        return (
            f"Qiling cannot be imported and {QILING_VARIABLE} names no interpreter that can, "
            "so it is not measured."
        )
    ask = "from importlib.metadata import version as v; print(v('qiling'), v('unicorn'))"
    qiling, unicorn = run_child([python, "-c", ask]).output.decode().split()
    return f"Qiling is {qiling}, on Unicorn {unicorn}."
