"""The guest's clocks: instructions executed, the sleep between them, and when the machine began.

One nanosecond passes for each instruction; sleeping takes no time of the host. Each jump of a clock
is published to the vDSO, whose functions compute the same values from RDTSC. It does not know
system calls. clock_gettime(2); docs/decisions, "Guest time is instructions".
"""

from __future__ import annotations

import time
from typing import Final

from emu.cpu.counters import Counter
from kernel_stub.abi.process_structures import SECOND
from kernel_stub.vdso.clockpage import ASK_THE_KERNEL, COUNTER, ClockPage

BOOT_TIME_NS: Final = 1_793_491_200 * SECOND  # 2026-11-01 00:00:00 UTC
LATEST_TIME_NS: Final = BOOT_TIME_NS + 20 * 365 * 86_400 * SECOND  # a file from later is ignored
LAST_NS: Final = (1 << 63) - 1 - LATEST_TIME_NS  # Linux's clocks end at 2^63 nanoseconds


class Clock:
    """The clocks of one machine, whose instructions `counter` counts."""

    def __init__(self, counter: Counter, page: ClockPage) -> None:
        self._counter = counter
        self._page = page
        self._realtime = False
        self._boot_ns = BOOT_TIME_NS
        self._slept_ns = 0
        self._started_ns = time.monotonic_ns()
        self._publish()

    @property
    def realtime(self) -> bool:
        """Whether the clocks are the host's; programs must then ask the kernel for them."""
        return self._realtime

    @realtime.setter
    def realtime(self, wanted: bool) -> None:
        self._realtime = wanted
        self._publish()

    def _publish(self) -> None:
        mode = ASK_THE_KERNEL if self._realtime else COUNTER
        self._page.publish(mode, self._boot_ns + self._slept_ns, self._slept_ns)

    def now_ns(self) -> int:
        """CLOCK_REALTIME."""
        return time.time_ns() if self._realtime else self._boot_ns + self.uptime_ns()

    def uptime_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        if self._realtime:
            return time.monotonic_ns() - self._started_ns
        return self.cpu_ns() + self._slept_ns

    def cpu_ns(self) -> int:
        """Without the sleep: how many instructions were executed."""
        return self._counter.user + self._counter.kernel

    def is_at_least(self, time_ns: int) -> None:
        """CLOCK_REALTIME goes ahead to `time_ns`, unless that is past or absurd."""
        ahead = time_ns - self.now_ns()
        if ahead > 0 and time_ns < LATEST_TIME_NS:
            self._boot_ns += ahead
            self._publish()

    def advance_to(self, uptime_ns: int) -> None:
        """Time passes up to `uptime_ns` in which nobody computes; the host's passes by itself."""
        if not self._realtime:
            self._slept_ns += max(0, min(uptime_ns, LAST_NS) - self.uptime_ns())
            self._publish()
