"""What a run does with processes that outlive the first, and with signals its parent ignores."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from emu.cli.run import tell_who_was_left
from emu.machine import Machine
from kernel_stub import scheduler
from kernel_stub.kernel import Kernel
from kernel_stub.launch import launch
from kernel_stub.vfs import VfsOptions
from tests.cli.command import ROOT, ringscope

SH: Final = "/bin/sh"


def a_shell_that_ended(script: str) -> Kernel:
    """The kernel after a run of `script`."""
    machine = Machine()
    kernel = launch(machine, SH.encode(), [b"sh", b"-c", script.encode()], [], VfsOptions())
    machine.run()
    return kernel


def test_what_is_left_behind_and_ends_is_waited_for() -> None:
    ended = ringscope("run", SH, "-c", "(sleep 1000; echo late) & echo first; exit 5")
    assert (ended.status, ended.out, ended.err) == (5, "first\nlate\n", "")


def test_what_is_left_behind_and_computes_is_stopped_after_a_while(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scheduler, "LINGER_NS", 10**7)
    kernel = a_shell_that_ended("while :; do :; done & exit 5")
    assert kernel.ended is not None
    assert kernel.ended.status == 5
    tell_who_was_left(kernel)
    assert "1000 had ended, and what it left behind was stopped" in capfd.readouterr().err


def test_nothing_is_said_where_nothing_was_left(capfd: pytest.CaptureFixture[str]) -> None:
    tell_who_was_left(a_shell_that_ended("exit 5"))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("signal", "status"), [("HUP", 129), ("INT", 130), ("TERM", 143)])
def test_a_signal_that_the_parent_ignores_is_ignored_by_the_program(
    signal: str, status: int
) -> None:
    script = f"kill -{signal} $$; echo alive"
    command = [sys.executable, "-m", "emu", "run", SH, "-c", script]
    for way, expected in (("ignore", (0, "alive\n")), ("default", (status, ""))):
        ended = subprocess.run(
            ["env", f"--{way}-signal={signal}", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == expected
