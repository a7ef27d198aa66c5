"""The exceptions that a user of ringscope meets: each is one clear sentence, in three families.

What the caller asked for cannot be had: `CallerError`. The guest went where neither a trap nor a
signal can tell it: `GuestError`. A check of ours failed: `OurError`. None is taken for another. All
else that goes wrong in the guest is a trap or a signal, and no exception.
"""

from __future__ import annotations


class RingscopeError(Exception):
    """Base of the three families. `str(error)` is one sentence: what, where, and what to do."""

    exit_status = 1


class CallerError(RingscopeError):
    """The caller's: what was asked for cannot be had."""


class GuestError(RingscopeError):
    """The guest's: it came to where neither a trap nor a signal can tell it."""


class OurError(RingscopeError):
    """Ours: a mistake of ringscope that a check found. Please report it."""

    def __str__(self) -> str:
        return f"{super().__str__()}; this is a mistake of ringscope: please report it"


class UsageError(CallerError):
    """The command line or an argument of the API asks for something that does not exist."""

    exit_status = 2


class LoadError(CallerError):
    """A program cannot be loaded: it is missing, damaged, or made for another machine.

    `errno` is what a guest that asked for the program is told: ENOEXEC unless it is known better.
    """

    def __init__(self, sentence: str, errno: int = 8) -> None:
        super().__init__(sentence)
        self.errno = errno


class MemorySizeError(UsageError):
    """The guest's RAM is too small, too large or not a whole number of pages."""


class OutOfFrames(CallerError):
    """The guest's physical memory is used up: it was given too little."""


class EngineError(CallerError):
    """The CPU engine below is not the one that this code knows, or refused a request."""


class Shutdown(GuestError):
    """The processor stopped for good: a fault while it delivered a double fault."""
