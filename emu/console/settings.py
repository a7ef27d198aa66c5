"""Options that `set` knows, each a function that says whether the words are for it.

gdb's manual, "Setting Breakpoints", "Forks", "All-Stop Mode".
"""

from __future__ import annotations

from typing import Final

from emu.console.session import AUTO, OFF, ON, Session
from emu.console.tasks import FOLLOWED
from emu.errors import UsageError


def _set_flavor(session: Session, words: list[str]) -> bool:
    if words[:1] != ["disassembly-flavor"]:
        return False
    if words[1:] not in (["intel"], ["att"]):
        raise UsageError("the disassembly flavor is intel or att")
    session.att = words[1] == "att"
    return True


def _set_pending(session: Session, words: list[str]) -> bool:
    if words[:2] not in (["breakpoint", "pending"], ["br", "pending"]):
        return False
    if words[2:] not in ([ON], [OFF], [AUTO]):
        raise UsageError("set breakpoint pending is on, off or auto")
    session.pending = words[2]
    return True


def _set_following(session: Session, words: list[str]) -> bool:
    if words[:1] not in (["follow-fork-mode"], ["detach-on-fork"], ["scheduler-locking"]):
        return False
    session.say(f"{words[0]} changes nothing: {FOLLOWED}")
    return True


OPTIONS: Final = (_set_flavor, _set_pending, _set_following)
