"""The guest's clocks: time is instructions executed, and what was slept.

With `realtime` they are the host's. time(7), clock_gettime(2).
"""

from __future__ import annotations

import time
from typing import Final

from emu.machine import Machine
from kernel_stub.abi.process_structures import SECOND

BOOT_TIME_NS: Final = 1_793_491_200 * SECOND  # 2026-11-01 00:00:00 UTC
LATEST_TIME_NS: Final = BOOT_TIME_NS + 20 * 365 * 86_400 * SECOND  # a file from later is ignored
LAST_NS: Final = (1 << 63) - 1 - LATEST_TIME_NS  # Linux's clocks end at 2^63 nanoseconds


class Clock:
    """One instruction is one nanosecond."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.realtime = False
        self._boot_ns = BOOT_TIME_NS
        self._started_ns = time.monotonic_ns()
        self._slept_ns = 0

    def now_ns(self) -> int:
        """CLOCK_REALTIME."""
        if self.realtime:
            return time.time_ns()
        return self._boot_ns + self.uptime_ns()

    def uptime_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        if self.realtime:
            return time.monotonic_ns() - self._started_ns
        return self.cpu_ns() + self._slept_ns

    def cpu_ns(self) -> int:
        """How long the machine computed."""
        counter = self.machine.counter
        return counter.user + counter.kernel

    def advance_to(self, uptime_ns: int) -> None:
        """Time passes up to `uptime_ns` in which nobody computes; the host's passes by itself."""
        if self.realtime:
            return
        self._slept_ns += max(0, min(uptime_ns, LAST_NS) - self.uptime_ns())

    def not_before(self, time_ns: int) -> None:
        """CLOCK_REALTIME is `time_ns` at least: a file from then was shown."""
        ahead = time_ns - self.now_ns()
        if ahead > 0 and time_ns < LATEST_TIME_NS:
            self._boot_ns += ahead
