"""A session whose lines are kept, on a fixture."""

from __future__ import annotations

from collections.abc import Sequence

from emu.console.session import Session
from emu.console.table import COMMANDS
from tests.debug.sessions import debug


class Talk:
    """Executes commands; `said` is all that was said since the last call of `take`."""

    def __init__(self, name: str) -> None:
        self.said: list[str] = []
        self.session = Session(debug(name), COMMANDS, self.said.append)

    def do(self, *lines: str) -> str:
        """What the session says to `lines`."""
        self.said.clear()
        for line in lines:
            self.session.execute(line)
        return "".join(self.said)


def script(name: str, lines: Sequence[str]) -> str:
    """A whole session as a script would show it: each command, and what it says."""
    talk = Talk(name)
    return "".join(f"{talk.session.prompt}{line}\n{talk.do(line)}" for line in lines)
