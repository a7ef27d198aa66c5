"""A call is found by its name alone, and only what a program uses is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kernel_stub.syscalls import every_call, find
from kernel_stub.syscalls.index import HOMES
from tests.fixtures.programs import ROOT
from tools import make_index

FINDS = """
import sys
from kernel_stub.syscalls import find
assert find("no_such_call") is None
assert find("getpid").name == "getpid"
handlers = "kernel_stub.syscalls."
print([name for name in ("process", "xattrs") if handlers + name in sys.modules])
"""


def test_the_index_is_what_the_modules_register() -> None:
    assert make_index.main(["--check"]) == 0
    assert {name for names in HOMES.values() for name in names.split()} == every_call().keys()


def test_a_call_brings_its_own_module_and_no_other() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FINDS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['process']\n"


def test_a_stale_index_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_index, "homes", lambda: {"process": ["getpid"]})
    assert make_index.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err


def test_nobody_answers_what_linux_does_not_know() -> None:
    assert find("nonsense") is None
