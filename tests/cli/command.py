"""Runs the command as a user does, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "examples/bin"
FIXTURES: Final = ROOT / "tests/fixtures/bin"


class Ended(NamedTuple):
    """What came out of a process."""

    status: int
    out: str
    err: str


def ringscope(*arguments: str | Path, cwd: Path = ROOT, stdin: str = "") -> Ended:
    """`ringscope ARGUMENT...`, ended."""
    program = [sys.executable, "-m", "emu", *map(str, arguments)]
    ended = subprocess.run(
        program,
        cwd=cwd,
        input=stdin.encode(),
        capture_output=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C"},
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
