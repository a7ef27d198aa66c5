"""Runs a program in the machine as a process of its own, and tells what that took of the host.

getrusage(2), "ru_maxrss".
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host

MOST_SECONDS: Final = 120
HERE: Final = Path(__file__).parent


# A process counts what it was before it ran its program, so a small one starts it.
STARTER: Final = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""


class Measured(NamedTuple):
    """How a run ended. `status` is a shell's; `memory` the most that it used, in MiB."""

    status: int
    out: str
    err: str
    memory: int


def compiled(source: str, folder: Path, *options: str) -> Path:
    """The program tests/hostile/`source`.c, compiled into `folder`."""
    program = folder / source
    command = ["gcc", "-static", "-O1", "-w", "-pthread", *options, "-o", str(program)]
    subprocess.run([*command, str(HERE / f"{source}.c")], check=True)
    return program


def is_possible() -> bool:
    """Whether this host can compile and run the programs."""
    return host.is_x86_64_linux() and any(
        (Path(folder) / "gcc").exists() for folder in os.get_exec_path()
    )


def run(program: Path, arguments: list[str], options: list[str], folder: Path) -> Measured:
    """Runs it in the working directory `folder`."""
    out, err, use = (folder.with_suffix(f".{kind}") for kind in ("out", "err", "use"))
    with out.open("wb") as output, err.open("wb") as errors:
        ended = subprocess.run(
            [sys.executable, "-S", "-c", STARTER, use, *MACHINE, *options, program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    status = ended.returncode
    memory = int(use.read_text()) >> 10
    return Measured(status, out.read_text(), err.read_text(), memory)
