"""Requests of ptrace(2) as calls, on a fake kernel: who may ask, and when."""

from __future__ import annotations

import pytest

from kernel_stub.abi.process_structures import U64
from kernel_stub.abi.signals import SIGSTOP, SIGUSR1
from kernel_stub.abi.tracing import Request
from kernel_stub.errno import EIO, EPERM, ESRCH
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.syscalls.ptrace import ROWS
from kernel_stub.task import Task
from tests.kernel.world import ABIS, PID, SCRATCH, World

CHILD = PID + 1


@pytest.fixture(params=ABIS)
def world(request: pytest.FixtureRequest) -> World:
    world = World(ABIS[request.param])
    process = Process(CHILD, world.task.process)
    task = world.task
    Task(world.kernel, CHILD, task.space, task.files, task.fs, world.abi, process)
    world.kernel.made.append(process)
    return world


def child_of(world: World) -> Task:
    found = world.kernel.find_task(CHILD)
    assert found is not None
    return found


def stopped(world: World) -> None:
    assert world.call("ptrace", Request.SEIZE, CHILD, 0, 0) == 0
    child_of(world).tracing.sees(SigInfo(SIGUSR1))


@pytest.mark.parametrize("request_", sorted(ROWS))
def test_nobody_asks_a_task_that_he_does_not_trace(world: World, request_: int) -> None:
    assert world.call("ptrace", request_, CHILD, 0, 0) == -ESRCH


@pytest.mark.parametrize("request_", sorted(ROWS))
def test_a_tracee_that_runs_answers_what_its_row_says(world: World, request_: int) -> None:
    world.call("ptrace", Request.SEIZE, CHILD, 0, 0)
    result = world.call("ptrace", request_, CHILD, 0, 0)
    assert (result == -ESRCH) == (not ROWS[request_].runs)


@pytest.mark.parametrize("request_", [27, 33, 0x420C, 0x7777])
def test_a_request_that_nobody_knows_is_eio(world: World, request_: int) -> None:
    stopped(world)
    assert world.call("ptrace", request_, CHILD, 0, 0) == -EIO


@pytest.mark.parametrize("request_", sorted(number for number, row in ROWS.items() if row.word))
def test_a_request_of_one_abi_is_eio_in_the_other(world: World, request_: int) -> None:
    stopped(world)
    result = world.call("ptrace", request_, CHILD, SCRATCH, SCRATCH)
    assert (result == -EIO) == (ROWS[request_].word != world.abi.word)


def test_attaching_sends_sigstop_and_seizing_does_not(world: World) -> None:
    assert world.call("ptrace", Request.ATTACH, CHILD, 0, 0) == 0
    assert child_of(world).arriving() == 1 << SIGSTOP - 1
    assert world.kernel.traces
    assert world.call("ptrace", Request.SEIZE, CHILD, 0, 0) == -EPERM


def test_the_first_program_has_nobody_who_could_trace_it(world: World) -> None:
    assert world.call("ptrace", Request.TRACEME, 0, 0, 0) == -EPERM


def test_nobody_traces_himself(world: World) -> None:
    assert world.call("ptrace", Request.ATTACH, PID, 0, 0) == -EPERM


def test_another_users_task_is_not_traced(world: World) -> None:
    world.task.uid = 1000
    assert world.call("ptrace", Request.SEIZE, CHILD, 0, 0) == -EPERM


def test_a_word_is_peeked_and_poked(world: World) -> None:
    stopped(world)
    assert world.call("ptrace", Request.POKEDATA, CHILD, SCRATCH, 0x1234) == 0
    assert world.call("ptrace", Request.PEEKDATA, CHILD, SCRATCH, SCRATCH + 64) == 0
    (word,) = world.task.memory.unpack(world.abi.pointer, SCRATCH + 64)
    assert word == 0x1234


def test_a_mask_is_told_and_set(world: World) -> None:
    stopped(world)
    world.task.memory.pack(U64, SCRATCH, 0b1010)
    assert world.call("ptrace", Request.SETSIGMASK, CHILD, 8, SCRATCH) == 0
    assert child_of(world).signal_mask == 0b1010
    assert world.call("ptrace", Request.GETSIGMASK, CHILD, 8, SCRATCH + 8) == 0
    assert world.task.memory.unpack(U64, SCRATCH + 8) == (0b1010,)


def test_a_tracer_waits_for_its_tracee(world: World) -> None:
    stopped(world)
    assert world.call("wait4", -1, SCRATCH, 1, 0) == CHILD
    assert world.task.memory.copy_in(SCRATCH, 2) == bytes((0x7F, SIGUSR1))
    assert world.call("wait4", -1, SCRATCH, 1, 0) == 0
