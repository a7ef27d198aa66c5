"""Waiting: sleep, alarms and blocked signals, and the reports of what waits for ever."""

from __future__ import annotations

from struct import Struct

import pytest

from kernel_stub.abi.process_structures import ITIMERVAL, SIGSET
from kernel_stub.abi.signals import SIGALRM, SIGTERM, SIGUSR1, signal_bit
from kernel_stub.errno import ETIMEDOUT
from tests.kernel.world import ABIS, PID, SCRATCH, Deadlock, Killed, World

SECOND = 1_000_000_000


@pytest.fixture(params=ABIS.values(), ids=list(ABIS))
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def test_sleep_is_guest_time_and_no_cpu_time(world: World) -> None:
    world.put(world.abi.timespec, 3, 500)
    before = world.kernel.cpu_ns()
    assert world.call("nanosleep", SCRATCH, 0) == 0
    assert world.kernel.uptime == 8 * SECOND + 500
    assert world.kernel.cpu_ns() == before


def test_an_alarm_rings_while_the_program_sleeps(world: World) -> None:
    assert world.call("alarm", 2) == 0
    world.put(world.abi.timespec, 10, 0)
    with pytest.raises(Killed) as killed:
        world.call("nanosleep", SCRATCH, 0)
    assert killed.value.args[0] == SIGALRM
    assert world.kernel.uptime == 7 * SECOND


def test_a_short_sleep_lets_an_alarm_wait(world: World) -> None:
    world.call("alarm", 20)
    world.put(world.abi.timespec, 10, 0)
    assert world.call("nanosleep", SCRATCH, 0) == 0
    assert world.call("alarm", 0) == 10


def test_a_blocked_alarm_rings_again_and_stays_pending(world: World) -> None:
    world.put(ITIMERVAL[world.abi.word], 1, 0, 1, 0)
    assert world.call("setitimer", 0, SCRATCH, 0) == 0
    world.put(SIGSET, signal_bit(SIGALRM))
    assert world.call("rt_sigprocmask", 0, SCRATCH, 0, 8) == 0
    world.put(world.abi.timespec, 3, 1)
    assert world.call("nanosleep", SCRATCH, 0) == 0
    assert world.task.signal_pending == signal_bit(SIGALRM)
    world.put(SIGSET, 0)
    with pytest.raises(Killed):
        world.call("rt_sigprocmask", 2, SCRATCH, 0, 8)


def test_pause_ends_by_an_alarm(world: World) -> None:
    world.call("alarm", 1)
    with pytest.raises(Killed) as killed:
        world.call("pause")
    assert killed.value.args[0] == SIGALRM


# (call, arguments, what the report says)
FOR_EVER = (
    ("pause", (), "a signal (pause)"),
    ("rt_sigsuspend", (SCRATCH, 8), "a signal (sigsuspend)"),
    ("futex", (SCRATCH, 0, 0, 0, 0, 0), f"the futex at {SCRATCH:#x} to be woken"),
    ("rt_sigtimedwait", (SCRATCH, 0, 0, 8), "a signal (sigwait)"),
)


@pytest.mark.parametrize(("call", "arguments", "said"), FOR_EVER)
def test_a_wait_without_end_is_reported(
    world: World, call: str, arguments: tuple[int, ...], said: str
) -> None:
    with pytest.raises(Deadlock) as deadlock:
        world.call(call, *arguments)
    assert deadlock.value.args == (said,)


def test_a_signal_that_was_blocked_arrives_when_the_mask_is_lifted(world: World) -> None:
    world.put(SIGSET, signal_bit(SIGTERM) | signal_bit(SIGUSR1))
    world.call("rt_sigprocmask", 0, SCRATCH, 0, 8)
    assert world.call("kill", PID, SIGTERM) == 0
    world.put(SIGSET, signal_bit(SIGTERM))
    with pytest.raises(Killed) as killed:
        world.call("rt_sigprocmask", 1, SCRATCH, 0, 8)
    assert killed.value.args[0] == SIGTERM


def test_a_futex_wait_by_the_wall_clock_ends_on_time(world: World) -> None:
    until = world.kernel.now_ns() // SECOND + 2
    world.put(world.abi.timespec, until, 0, at=SCRATCH + 64)
    wait_bitset_realtime = 9 | 256
    result = world.call("futex", SCRATCH, wait_bitset_realtime, 0, SCRATCH + 64, 0, -1)
    assert result == -ETIMEDOUT
    assert world.kernel.now_ns() == until * SECOND


def test_the_calls_of_the_other_width_of_time_do_the_same() -> None:
    world_32 = World(ABIS["i386"])
    wide = Struct("<2q")
    world_32.put(wide, 1, 0)
    assert world_32.call("clock_nanosleep_time64", 1, 0, SCRATCH, 0) == 0
    assert world_32.kernel.uptime == 6 * SECOND
    assert world_32.call("clock_gettime64", 1, SCRATCH) == 0
    assert world_32.get(wide) == (6, 0)
    world_32.put(wide, 1, 0, at=SCRATCH + 64)
    assert world_32.call("futex_time64", SCRATCH + 128, 0, 0, SCRATCH + 64, 0, 0) == -ETIMEDOUT
    assert world_32.kernel.uptime == 7 * SECOND
