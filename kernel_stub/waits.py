"""How a system call leaves its handler early: it waits, or its task ends.

Exceptions for the kernel, and what they carry. Who waits and who decides, it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

NOTHING: Final[Mapping[int, int]] = MappingProxyType({})


class TaskEnded(Exception):
    """The process ends: with `status`, or killed by `signal` (0: none); or its thread alone."""

    def __init__(self, status: int, signal: int = 0, alone: bool = False) -> None:
        super().__init__(status, signal)
        self.status = status
        self.signal = signal
        self.alone = alone


class Wait(NamedTuple):
    """What a task waits for.

    `what` is for people; `ready` tells whether the call may be tried again; `deadline` is when it
    will be in any case, by CLOCK_MONOTONIC; `outside`: descriptors of the host whose
    poll(2) events may make it ready; `killable`: no signal but SIGKILL ends it.
    """

    what: str
    ready: Callable[[], bool]
    deadline: int | None = None
    outside: Mapping[int, int] = NOTHING
    killable: bool = False


class Blocked(Exception):
    """A system call cannot go on: it is made again, from its beginning, when `wait` is over."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.what)
        self.wait = wait


def never() -> bool:
    """The `ready` of what only a signal or a deadline ends."""
    return False
