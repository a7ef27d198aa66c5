"""Commands about the session itself: help, files of commands, the end."""

from __future__ import annotations

from typing import Final

from emu.console.command import COMMAND, FILE, GROUPS, OWN, Command
from emu.console.session import Session
from emu.debug import points
from emu.errors import UsageError

_DEEPEST: Final = 8
_WIDE: Final = 72  # columns: below that, help takes two lines
_INDENT: Final = 6
_HELP_INDENT: Final = 31
_SAVED: Final = {
    points.WATCH: "watch",
    points.READ_WATCH: "rwatch",
    points.ACCESS_WATCH: "awatch",
}


def _help(session: Session, text: str) -> None:
    if text.strip():
        command = session.find(text.strip())
        session.say_wrapped(command.usage, 8)
        session.say_wrapped(f"    {command.help}", 4)
        if len(command.names) > 1:
            session.say(f"    Also called {', '.join(command.names[1:])}.")
        return
    for group in GROUPS:
        session.say(group, "title")
        for command in session.commands:
            if command.group == group:
                names = ", ".join(command.names)
                if session.columns() < _WIDE:
                    session.say_wrapped(f"  {names}", _INDENT)
                    session.say_wrapped(f"      {command.help}", _INDENT)
                else:
                    session.say_wrapped(f"  {names:<28} {command.help}", _HELP_INDENT)


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
    table = list(session.debugger.points)
    lines = [line for point in table for line in _as_commands(session, point)]
    if any(point.is_pending for point in table):
        lines = ["set breakpoint pending on", *lines, f"set breakpoint pending {session.pending}"]
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {getattr(error, 'strerror', error)}") from None
    session.say(f"saved to {path}: source it to have them again")


def _as_commands(session: Session, point: points.Point) -> list[str]:
    """What must be typed to have `point` once more."""
    lines = []
    if point.kind == points.BREAK:
        thread = f" thread {session.threads.number(point.task)}" if point.task else ""
        lines.append(
            f"{'tbreak' if point.temporary else 'break'} {_location(session, point)}{thread}"
        )
    else:
        what = _watched(session, point) if point.kind in points.WATCHES else point.what
        lines.append(f"{_SAVED.get(point.kind, point.kind)} {what}".rstrip())
    if point.condition_text:
        lines.append(f"condition $bpnum {point.condition_text}")
    if point.ignore:
        lines.append(f"ignore $bpnum {point.ignore}")
    if not point.enabled:
        lines.append("disable $bpnum")
    return lines


def _location(session: Session, point: points.Point) -> str:
    if point.location:
        return point.location
    found = session.symbols.at(point.address)
    is_named = found is not None and not found[1]
    return found[0].name if found and is_named else f"*{point.address:#x}"


def _watched(session: Session, point: points.Point) -> str:
    """Its symbol, if it was asked for by one: an expression may mean another place by now."""
    symbol = session.symbols.find(point.what)
    if symbol is not None and symbol.address == point.address:
        return point.what
    return f"{{char[{point.size}]}}{point.address:#x}"


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
