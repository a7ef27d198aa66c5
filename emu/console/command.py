"""What a command is: a row of the table that help, completion and the docs page are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

RUNNING, POINTS, LOOKING, SYSTEM, OWN = (
    "Running",
    "Breakpoints, watchpoints, catchpoints",
    "Looking and changing",
    "The system's tables",
    "The session",
)
GROUPS: Final = (RUNNING, POINTS, LOOKING, SYSTEM, OWN)

# What an argument may be completed to.
NOTHING, LOCATION, EXPRESSION, COMMAND, INFO, CATCH, SETTING, FILE, SIGNALS = (
    "nothing location expression command info catch setting file signals".split()
)


class Command(NamedTuple):
    """One command. `run` gets the session and the rest of the line; `repeats` on an empty line."""

    names: tuple[str, ...]
    usage: str
    help: str
    group: str
    run: Callable[[Any, str], None]  # (a Session, the arguments)
    completes: str = NOTHING
    repeats: bool = False
