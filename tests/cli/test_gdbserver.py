"""`gdbserver` and `run -g` as processes: statuses, Ctrl-C, clients that come and go, bad input."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, FIXTURES, ROOT, ringscope
from tests.gdb.client import Client

PROGRAM = FIXTURES / "debugged_64"
PATIENCE = 120


class Started:
    """A server process that waits for a client."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emu", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C"},
        )
        assert self.process.stderr is not None
        self.line = self.process.stderr.readline().decode()
        found = re.search(r":(\d+)$", self.line.strip())
        assert found, self.line
        self.port = int(found[1])

    def client(self) -> Client:
        client = Client(self.port, PATIENCE)
        assert client.ask(b"QStartNoAckMode") == b"OK"
        client.acknowledges = False
        return client

    def ended(self) -> tuple[int, bytes, bytes]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@contextmanager
def started(*arguments: str | Path) -> Iterator[Started]:
    server = Started(*arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


@pytest.mark.parametrize("arguments", [("gdbserver", "0"), ("run", "-g", "0"), ("run", "-g:0")])
def test_the_status_and_the_output_are_the_programs(arguments: tuple[str, ...]) -> None:
    with started(*arguments, PROGRAM) as server:
        with server.client() as client:
            assert client.ask(b"c") == b"W09"
        assert server.ended() == (9, b"one\ntwo\n", b"")
        assert server.line.startswith(f"ringscope: {PROGRAM} waits for gdb: target remote 127.")


def test_a_program_that_a_signal_kills_tells_why_as_run_does() -> None:
    with started("gdbserver", "0", FIXTURES / "hlt_64") as server:
        with server.client() as client:
            assert client.ask(b"c").startswith(b"T0bthread:3e8;")
            assert client.console.startswith(b"ringscope: #GP (general protection)")
            assert client.ask(b"C0b") == b"X0b"
        status, out, err = server.ended()
        assert (status, out) == (139, b"before\n")
        assert b"SIGSEGV: #GP (general protection)" in err


def test_a_program_that_ended_can_be_taken_back_and_run_again_but_writes_nothing_twice() -> None:
    with started("gdbserver", "0", PROGRAM) as server:
        with server.client() as client:
            for _ in range(2):
                assert client.ask(b"c") == b"W09"
                assert client.ask(b"bc").startswith(b"T05replaylog:begin;")
            assert client.ask(b"D") == b"OK"
        assert server.ended() == (9, b"one\ntwo\n", b"")


def test_a_client_that_detaches_lets_the_program_run_on() -> None:
    with started("gdbserver", "0", PROGRAM) as server:
        with server.client() as client:
            assert client.ask(b"Z0,401000,1") == b"OK"
            assert client.ask(b"D") == b"OK"
        assert server.ended() == (9, b"one\ntwo\n", b"")


def test_a_client_that_kills_ends_it_with_the_status_of_sigkill() -> None:
    with started("gdbserver", "0", PROGRAM) as server, server.client() as client:
        client.send(b"k")
        assert server.ended() == (137, b"", b"")


def test_a_client_that_vanishes_leaves_the_program_to_the_next() -> None:
    with started("gdbserver", "0", PROGRAM) as server:
        with server.client() as client:
            assert client.ask(b"s").startswith(b"T05")
        with server.client() as client:
            assert client.ask(b"c") == b"W09"
        status, out, err = server.ended()
        assert (status, out) == (9, b"one\ntwo\n")
        assert err == b"ringscope: the client is gone; the program stands where it was\n"


@pytest.mark.parametrize("runs", [False, True])
def test_ctrl_c_at_the_servers_terminal_ends_it_cleanly(runs: bool) -> None:
    with started("gdbserver", "0", "/bin/cat") as server, server.client() as client:
        assert client.ask(b"qC") == b"QC3e8"
        if runs:
            client.send(b"c")
        server.process.send_signal(signal.SIGINT)
        assert server.ended() == (130, b"", b"")


def test_ctrl_c_before_any_client_came_ends_it_cleanly() -> None:
    with started("gdbserver", "0", PROGRAM) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.ended() == (130, b"", b"")


def test_an_interrupt_ends_a_wait_for_input_which_goes_on_afterwards() -> None:
    with started("gdbserver", "0", "/bin/cat") as server, server.client() as client:
        for _ in range(2):
            client.send(b"c")
            client.raw(b"\x03")
            assert client.reply().startswith(b"T02")
        assert server.process.stdin is not None
        server.process.stdin.write(b"words\n")
        server.process.stdin.close()
        server.process.stdin = None
        assert client.ask(b"c") == b"W00"
        client.socket.close()
        assert server.ended() == (0, b"words\n", b"")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("gdbserver", "nowhere", PROGRAM), 2, "'nowhere' is no place to listen"),
        (("gdbserver", ":99999", PROGRAM), 2, "is no place to listen"),
        (("run", "-g", "", PROGRAM), 2, "is no place to listen"),
        (("gdbserver", "192.0.2.1:0", PROGRAM), 2, "cannot listen on 192.0.2.1:0"),
        (("gdbserver", "0"), 2, "which program?"),
        (("gdbserver",), 2, "PLACE, PROGRAM"),
        (("gdbserver", "0", "/no/such/program"), 1, "no such file"),
        (("gdbserver", "--max-instructions", "9", "0", PROGRAM), 2, "does not go with gdb"),
    ],
)
def test_bad_input_is_one_clear_sentence(
    arguments: tuple[str | Path, ...], status: int, said: str
) -> None:
    ended = ringscope(*arguments)
    assert ended.status == status
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_run_without_g_knows_nothing_of_the_debugger() -> None:
    code = (
        "import sys; from emu.cli import main;"
        f"main(['run', {str(EXAMPLES / 'hello_syscall_64')!r}]);"
        "print([name for name in sys.modules if name.startswith(('emu.gdb', 'emu.debug', 'xml'))])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.endswith("[]\n")
