"""What is done when a signal arrives: whether the machine stops, it is told, the program gets it.

By name, as gdb's `handle` has it; what is not in the table of exceptions stops, is told and passed.
gdb's manual, "Signals".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.errors import UsageError


class Way(NamedTuple):
    """What is done with one signal."""

    stop: bool = True
    tell: bool = True
    give: bool = True


_SILENT: Final = Way(stop=False, tell=False)
# As gdb starts. SIGTRAP and SIGINT are the debugger's own there; here they are the program's.
_DEFAULTS: Final = dict.fromkeys(
    ("SIGALRM", "SIGURG", "SIGIO", "SIGVTALRM", "SIGPROF", "SIGCHLD", "SIGWINCH"), _SILENT
)
_WORDS: Final = {
    "stop": {"stop": True, "tell": True},
    "nostop": {"stop": False},
    "print": {"tell": True},
    "noprint": {"tell": False, "stop": False},
    "pass": {"give": True},
    "noignore": {"give": True},
    "nopass": {"give": False},
    "ignore": {"give": False},
}
WORDS: Final = tuple(_WORDS)


class Handling:
    """The table, by the signal's name."""

    def __init__(self) -> None:
        self._ways: dict[str, Way] = dict(_DEFAULTS)
        self._dropped: list[str] = []  # each the next time it arrives

    def of(self, name: str) -> Way:
        """What is done with the signal `name`."""
        return self._ways.get(name, Way())

    def change(self, name: str, words: list[str]) -> None:
        """Changes what is done, by words of `WORDS`. Raises UsageError."""
        way = self.of(name)
        for word in words:
            changes = _WORDS.get(word)
            if changes is None:
                raise UsageError(f"no such thing to do as {word!r}; known: {', '.join(WORDS)}")
            way = way._replace(**changes)
        self._ways[name] = way

    def stops(self, name: str) -> bool:
        """Whether the machine stops for it."""
        return self.of(name).stop

    def is_dropped(self, name: str) -> bool:
        """Whether the user wants to hear no more of this one."""
        return name in self._dropped

    def drop_next(self, name: str) -> None:
        """The program does not get this signal the next time."""
        self._dropped.append(name)

    def passes(self, name: str) -> bool:
        """Whether the program gets this one."""
        if name in self._dropped:
            self._dropped.remove(name)
            return False
        return self.of(name).give
