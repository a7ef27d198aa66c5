"""Tasks and signals at the prompt, in gdb's words."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.console.talk import Talk


def at_the_thread() -> Talk:
    talk = Talk("tasks_64")
    talk.do("b in_the_thread", "c")
    return talk


def test_a_stop_says_which_task_it_is_of() -> None:
    talk = Talk("tasks_64")
    said = talk.do("b in_the_thread", "c").splitlines()
    assert said[1:6] == [
        "[Thread 1 (task 1000) forked Thread 2 (task 1001)]",
        "[Thread 1 (task 1000) started Thread 3 (task 1002)]",
        "[Thread 2 (task 1001) exited with status 1]",
        "[Switching to Thread 3 (task 1002)]",
        "breakpoint 1",
    ]


def test_the_threads_are_listed_with_what_they_wait_for() -> None:
    said = at_the_thread().do("info threads").splitlines()
    assert re.match(
        r"  1    Thread 1000 \"tasks_64\" 0x\w+ <\S+> at tasks.c:\d+ \(waits for", said[0]
    )
    assert re.match(r"\* 3    Thread 1002 \"tasks_64\" of process 1000 .*\(runs\)$", said[1])


def test_another_thread_can_be_looked_at_and_the_way_to_it_is_seen() -> None:
    talk = at_the_thread()
    assert talk.do("thread") == "[Current thread is Thread 3 (task 1002)]\n"
    assert talk.do("thread 1").startswith("[Switching to Thread 1 (task 1000)]\n=> 0xffffffff81")
    assert "(ring 3)" in talk.do("bt")
    assert talk.do("p $_thread") == "1 = 0x1\n"
    assert talk.do("thread 3").startswith("[Switching to Thread 3")
    assert talk.do("thread 9") == "Unknown thread 9.\n"
    assert "no task 1001 lives" in talk.do("thread 2")


def test_all_processes_are_debugged_so_none_is_followed() -> None:
    for option in ("follow-fork-mode child", "detach-on-fork off", "scheduler-locking on"):
        assert "parent and child are both debugged" in Talk("tasks_64").do(f"set {option}")


# (commands, what the last one says)
SAID: Final = (
    (("catch fork", "c"), "Thread 1 (task 1000) forked Thread 2 (task 1001)."),
    (("catch clone", "c"), "Thread 1 (task 1000) started Thread 3 (task 1002)."),
    (("catch exit", "c"), "Thread 2 (task 1001) exited with status 1."),
    (("catch signal USR1", "c"), "catch signal 1\n"),
    (("catch signal sigusr1 CHLD", "info b"), "2   catch signal SIGCHLD"),
    (("catch signal nonsense",), "no signal 'nonsense'; `info signals` lists them"),
    (("c",), "Thread 1 (task 1000) received signal SIGUSR1, User defined signal 1."),
    (("handle SIGUSR1 nostop", "c"), "[Thread 1 (task 1000) received signal SIGUSR1]"),
    (("handle SIGUSR1 nostop noprint nopass", "c"), "exited with status 2"),
    (("handle 10 nostop noprint pass", "c"), "exited with status 3"),
    (("handle all nostop", "info signals SIGSEGV"), "SIGSEGV      No    Yes    Yes   Segmentation"),
    (("info signals SIGCHLD",), "SIGCHLD      No    No     Yes   Child exited"),
    (("handle SIGUSR1",), "handle needs signals, and what to do: stop, nostop"),
    (("handle SIGFOO nostop",), "no signal 'sigfoo'; `info signals` lists them"),
    (("c", "signal 0"), "the program exited with status 2"),
    (("signal 0",), "the machine does not stand here for a signal"),
    (("signal SIGTERM",), "the program was killed by SIGTERM"),
    (("signal NONSENSE",), "no signal 'NONSENSE'"),
    (("b handler thread 1", "handle SIGUSR1 nostop", "c"), "breakpoint 1\n"),
    (("b handler thread 4",), "Unknown thread 4."),
)


@pytest.mark.parametrize(("commands", "said"), SAID, ids=["; ".join(row[0]) for row in SAID])
def test_a_command_about_tasks_says(commands: tuple[str, ...], said: str) -> None:
    talk = Talk("tasks_64")
    for command in commands:
        answer = talk.do(command)
    assert said in answer
