"""The guest's clocks: instructions, and what was slept; or the host's."""

from __future__ import annotations

import pytest

from emu.machine import Machine
from kernel_stub.abi.process_structures import SECOND
from kernel_stub.clock import LAST_NS, Clock
from kernel_stub.vdso.clockpage import ClockPage


@pytest.fixture
def clock() -> Clock:
    return Clock(Machine(16 << 20).counter, ClockPage())


def test_what_is_slept_passes_at_once_and_is_no_cpu_time(clock: Clock) -> None:
    clock.advance_to(5 * SECOND)
    assert (clock.uptime_ns(), clock.cpu_ns()) == (5 * SECOND, 0)
    clock.advance_to(SECOND)
    assert clock.uptime_ns() == 5 * SECOND


def test_the_clock_ends_where_linuxs_does(clock: Clock) -> None:
    clock.advance_to(1 << 70)
    assert clock.uptime_ns() == LAST_NS
    assert clock.now_ns() < 1 << 63


def test_in_real_time_the_hosts_clock_counts_alone(clock: Clock) -> None:
    clock.realtime = True
    before = clock.uptime_ns()
    clock.advance_to(before + 1000 * SECOND)
    assert before <= clock.uptime_ns() < before + 100 * SECOND
