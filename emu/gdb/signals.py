"""The numbers that gdb's protocol has for signals, on every system the same. Facts only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# gdb's own numbers of the signals, where Linux has another. gdb's manual, "Signals"; signal(7).
_OTHER: Final[Mapping[int, int]] = {
    7: 10,  # SIGBUS
    10: 30,  # SIGUSR1
    12: 31,  # SIGUSR2
    16: 143,  # SIGSTKFLT, which gdb does not know
    17: 20,  # SIGCHLD
    18: 19,  # SIGCONT
    19: 17,  # SIGSTOP
    20: 18,  # SIGTSTP
    23: 16,  # SIGURG
    29: 23,  # SIGIO
    30: 32,  # SIGPWR
    31: 12,  # SIGSYS
    32: 77,
    **{number: number + 12 for number in range(33, 64)},
    64: 78,
}
_LAST_COMMON: Final = 31
_UNKNOWN: Final = 143


def gdb_signal(number: int) -> int:
    """gdb's number of the signal that Linux calls `number`."""
    return _OTHER.get(number, number if 0 <= number <= _LAST_COMMON else _UNKNOWN)
