"""How the guest waits for the host: for events, no longer than it asked, and until Ctrl-C."""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
from collections.abc import Iterator

import pytest

from emu.cli.interrupt import Interrupted, InterruptWatch
from tests.cli.command import ringscope


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_an_event_ends_the_wait(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with InterruptWatch(lambda: None) as watch:
        assert watch.wait({writer: select.POLLOUT}, None)
        threading.Timer(0.05, os.write, (writer, b"x")).start()
        assert watch.wait({reader: select.POLLIN}, 600)


def test_any_of_several_descriptors_ends_the_wait(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with InterruptWatch(lambda: None) as watch:
        assert watch.wait({reader: select.POLLIN, writer: select.POLLOUT}, None)


@pytest.mark.parametrize("seconds", [0, 0.01, 0.3])
def test_a_wait_without_an_event_ends_when_its_time_is_over(
    pipe: tuple[int, int], seconds: float
) -> None:
    with InterruptWatch(lambda: None) as watch:
        assert not watch.wait({pipe[0]: select.POLLIN}, seconds)


def test_ctrl_c_ends_the_wait(pipe: tuple[int, int]) -> None:
    with InterruptWatch(lambda: None) as watch:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(Interrupted):
            watch.wait({pipe[0]: select.POLLIN}, None)


WAITS = """
import os, select, time
before = time.monotonic()
print(select.select([0], [], [], 0.25)[0], round(time.monotonic() - before, 2))
"""


@pytest.mark.skipif(not shutil.which("python3", path="/usr/bin:/bin"), reason="needs python3")
@pytest.mark.parametrize("realtime", [[], ["--realtime"]], ids=["guest time", "--realtime"])
def test_a_program_whose_time_out_passes_sees_that_its_time_passed(realtime: list[str]) -> None:
    ours, theirs = os.pipe()
    try:
        ended = ringscope("run", *realtime, "python3", "-c", WAITS, stdin=ours)
    finally:
        os.close(ours)
        os.close(theirs)
    assert ended.err == ""
    told, passed = ended.out.split()
    assert told == "[]"
    assert float(passed) >= 0.25
