"""The exceptions that say what the caller did wrong.

Each is one clear sentence: what, where, and what to do. The guest's own mistakes are traps and
signals, never exceptions of this tree; ours are assertions.
"""

from __future__ import annotations


class RingscopeError(Exception):
    """Base of every error that a user of ringscope can cause. `str(error)` is one sentence."""

    exit_status = 1


class UsageError(RingscopeError):
    """The command line or an argument of the API asks for something that does not exist."""

    exit_status = 2


class LoadError(RingscopeError):
    """A program cannot be loaded: it is missing, damaged, or made for another machine.

    `errno` is what a guest that asked for the program is told: ENOEXEC unless it is known better.
    """

    def __init__(self, sentence: str, errno: int = 8) -> None:
        super().__init__(sentence)
        self.errno = errno


class MemorySizeError(UsageError):
    """The guest's RAM is too small, too large or not a whole number of pages."""


class OutOfFrames(RingscopeError):
    """The guest's physical memory is used up."""


class EngineError(RingscopeError):
    """The CPU engine below is not the one that this code knows, or refused a request."""


class Shutdown(RingscopeError):
    """The processor stopped for good: a fault while it delivered a double fault."""
