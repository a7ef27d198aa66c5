"""Commands about the session itself: help, files of commands, the end."""

from __future__ import annotations

from typing import Final

from emu.console.command import COMMAND, FILE, GROUPS, OWN, Command
from emu.console.session import Session
from emu.debug import points
from emu.errors import UsageError

_DEEPEST: Final = 8
_SAVED: Final = {
    points.WATCH: "watch",
    points.READ_WATCH: "rwatch",
    points.ACCESS_WATCH: "awatch",
    points.CATCH_CROSSING: "catch crossing",
    points.CATCH_CALL: "catch syscall",
    points.CATCH_VECTOR: "catch vector",
    points.CATCH_RETURN: "catch return",
    points.CATCH_MODE: "catch mode",
}


def _help(session: Session, text: str) -> None:
    if text.strip():
        command = session.find(text.strip())
        session.say(command.usage)
        session.say(f"    {command.help}")
        if len(command.names) > 1:
            session.say(f"    Also called {', '.join(command.names[1:])}.")
        return
    for group in GROUPS:
        session.say(group, "title")
        for command in session.commands:
            if command.group == group:
                session.say(f"  {', '.join(command.names):<28} {command.help}")


def _source(session: Session, text: str) -> None:
    path = text.strip()
    if not path:
        raise UsageError("source needs the name of a file")
    if session.depth >= _DEEPEST:
        raise UsageError(f"{path}: files of commands that read each other are too deep")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', error)}") from None
    session.depth += 1
    try:
        for line in lines:
            if not session.is_over:
                session.execute(line)
    finally:
        session.depth -= 1


def _save(session: Session, text: str) -> None:
    what, _, path = text.strip().partition(" ")
    path = path.strip()
    if what != "breakpoints" or not path:
        raise UsageError("save needs `breakpoints` and the name of a file")
    lines = [line for point in session.debugger.points for line in _as_commands(session, point)]
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {getattr(error, 'strerror', error)}") from None
    session.say(f"saved to {path}: source it to have them again")


def _as_commands(session: Session, point: points.Point) -> list[str]:
    condition = f" if {point.condition_text}" if point.condition_text else ""
    if point.kind == points.BREAK:
        found = session.symbols.at(point.address)
        named = found is not None and not found[1]
        where = found[0].name if found and named else f"*{point.address:#x}"
        return [f"{'tbreak' if point.temporary else 'break'} {where}{condition}"]
    lines = [f"{_SAVED[point.kind]} {point.what}".rstrip()]
    if condition:
        lines.append(f"condition {point.number} {point.condition_text}")
    return lines


def _quit(session: Session, _: str) -> None:
    session.is_over = True


def _echo(session: Session, text: str) -> None:
    session.say(text)


COMMANDS: Final = (
    Command(("help", "h"), "help [COMMAND]", "Show this, or more.", OWN, _help, COMMAND),
    Command(
        ("source",), "source FILE", "Execute the commands in FILE, one a line.", OWN, _source, FILE
    ),
    Command(
        ("save",),
        "save breakpoints FILE",
        "Write the points as commands to FILE.",
        OWN,
        _save,
        FILE,
    ),
    Command(("echo",), "echo TEXT", "Say TEXT.", OWN, _echo),
    Command(
        ("quit", "q", "exit"), "quit", "End the debugger, and the program with it.", OWN, _quit
    ),
)
