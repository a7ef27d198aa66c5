"""Runs the command as a user does, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "examples/bin"
FIXTURES: Final = ROOT / "tests/fixtures/bin"


class Ended(NamedTuple):
    """What came out of a process."""

    status: int
    out: str
    err: str


def ringscope(*arguments: str | Path, cwd: Path = ROOT, stdin: str | int = "") -> Ended:
    """`ringscope ARGUMENT...`, ended; `stdin` is its input, or a descriptor of it."""
    program = [sys.executable, "-m", "emu", *map(str, arguments)]
    given: dict[str, Any] = (
        {"input": stdin.encode()} if isinstance(stdin, str) else {"stdin": stdin}
    )
    ended = subprocess.run(
        program,
        cwd=cwd,
        **given,
        capture_output=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C"},
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
