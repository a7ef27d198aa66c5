"""On a terminal: the program has it, its keys send signals, and the user gets it back as it was."""

from __future__ import annotations

import os
import signal
import termios
import time
from typing import Any, Final

import pytest

from tests.cli.on_a_terminal import OnATerminal

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"
LFLAG: Final = 3
SH: Final = "/bin/sh"
SHELL: Final = ("-E", "PS1=ask> ", "/bin/bash", "--norc", "-i")
ENDLESS: Final = "while :; do :; done"


def exited(status: int, code: int) -> bool:
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == code


def is_echoing(settings: list[Any]) -> bool:
    return bool(settings[LFLAG] & termios.ECHO)


@pytest.mark.parametrize(
    ("program", "key", "code"),
    [
        (["/bin/cat"], CTRL_C, 130),
        (["/bin/cat"], CTRL_D, 0),
        (["/bin/cat"], CTRL_BACKSLASH, 131),
        ([SH, "-c", f"echo ready; {ENDLESS}"], CTRL_C, 130),
        ([SH, "-c", f"trap '' INT; echo ready; {ENDLESS}"], CTRL_BACKSLASH, 131),
        ([SH, "-c", f"trap 'exit 7' INT; echo ready; {ENDLESS}"], CTRL_C, 7),
        ([SH, "-c", "trap 'exit 8' INT; echo ready; read line"], CTRL_C, 8),
    ],
)
def test_a_key_ends_the_program_as_on_a_terminal_of_its_own(
    program: list[str], key: str, code: int
) -> None:
    with OnATerminal("run", *program) as run:
        if program[0] == SH:
            run.await_text("ready\n")
        else:
            run.type("line\n")
            run.await_text("line\nline\n")
        time.sleep(0.3)  # until it waits: a shell notes a signal before `read`, and reads on
        run.type(key)
        assert exited(run.state(), code)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 9), (signal.SIGHUP, 10)])
def test_a_signal_sent_to_the_command_is_the_programs(number: int, code: int) -> None:
    traps = "trap 'exit 9' TERM; trap 'exit 10' HUP; echo ready"
    with OnATerminal("run", SH, "-c", f"{traps}; {ENDLESS}") as run:
        run.await_text("ready\n")
        os.kill(run.pid, number)
        assert exited(run.state(), code)


def test_a_program_that_ignores_ctrl_c_goes_on() -> None:
    with OnATerminal("run", SH, "-c", "trap '' INT; echo ready; read line; echo got $line") as run:
        run.await_text("ready\n")
        run.type(CTRL_C)
        run.type("this\n")
        run.await_text("got this\n")
        assert exited(run.state(), 0)


def test_the_end_by_ctrl_backslash_is_told_with_the_ledger() -> None:
    with OnATerminal("stat", "-j", SH, "-c", f"echo ready; {ENDLESS}") as run:
        run.await_text("ready\n")
        run.type(CTRL_BACKSLASH)
        run.await_text('"ended_by": "interrupt"')
        assert exited(run.state(), 131)


def test_what_the_program_sets_holds_for_the_user_and_is_put_back() -> None:
    read_secretly = "stty -echo; echo ready; read line; echo; echo got $line"
    with OnATerminal("run", SH, "-c", read_secretly) as run:
        before = run.settings()
        run.await_text("ready\n")
        assert is_echoing(before)
        assert not is_echoing(run.settings())
        run.type("secret\n")
        assert "secret" not in run.await_text("got secret\n")
        assert exited(run.state(), 0)
        assert run.settings() == before


def test_the_terminal_is_put_back_also_when_the_run_is_ended() -> None:
    with OnATerminal("run", SH, "-c", f"stty -echo; echo ready; {ENDLESS}") as run:
        before = run.settings()
        run.await_text("ready\n")
        run.type(CTRL_BACKSLASH)
        assert exited(run.state(), 131)
        assert run.settings() == before


def test_ctrl_z_stops_the_command_with_its_program_and_both_go_on() -> None:
    with OnATerminal("run", SH, "-c", "stty -echo; echo ready; read line; echo got $line") as run:
        before = run.settings()
        run.await_text("ready\n")
        theirs = run.settings()
        run.type(CTRL_Z)
        assert os.WIFSTOPPED(run.state())
        assert run.settings() == before
        os.kill(run.pid, signal.SIGCONT)
        run.type("more\n")
        run.await_text("got more\n")
        assert theirs != before
        assert exited(run.state(), 0)


def test_a_program_that_stops_itself_stops_the_command() -> None:
    with OnATerminal("run", SH, "-c", "kill -STOP $$; echo on again") as run:
        assert os.WIFSTOPPED(run.state())
        os.kill(run.pid, signal.SIGCONT)
        run.await_text("on again\n")
        assert exited(run.state(), 0)


def at_the_prompt(run: OnATerminal, line: str) -> None:
    """Types a line when the shell of SHELL has asked for it."""
    run.await_text("ask> ")
    run.type(line + "\n")


def test_a_shell_controls_its_jobs() -> None:
    with OnATerminal("run", *SHELL) as run:
        at_the_prompt(run, "echo g''o; cat")
        run.await_text("go\n")
        run.type("line\n")
        run.await_text("line\nline\n")
        run.type(CTRL_C)
        at_the_prompt(run, "echo status $?")
        run.await_text("status 130\n")
        at_the_prompt(run, "echo g''o; cat | cat")
        run.await_text("go\n")
        run.type("through\n")
        run.await_text("through\nthrough\n")
        run.type(CTRL_Z)
        run.await_text("Stopped")
        at_the_prompt(run, "fg")
        run.await_text("cat | cat\n")
        run.type("again\n")
        run.await_text("again\nagain\n")
        run.type(CTRL_D)
        at_the_prompt(run, f"sh -c '{ENDLESS}' &")
        at_the_prompt(run, "jobs")
        run.await_text("Running")
        at_the_prompt(run, "kill %1; wait; jobs")
        run.await_text("Terminated")
        at_the_prompt(run, "exit 5")
        assert exited(run.state(), 5)


def test_a_job_in_the_background_may_not_read() -> None:
    with OnATerminal("run", *SHELL) as run:
        at_the_prompt(run, "cat &")
        at_the_prompt(run, "wait %1; jobs")
        run.await_text("Stopped")
        at_the_prompt(run, "kill -9 %1; sleep 0.1")
        at_the_prompt(run, "exit 3")
        assert exited(run.state(), 3)
