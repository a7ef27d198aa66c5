"""A real gdb against a real `ringscope gdbserver`: the commands go in, what both said comes out.

It starts both, on a port that the system chooses, and waits for both. It judges nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
GDB: Final = shutil.which("gdb")
PATIENCE: Final = 300  # seconds

needs_gdb = pytest.mark.skipif(GDB is None, reason="needs gdb")

_QUIET: Final = ("-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0")


class Served(NamedTuple):
    """A server that waits, and its port."""

    process: subprocess.Popen[str]
    port: int


class Session(NamedTuple):
    """What gdb printed; what the program printed, what the server said, and its exit status."""

    said: str
    out: str
    err: str
    status: int

    def value(self, name: str) -> int:
        """The number that gdb printed as NAME=0x...; the last, if several."""
        return int(re.findall(rf"\b{name}=(0x[0-9a-f]+|\d+)", self.said)[-1], 0)


@contextmanager
def serving(
    program: Path | str, options: Sequence[str] = (), verb: str = "gdbserver"
) -> Iterator[Served]:
    """`ringscope gdbserver OPTION... 0 PROGRAM`, ended if it does not end by itself."""
    place = ("gdbserver", *options, "0") if verb == "gdbserver" else ("run", *options, "-g", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", "emu", *place, str(program)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C"},
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"target remote \S+:(\d+)$", line)
        assert found, line + process.stderr.read()
        yield Served(process, int(found[1]))
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def debug(
    program: Path | str, *commands: str, options: Sequence[str] = (), verb: str = "gdbserver"
) -> Session:
    """gdb attached to `program`, `commands` done one after the other, then gone."""
    assert GDB is not None
    with serving(program, options, verb) as served:
        script = [f"-ex={command}" for command in (f"target remote :{served.port}", *commands)]
        gdb = subprocess.run(
            [GDB, *_QUIET, *script],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=os.environ | {"LC_ALL": "C"},
        )
        out, err = served.process.communicate(timeout=PATIENCE)
        return Session(gdb.stdout, out, err, served.process.returncode)
