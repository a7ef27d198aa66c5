"""Tests of kernels: run a machine up to a crossing, and assert what the processor did.

The public API; docs/testing.md teaches it. The pytest plugin (plugin.py) gives it as fixtures; all
of it works without pytest too. Nothing heavy is imported until a machine is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emu.testing.bugs import Finding
from emu.testing.states import Frame, Gate, Selectors, State
from emu.testing.trap import CHANGED_BY, Change, Counts, Return, Trap
from emu.testing.values import ErrorCode, Flags, Selector, Vector, Word

if TYPE_CHECKING:
    from emu.testing.guest import Guest, NotReached

__all__ = [
    "Guest",
    "NotReached",
    "Gate",
    "Selectors",
    "Trap",
    "Return",
    "State",
    "Frame",
    "Change",
    "Counts",
    "CHANGED_BY",
    "Finding",
    "Word",
    "Flags",
    "Selector",
    "Vector",
    "ErrorCode",
]

_LATE: Final = ("Guest", "NotReached")


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from emu.testing import guest

        return getattr(guest, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
