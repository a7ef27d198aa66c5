"""docs/testing.md is followed as a reader would: its files written, its commands run in order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.source_tree import ROOT
from tests.test_docs import matches

PAGE: Final = (ROOT / "docs/testing.md").read_text("utf-8")
FILE: Final = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS: Final = re.compile(
    r"<!-- run in order -->\n```console\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
SHELL: Final = 'pytest() { "$PYTHON" -m pytest -p emu.testing.plugin --color=no "$@"; }\n'
FIRST: Final = re.compile(r"```python\n(def test_syscall_saves.*?)^```$", re.DOTALL | re.MULTILINE)

needs_binutils = pytest.mark.skipif(
    not (shutil.which("as") and shutil.which("ld")), reason="needs GNU as and ld"
)


def run(command: str, folder: Path) -> str:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "80"}
    environment |= {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", SHELL + command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"{done.stdout}[exit {done.returncode}]\n"


def steps() -> list[tuple[str, str]]:
    """The commands of the page in order, each with what it is said to print."""
    return [
        (command, says)
        for body in COMMANDS.findall(PAGE)
        for command, _, says in (
            part.partition("\n") for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]
        )
    ]


@needs_binutils
def test_the_page_leads_to_a_red_test_and_then_to_a_green_one(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, text in FILE.findall(PAGE):
        (tmp_path / name).write_text(text)
    assert len(steps()) == 7
    for command, says in steps():
        printed = re.sub(r"\d+\.\d+s$", "...s", run(command, tmp_path), flags=re.MULTILINE)
        assert matches(says, printed), f"$ {command}\n{printed}"


@needs_binutils
def test_the_first_example_of_the_page_passes(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_first.py").write_text(FIRST.findall(PAGE)[0])
    assert "1 passed" in run("pytest -q", tmp_path)
