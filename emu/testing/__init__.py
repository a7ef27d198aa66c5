"""Tests of kernels: run a machine up to a crossing, and assert what the processor did.

The public API; docs/testing.md teaches it. The pytest plugin (plugin.py) gives it as fixtures; all
of it works without pytest too. A name is imported when it is asked for, because pytest imports this
package at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from emu.testing.bugs import Finding
    from emu.testing.golden import Golden
    from emu.testing.guest import Guest, NotReached
    from emu.testing.plugin import MakeMachine
    from emu.testing.states import Frame, Gate, Selectors, State
    from emu.testing.trap import CHANGED_BY, Change, Counts, Return, Trap
    from emu.testing.values import ErrorCode, Flags, Selector, Vector, Word

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
    "MakeMachine",
    "Golden",
]

_GUEST: Final = ("Guest", "NotReached")
_STATES: Final = ("Gate", "Selectors", "State", "Frame")
_TRAP: Final = ("Trap", "Return", "Change", "Counts", "CHANGED_BY")
_VALUES: Final = ("Word", "Flags", "Selector", "Vector", "ErrorCode")


def __getattr__(name: str) -> Any:
    if name in _GUEST:
        from emu.testing import guest as home
    elif name in _STATES:
        from emu.testing import states as home
    elif name in _TRAP:
        from emu.testing import trap as home
    elif name in _VALUES:
        from emu.testing import values as home
    elif name == "Finding":
        from emu.testing import bugs as home
    elif name == "MakeMachine":
        from emu.testing import plugin as home
    elif name == "Golden":
        from emu.testing import golden as home
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(home, name)
