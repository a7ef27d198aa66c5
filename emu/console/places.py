"""Locations as gdb's users write them: a function, FILE:LINE, a line, `*EXPRESSION`, or here.

gdb's manual, "Linespec Locations".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from emu.console.session import Session
from emu.debug.guest import SourceLine
from emu.debug.line_ways import behind_prologue
from emu.errors import UsageError

_FILE_AND_LINE: Final = re.compile(r"(.+):(\d{1,9})$")
_NAME: Final = re.compile(r"[A-Za-z_.@][\w.@$]*$")
_NUMBER: Final = re.compile(r"\d{1,9}$")


class Unknown(UsageError):
    """Nobody knows this function or file now; a library that is mapped later may."""


class Location(NamedTuple):
    """Where `text` leads: addresses, and what finds them anew among other files, if anything."""

    text: str
    addresses: tuple[int, ...]
    find: Callable[[], tuple[int, ...]] | None = None


def place(session: Session, text: str) -> int:
    """The one address that `text` names; of a function, its first. Raises UsageError."""
    text = text.strip()
    if not text:
        return session.debugger.rip
    if text.startswith("*"):
        return session.value(text[1:])
    if file_and_line(session, text) is not None:
        return locate(session, text).addresses[0]
    return session.value(text)


def locate(session: Session, text: str) -> Location:
    """Where a breakpoint for `text` stands; of a function with lines, behind its prologue.

    Raises:
        Unknown: a symbol or a file that may become known.
        UsageError: nothing that can be located.
    """
    text = text.strip()
    if not text or text.startswith("*"):
        address = place(session, text)
        return Location(f"*{address:#x}", (address,))
    wanted = file_and_line(session, text)
    if wanted is not None:
        file, line = wanted
        found = _line(session, file, line)
        return Location(f"{file}:{line}", found, _finder(lambda: _line(session, file, line)))
    if _NAME.match(text):
        found = _function(session, text)
        return Location(text, found, _finder(lambda: _function(session, text)))
    address = session.value(text)
    return Location(f"*{address:#x}", (address,))


def _finder(find: Callable[[], tuple[int, ...]]) -> Callable[[], tuple[int, ...]]:
    def found() -> tuple[int, ...]:
        try:
            return find()
        except UsageError:
            return ()

    return found


def file_and_line(session: Session, text: str) -> tuple[str, int] | None:
    """FILE:LINE, or LINE of the file that is shown or runs; None if `text` is neither."""
    both = _FILE_AND_LINE.match(text)
    if both is not None:
        return both[1], int(both[2])
    if _NUMBER.match(text):
        return current_file(session), int(text)
    return None


def current_file(session: Session) -> str:
    """The source file that was shown last, or runs, or has `main`. Raises UsageError."""
    if session.shown is not None:
        return session.shown[0]
    line = session.debugger.line
    if line is None:
        main = session.symbols.find("main")
        line = session.debugger.guest.line_at(main.address) if main is not None else None
    if line is None:
        raise UsageError("no source file is known here: give FILE:LINE, a symbol or *ADDRESS")
    return line.file


def is_file(wanted: str) -> Callable[[str], bool]:
    """Whether a source file is what a user calls `wanted`: by its whole name, or its end."""
    return lambda name: name == wanted or name.endswith(f"/{wanted}")


def statements(session: Session, file: str, number: int) -> list[SourceLine]:
    """The statements of a line, or of the next one that has code. Raises Unknown, UsageError."""
    lines = session.debugger.guest.lines_in(is_file(file))
    if not lines:
        raise Unknown(f'No source file named "{file}".')
    later = [line for line in lines if line.line >= number]
    if not later:
        raise UsageError(f'Line {number} out of range; no code of "{file}" stands there or behind.')
    best = min(line.line for line in later)
    return [line for line in later if line.line == best]


def _line(session: Session, file: str, number: int) -> tuple[int, ...]:
    """One address for each function in which the line has code."""
    by_function: dict[object, int] = {}
    for statement in statements(session, file, number):
        found = session.symbols.at(statement.start)
        function = found[0].address if found is not None else statement.start
        address = statement.start
        if address == function:
            address = behind_prologue(session.debugger.guest, address)
        by_function.setdefault(function, address)
    return tuple(by_function.values())


def _function(session: Session, name: str) -> tuple[int, ...]:
    found = session.symbols.find(name)
    if found is None:
        raise Unknown(f'Function "{name}" not defined.')
    return (behind_prologue(session.debugger.guest, found.address),)
