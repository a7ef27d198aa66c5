"""The text of source files, and the commands that show it. It runs nothing.

A file is sought by the name that the compiler recorded, then by its last part, in the directories
of `directory`. gdb's manual, "Examining Source Files".
"""

from __future__ import annotations

import os.path
from typing import Final

from emu.console.command import FILE, LOCATION, LOOKING, Command
from emu.console.places import file_and_line, is_file, place, statements
from emu.console.session import Session
from emu.errors import UsageError

_SHOWN: Final = 10  # lines


def _list(session: Session, text: str) -> None:
    text = text.strip()
    first, comma, last = text.partition(",")
    if comma:
        file, start = _start(session, first.strip())
        end = _start(session, last.strip())[1] if last.strip() else start + _SHOWN - 1
    elif text == "-":
        if session.shown is None:
            raise UsageError("nothing was listed yet")
        file, before, _ = session.shown
        if before <= 1:
            raise UsageError("this is the beginning of the file already")
        start, end = max(before - _SHOWN, 1), before - 1
    elif not text and session.shown is not None:
        file, _, after = session.shown
        start, end = after + 1, after + _SHOWN
    else:
        file, middle = _start(session, text)
        start = max(middle - _SHOWN // 2, 1)
        end = start + _SHOWN - 1
    _show(session, file, start, end)


def _start(session: Session, text: str) -> tuple[str, int]:
    """The file and line that `text` names; without one, where the machine stands, or main."""
    if text:
        wanted = file_and_line(session, text)
        if wanted is not None:
            names = list(filter(is_file(wanted[0]), session.debugger.guest.source_files()))
            return (names or [wanted[0]])[0], wanted[1]
        line = session.debugger.guest.line_at(place(session, text))
    else:
        line = session.debugger.line
        main = session.symbols.find("main") if line is None else None
        if main is not None:
            line = session.debugger.guest.line_at(main.address)
    if line is None:
        raise UsageError(f"no source line is known {f'of {text}' if text else 'here'}")
    return line.file, line.line


def _show(session: Session, file: str, start: int, end: int) -> None:
    lines = session.source_text(file)
    if lines is None:
        raise UsageError(f"{file}: no such file; `directory DIRECTORY` says where sources are")
    if start > len(lines):
        raise UsageError(f"line {start} is out of range: {file} has {len(lines)} lines")
    end = min(end, len(lines))
    for number in range(start, end + 1):
        session.say(f"{number}\t{lines[number - 1]}".rstrip())
    session.shown = file, start, end


def _directory(session: Session, text: str) -> None:
    path = text.strip()
    if not path:
        session.directories.clear()
    elif not os.path.isdir(path):
        raise UsageError(f"{path}: no such directory")
    else:
        session.directories.insert(0, path)
    session.forget_sources()
    session.say(f"Source directories searched: {':'.join([*session.directories, '$cdir', '$cwd'])}")


def about_line(session: Session, text: str) -> list[str]:
    """`info line`: where a line's code stands."""
    wanted = file_and_line(session, text.strip()) if text.strip() else None
    if wanted is None:
        line = session.debugger.guest.line_at(place(session, text))
        found = [] if line is None else [line]
    else:
        found = statements(session, *wanted)
    if not found:
        raise UsageError("no source line is known there")
    lines = []
    if wanted is not None and found[0].line != wanted[1]:
        lines.append(f'Line {wanted[1]} of "{found[0].file}" has no code.')
    for one in found:
        name = f'Line {one.line} of "{one.file}"'
        start, end = (session.symbols.describe(address) for address in (one.start, one.end))
        lines.append(f"{name} starts at {start} and ends at {end}.")
    return lines


def about_source(session: Session, _: str) -> list[str]:
    """`info source`: the file where the machine stands."""
    line = session.debugger.line
    if line is None:
        return ["no source file is known here"]
    path = session.source_path(line.file)
    return [f"Current source file is {line.file}", f"Located in {path or '(not found)'}"]


def about_sources(session: Session, text: str) -> list[str]:
    """`info sources`: all files that have lines."""
    found = [name for name in session.debugger.guest.source_files() if text.strip() in name]
    return found or ["no source files are known"]


def about_symbol(session: Session, text: str) -> list[str]:
    """`info symbol`: what stands at an address."""
    address = session.value(text)
    found = session.symbols.at(address)
    line = session.debugger.guest.line_at(address)
    if found is None:
        return [f"No symbol matches {text.strip()}."]
    symbol, offset = found
    lines = [f"{symbol.name}{f' + {offset}' if offset else ''} of {symbol.module}"]
    return lines if line is None else [*lines, f'Line {line.line} of "{line.file}"']


COMMANDS: Final = (
    Command(
        ("list", "l"),
        "list [LOCATION | FIRST,LAST | -]",
        "Show ten lines of source around LOCATION or here, the next ten, or those before.",
        LOOKING,
        _list,
        LOCATION,
        True,
    ),
    Command(
        ("directory", "dir"),
        "directory [DIRECTORY]",
        "Seek sources in DIRECTORY first; without it, only where the compiler found them.",
        LOOKING,
        _directory,
        FILE,
    ),
)
