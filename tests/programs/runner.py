"""Runs one program natively and in the machine, and says where the two differ.

Both runs begin in a directory with the same files, at the same path, with the same environment.
What is compared: stdout, stderr, the status, and the files that are left (kind, mode, content; no
times). It knows the table's rows, and nothing of any program.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path
from typing import Final, NamedTuple

from tests.programs.places import Place, lacks, place_for
from tests.programs.table import Normal, Program

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPTS: Final = Path(__file__).with_name("scripts")
MACHINE: Final = (sys.executable, "-m", "emu", "stat", "--json", "--clear-env")
LONGEST_NATIVE: Final = 300  # seconds
SHOWN: Final = 40  # lines of a difference


class Run(NamedTuple):
    """What one run left behind."""

    stdout: str
    stderr: str
    status: int
    files: dict[str, str]


class Compared(NamedTuple):
    """`difference` is empty if both runs are the same; the rest is the machine's."""

    difference: str
    instructions: int
    unknown_calls: tuple[str, ...]


def environment(place: Place) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": place.inside,
        "TMPDIR": place.seen(place.scratch),
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def prepare(place: Place) -> None:
    """The two directories as they are before a run."""
    for folder in (place.work, place.scratch):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SCRIPTS, place.work)
    for path in (place.work, *place.work.iterdir()):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    place.scratch.mkdir(mode=0o700)


def described(path: Path) -> str:
    """A file's kind and mode, and what it holds."""
    known = path.lstat()
    if stat.S_ISLNK(known.st_mode):
        return f"symlink to {path.readlink()}"
    kind = stat.filemode(known.st_mode)
    if not stat.S_ISREG(known.st_mode):
        return kind
    content = path.read_bytes()
    try:
        return f"{kind}\n{content.decode()}"
    except UnicodeDecodeError:
        return f"{kind}\n{content.hex(' ', 32)}"


def files_in(folder: Path) -> dict[str, str]:
    """The files below `folder`, but for those that were there before."""
    given = {path.name for path in SCRIPTS.iterdir()}
    paths = sorted(path for path in folder.rglob("*"))
    found = {str(path.relative_to(folder)): path for path in paths}
    return {name: described(path) for name, path in found.items() if name not in given}


def perform(command: Iterable[str], place: Place, cwd: Path, **how: object) -> Run:
    done = subprocess.run(
        list(command), cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False, **how
    )  # type: ignore[call-overload]
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    texts = (done.stdout, done.stderr)
    stdout, stderr = (text.decode(errors="backslashreplace") for text in texts)
    return Run(stdout, stderr, status, files_in(place.work))


def run_natively(program: Program, place: Place) -> Run:
    prepare(place)
    variables = environment(place)
    command = place.native(program.command)
    return perform(command, place, place.work, env=variables, timeout=LONGEST_NATIVE)


def run_here(program: Program, place: Place, ledger: Path) -> Run:
    prepare(place)
    variables = [f"{name}={value}" for name, value in environment(place).items()]
    options = [word for variable in variables for word in ("-E", variable)]
    command = (*MACHINE, "-o", str(ledger), *options, *place.options(), *program.command)
    outer = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return perform(command, place, place.work, env=outer)


def normalised(text: str, rules: tuple[Normal, ...]) -> str:
    for rule in rules:
        text = re.sub(rule.pattern, rule.by, text)
    return text


def differences(program: Program, native: Run, here: Run) -> str:
    """What differs, as a text; empty if nothing does."""
    pairs = {
        "status": (str(native.status), str(here.status)),
        "stdout": (native.stdout, here.stdout),
        "stderr": (native.stderr, here.stderr),
    }
    for name in sorted({*native.files, *here.files}) if program.files else ():
        pairs[name] = (native.files.get(name, "(none)"), here.files.get(name, "(none)"))
    told: list[str] = []
    for name, (wanted, found) in pairs.items():
        texts = [normalised(text, program.normal).splitlines() for text in (wanted, found)]
        told += unified_diff(*texts, f"{name}, natively", f"{name}, here", lineterm="", n=1)
    return "\n".join(told[:SHOWN])


def compare(program: Program, abi: str) -> Compared:
    """Runs `program` twice. Raises OSError, subprocess.SubprocessError."""
    with place_for(abi) as place:
        native = run_natively(program, place)
        ledger = place.work.parent / "ledger.json"
        here = run_here(program, place, ledger)
        counted = json.loads(ledger.read_text("utf-8")) if ledger.exists() else {}
    unknown = tuple(counted.get("unknown_syscalls", {}))
    total = counted.get("instructions", {}).get("total", 0)
    return Compared(differences(program, native, here), total, unknown)


def reason_not_to_run(program: Program, abi: str) -> str | None:
    """Why `program` cannot be run natively on this host."""
    return lacks(abi, (program.command[0],))
