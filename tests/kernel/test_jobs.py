"""Job control: the terminal's foreground group, and what happens to those who are not in it.

tcsetpgrp(3), ioctl_tty(2), setpgid(2). tests/cli/test_terminal.py shows a shell that controls jobs.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from kernel_stub.abi.abi import X86_64
from kernel_stub.abi.process_structures import SIGACTION
from kernel_stub.abi.signals import SIG_IGN, SIGTTIN, SIGTTOU, signal_bit
from kernel_stub.errno import EINVAL, EIO, ENOTTY, EPERM, ESRCH, Errno
from kernel_stub.jobs import is_orphaned
from kernel_stub.task import Process, Task
from kernel_stub.vfs.job_control import (
    INT,
    JOB_REQUESTS,
    TIOCGPGRP,
    TIOCGSID,
    TIOCNOTTY,
    TIOCSCTTY,
    TIOCSPGRP,
    Controlling,
)
from kernel_stub.waits import Blocked
from tests.kernel.world import PID, World

SESSION: Final = 1
JOB, CHILD, ELSEWHERE = 2000, 2001, 3000


def world() -> World:
    """A shell, PID, whose job has the terminal's session, and a process of a different session."""
    made = World(X86_64)
    terminal = Controlling()
    terminal.session, terminal.group = SESSION, JOB
    made.kernel.terminal = terminal
    shell = made.task.process
    others = ((JOB, JOB, SESSION), (CHILD, JOB, SESSION), (ELSEWHERE, ELSEWHERE, ELSEWHERE))
    for pid, group, session in others:
        process = Process(pid, shell)
        process.group, process.session = group, session
        made.kernel.made.append(process)
    return made


def of(made: World) -> Controlling:
    terminal: Controlling = made.kernel.terminal
    return terminal


def ask(made: World, request: int, group: int = 0) -> int:
    """The answer, an errno below 0 if it is refused."""
    argument = INT.pack(group)
    try:
        answer = JOB_REQUESTS[request](made.task, of(made), argument, False)
    except Errno as refused:
        return -refused.number
    return answer if isinstance(answer, int) else int(INT.unpack(answer)[0])


def test_group_and_session_are_told_to_those_whose_terminal_it_is() -> None:
    made = world()
    assert ask(made, TIOCGPGRP) == JOB
    assert ask(made, TIOCGSID) == SESSION
    made.task.process.session = 3000
    assert {ask(made, request) for request in (TIOCGPGRP, TIOCGSID, TIOCSPGRP)} == {-ENOTTY}


@pytest.mark.parametrize(
    ("group", "result"), [(PID, 0), (JOB, 0), (CHILD, -ESRCH), (-1, -EINVAL), (ELSEWHERE, -EPERM)]
)
def test_the_foreground_becomes_a_group_of_the_session(group: int, result: int) -> None:
    made = world()
    of(made).group = PID
    assert ask(made, TIOCSPGRP, group) == result
    assert of(made).group == (PID if result else group)


def test_a_sessions_leader_takes_a_terminal_that_nobody_has_and_gives_it_up() -> None:
    made = world()
    assert ask(made, TIOCSCTTY) == -EPERM
    made.task.process.session = made.task.process.group = PID
    assert ask(made, TIOCSCTTY) == -EPERM  # it belongs to a different one
    of(made).session = 0
    assert ask(made, TIOCSCTTY) == 0
    assert (of(made).session, of(made).group) == (PID, PID)
    assert ask(made, TIOCSCTTY) == 0
    assert ask(made, TIOCNOTTY) == 0
    assert (of(made).session, of(made).group) == (0, 0)
    assert ask(made, TIOCNOTTY) == -ENOTTY


# ---- in the background


def ignore(task: Task, signal: int) -> None:
    task.process.actions[signal] = SIGACTION[8].pack(SIG_IGN, 0, 0, 0)


def block(task: Task, signal: int) -> None:
    task.signal_mask |= signal_bit(signal)


def be_in_front(task: Task, _: int) -> None:
    task.process.group = JOB


def be_elsewhere(task: Task, _: int) -> None:
    task.process.session = 3000


def be_orphaned(task: Task, _: int) -> None:
    task.process.session = task.process.group = SESSION + 1
    task.kernel.terminal.session = task.session  # type: ignore[attr-defined]  # a FakeKernel


def nothing(task: Task, _: int) -> None:
    """An ordinary process of the background."""


WAITS: Final = "waits"
GOES_ON: Final = "goes on"


@pytest.mark.parametrize(
    ("change", "signal", "outcome"),
    [
        (nothing, SIGTTIN, WAITS),
        (nothing, SIGTTOU, WAITS),
        (be_in_front, SIGTTIN, GOES_ON),
        (be_elsewhere, SIGTTIN, GOES_ON),
        (ignore, SIGTTIN, EIO),
        (block, SIGTTIN, EIO),
        (ignore, SIGTTOU, GOES_ON),
        (block, SIGTTOU, GOES_ON),
        (be_orphaned, SIGTTIN, EIO),
        (be_orphaned, SIGTTOU, EIO),
    ],
)
def test_the_terminal_is_the_foregrounds(change: Any, signal: int, outcome: int | str) -> None:
    made = world()
    change(made.task, signal)
    found: int | str = GOES_ON
    try:
        made.kernel.require_foreground(made.task, of(made), signal)
    except Errno as refused:
        found = refused.number
    except Blocked as blocked:
        found = WAITS if blocked.wait.ready() else "waits for ever"
    assert found == outcome
    pending = made.task.process.pending.mask
    assert pending == (signal_bit(signal) if outcome == WAITS else 0)


def test_a_group_is_orphaned_when_no_member_has_a_parent_that_controls_it() -> None:
    made = world()
    everyone = made.kernel.processes()
    assert not is_orphaned(everyone, JOB)
    assert not is_orphaned(everyone, PID)  # the user's shell has it
    assert is_orphaned(everyone, ELSEWHERE)
    for process in everyone[1:]:
        process.parent = None
        process.session = JOB
    assert is_orphaned(everyone, JOB)
