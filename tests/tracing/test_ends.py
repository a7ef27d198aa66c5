"""How tracers and tracees part."""

from __future__ import annotations

import pytest

from kernel_stub.abi.signals import CLD_EXITED, CLD_KILLED, CLD_TRAPPED, SIGKILL, SIGUSR1
from kernel_stub.abi.tracing import EXITKILL
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.tracing.ends import leave, part
from kernel_stub.tracing.waiting import news, tell, tracees
from kernel_stub.waits import TaskEnded
from tests.tracing.world import Pair


@pytest.mark.parametrize("options", [0, EXITKILL])
def test_the_end_of_a_tracer_frees_or_kills(options: int) -> None:
    pair = Pair()
    pair.trace(options)
    leave(pair.tracer, TaskEnded(0))
    assert tracees(pair.tracer.process) == []
    assert bool(pair.child.arriving() & 1 << SIGKILL - 1) == bool(options)
    assert pair.child.tracer_pid == 0


def test_a_child_that_ends_is_told_of_as_a_child() -> None:
    pair = Pair()
    pair.trace()
    leave(pair.child, TaskEnded(3))
    assert tracees(pair.tracer.process) == []
    assert not pair.child.process.is_hidden


@pytest.mark.parametrize(
    ("ended", "told"),
    [(TaskEnded(3), (CLD_EXITED, 3)), (TaskEnded(0, SIGUSR1), (CLD_KILLED, SIGUSR1))],
)
def test_a_tracer_hears_of_an_end_before_the_parent(
    ended: TaskEnded, told: tuple[int, int]
) -> None:
    pair = Pair()
    pair.child.process.parent = Process(77)
    tracee = pair.trace()
    leave(pair.child, ended)
    assert (news(tracee), pair.child.process.is_hidden) == (told, True)
    assert pair.kernel.ends == []
    tell(tracee)
    assert pair.kernel.ends == [pair.child.process]
    assert tracees(pair.tracer.process) == []


def test_a_stop_is_told_once() -> None:
    tracee = Pair().trace()
    assert news(tracee) is None
    tracee.sees(SigInfo(SIGUSR1))
    assert news(tracee) == (CLD_TRAPPED, SIGUSR1)
    tell(tracee)
    assert news(tracee) is None


def test_whoever_is_left_runs_on() -> None:
    pair = Pair()
    tracee = pair.trace()
    tracee.sees(SigInfo(SIGUSR1))
    part(tracee)
    assert not pair.child.is_stopped
