"""Tests of kernels: run a machine up to a crossing, and assert what the processor did.

The public API; docs/testing.md teaches it. The pytest plugin (plugin.py) gives it as fixtures; all
of it works without pytest too. A name is imported when it is asked for, because pytest imports this
package at every start.
"""

from __future__ import annotations

from types import ModuleType
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

_BUGS: Final = ("Finding",)
_GUEST: Final = ("Guest", "NotReached")
_STATES: Final = ("Gate", "Selectors", "State", "Frame")
_TRAP: Final = ("Trap", "Return", "Change", "Counts", "CHANGED_BY")
_VALUES: Final = ("Word", "Flags", "Selector", "Vector", "ErrorCode")


def _home(name: str) -> ModuleType | None:
    """The module of a public name."""
    from emu.testing import golden

    if name == "Golden":
        return golden
    if name == "MakeMachine":
        from emu.testing import plugin

        return plugin
    if name in _GUEST:
        from emu.testing import guest

        return guest
    return _record(name)


def _record(name: str) -> ModuleType | None:
    from emu.testing import bugs, states, trap, values

    homes = {_BUGS: bugs, _STATES: states, _TRAP: trap, _VALUES: values}
    return next((home for names, home in homes.items() if name in names), None)


def __getattr__(name: str) -> Any:
    home = _home(name) if name in __all__ else None
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(home, name)
