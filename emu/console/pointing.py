"""Commands for breakpoints, watchpoints and catchpoints. When one is reached they do not know."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from emu.console.command import CATCH, EXPRESSION, LOCATION, POINTS, Command
from emu.console.expressions import SIZES
from emu.console.places import Location, Unknown, locate
from emu.console.session import AUTO, OFF, Session
from emu.debug import points
from emu.debug.points import Point
from emu.errors import UsageError
from emu.x86 import crossings, vectors

MECHANISMS: Final = (
    *(crossings.SYSCALL, crossings.SYSENTER, crossings.INT80),
    *(crossings.FAULT, crossings.INTERRUPT),
)
_PLAIN: Final = {
    kind.removeprefix("catch "): kind
    for kind in (points.CATCH_RETURN, points.CATCH_MODE, *points.NEWS_CATCHES.values())
    if kind != points.CATCH_SIGNAL
}
_TYPED: Final = re.compile(
    r"\s*(?:\*\s*\(\s*(\w+)\s*\*\s*\)|\{\s*(\w+)(?:\[(\d{1,4})\])?\s*\})(.*)", re.DOTALL
)


def _condition(session: Session, point: Point, text: str) -> None:
    """Gives `point` the condition `text`, which must make sense now."""
    session.value(text)
    point.condition = lambda: bool(session.value(text))
    point.condition_text = text.strip()


def _break(session: Session, text: str, temporary: bool = False) -> None:
    where, has_condition, condition = (f" {text} ").partition(" if ")
    where, of_thread, thread = where.partition(" thread ")
    task = session.threads.task(session.number(thread, 1)) if of_thread else 0
    try:
        location = locate(session, where)
    except Unknown as unknown:
        location = _pending(session, where.strip(), unknown)
    if has_condition:
        session.value(condition)
    point = session.debugger.points.add(points.BREAK, location.addresses, temporary=temporary)
    point.location, point.find, point.task = location.text, location.find, task
    session.last_point = point.number
    if has_condition:
        _condition(session, point, condition)
    kind = "Temporary breakpoint" if temporary else "Breakpoint"
    session.say(f"{kind} {point.number} {_places(session, point)}")


def _pending(session: Session, text: str, unknown: Unknown) -> Location:
    """A location that may become known; asks, as gdb does. Raises Unknown."""
    question = "Make breakpoint pending on future shared library load? (y or [n]) "
    if session.pending == AUTO:
        session.say(str(unknown))
        if session.ask is None:
            raise Unknown(f"{question}[answered N; input not from terminal]")
        if not session.ask(question):
            raise Unknown("no breakpoint is set")
    elif session.pending == OFF:
        raise unknown

    def find() -> tuple[int, ...]:
        try:
            return locate(session, text).addresses
        except UsageError:
            return ()

    return Location(text, (), find)


def _places(session: Session, point: Point) -> str:
    if point.is_pending:
        return f"({point.location}) pending."
    more = f" and {len(point.addresses) - 1} more" if len(point.addresses) > 1 else ""
    return f"at {session.symbols.place(point.address)}{more}"


def _temporary(session: Session, text: str) -> None:
    _break(session, text, temporary=True)


def _numbers(session: Session, text: str) -> list[Point]:
    """The points that `text` names by number; all if it is empty."""
    table = session.debugger.points
    words = text.replace("$bpnum", str(session.last_point)).split()
    if not all(word.isdecimal() for word in words):
        raise UsageError(
            f"{text.strip()!r} are no numbers of points; `info breakpoints` lists them"
        )
    return [table.get(int(word[:9])) for word in words] if words else list(table)


def _delete(session: Session, text: str) -> None:
    for point in _numbers(session, text):
        session.debugger.points.remove(point.number)


def _disable(session: Session, text: str) -> None:
    for point in _numbers(session, text):
        point.enabled = False


def _enable(session: Session, text: str) -> None:
    for point in _numbers(session, text):
        point.enabled = True


def _one(session: Session, text: str, what: str) -> tuple[Point, str]:
    number, _, rest = text.strip().replace("$bpnum", str(session.last_point), 1).partition(" ")
    if not number.isdecimal():
        raise UsageError(f"{what} needs the number of a point first")
    return session.debugger.points.get(int(number[:9])), rest


def _set_condition(session: Session, text: str) -> None:
    point, condition = _one(session, text, "condition")
    if condition.strip():
        _condition(session, point, condition)
    else:
        point.condition, point.condition_text = None, ""


def _ignore(session: Session, text: str) -> None:
    point, count = _one(session, text, "ignore")
    value = session.value(count)
    point.ignore = value if value < 1 << 62 else 0
    session.say(f"{point.kind} {point.number} will be passed {point.ignore} times")


def _watched(session: Session, text: str) -> tuple[int, int]:
    """Address and size of what `text` names: `*(u32*)X`, a symbol, or an address."""
    typed = _TYPED.match(text)
    if typed:
        name = typed[1] or typed[2]
        if name not in SIZES:
            raise UsageError(f"no type {name!r}; known: {', '.join(SIZES)}")
        return session.value(typed[4]), SIZES[name] * int(typed[3] or 1)
    stripped = text.strip()
    found = session.symbols.find(stripped)
    if found is not None:
        return found.address, min(max(found.size, 1), points.WATCH_LIMIT) if found.size else 8
    return session.value(stripped[1:] if stripped.startswith("*") else stripped), 8


def _watch(kind: str) -> Callable[[Session, str], None]:
    def watch(session: Session, text: str) -> None:
        where, has_condition, condition = (f" {text} ").partition(" if ")
        address, size = _watched(session, where)
        if has_condition:
            session.value(condition)
        point = session.debugger.points.add(kind, address, size, what=where.strip())
        session.last_point = point.number
        if has_condition:
            _condition(session, point, condition)
        place_text = session.symbols.describe(address)
        session.say(f"{kind.capitalize()} {point.number}: {size} bytes at {place_text}")

    return watch


def _catch(session: Session, text: str) -> None:
    what, *rest = text.split() or [""]
    table, argument = session.debugger.points, rest[0] if rest else ""
    if what == "syscall":
        for name in _call_names(session, rest) or [""]:
            _caught(session, table.add(points.CATCH_CALL, what=name))
    elif what == "crossing" and argument in ("", *MECHANISMS):
        _caught(session, table.add(points.CATCH_CROSSING, what=argument))
    elif what in MECHANISMS:
        _caught(session, table.add(points.CATCH_CROSSING, what=what))
    elif what == "vector":
        number = _vector(session, argument)
        _caught(session, table.add(points.CATCH_VECTOR, what=number))
    elif what in _PLAIN:
        _caught(session, table.add(_PLAIN[what]))
    elif what == "signal":
        for name in _signal_names(session, rest) or [""]:
            _caught(session, table.add(points.CATCH_SIGNAL, what=name))
    else:
        known = ", ".join(("syscall", "crossing", "vector", "signal", *_PLAIN, *MECHANISMS))
        raise UsageError(f"nothing to catch called {what or '(nothing)'!r}; known: {known}")


def _signal_names(session: Session, words: list[str]) -> list[str]:
    known = session.debugger.guest.signals()
    names = [
        word.upper() if word.upper().startswith("SIG") else f"SIG{word.upper()}" for word in words
    ]
    for word, name in zip(words, names, strict=True):
        if name not in known and word != "all":
            raise UsageError(f"no signal {word!r}; `info signals` lists them")
    return [] if "SIGALL" in names else names


def _vector(session: Session, text: str) -> str:
    """A vector by number or by mnemonic, as text; empty for each."""
    for row in vectors.TABLE.values():
        if text.lstrip("#").lower() == row.mnemonic.lstrip("#").lower():
            return str(row.number)
    if not text:
        return ""
    number = session.value(text)
    if number > 255:
        raise UsageError(f"{text} is no vector: they end at 255")
    return str(number)


def _call_names(session: Session, words: list[str]) -> list[str]:
    """Names of system calls; a number is that of the program's own ABI."""
    guest, known = session.debugger.guest, session.debugger.guest.call_names()
    names = []
    for word in words:
        if word.isdecimal():
            long = guest.is_long()
            way = crossings.SYSCALL if long else crossings.INT80
            names.append(guest.call_name(int(word[:9]), way, long))
        elif word in known:
            names.append(word)
        else:
            near = [name for name in sorted(known) if word in name][:5]
            hint = f"; there is {', '.join(near)}" if near else ""
            raise UsageError(f"no system call {word!r}{hint}")
    return names


def _caught(session: Session, point: Point) -> None:
    what = f" {point.what}" if point.what else ""
    session.last_point = point.number
    session.say(f"Catchpoint {point.number} ({point.kind.removeprefix('catch ')}{what})")


def _where(session: Session, point: Point) -> str:
    if point.kind in points.CATCHES:
        return point.what
    if point.is_pending:
        return f"<PENDING> {point.location}"
    return ", ".join(map(session.symbols.place, point.addresses))


def point_lines(session: Session) -> list[str]:
    """The table of points."""
    lines = []
    for point in session.debugger.points:
        where = _where(session, point)
        state = "" if point.enabled else " (disabled)"
        state += " (temporary)" if point.temporary else ""
        lines.append(f"{point.number:<3} {point.kind} {where}{state}".rstrip())
        if point.condition_text:
            lines.append(f"    only if {point.condition_text}")
        if point.task:
            lines.append(f"    only in {session.threads.name(point.task)}")
        if point.hits or point.ignore:
            ignore = f", to be passed {point.ignore} times" if point.ignore else ""
            lines.append(f"    reached {point.hits} times{ignore}")
    return lines or ["no breakpoints, watchpoints or catchpoints"]


COMMANDS: Final = (
    Command(
        ("break", "b"),
        "break [LOCATION] [thread N] [if CONDITION]",
        "Stop in front of LOCATION (a function, FILE:LINE, LINE, *ADDRESS), or here.",
        POINTS,
        _break,
        LOCATION,
    ),
    Command(
        ("tbreak", "tb"),
        "tbreak [LOCATION] [if CONDITION]",
        "As break, once.",
        POINTS,
        _temporary,
        LOCATION,
    ),
    Command(
        ("watch",),
        "watch *(TYPE*)ADDRESS",
        "Stop behind an instruction, or an answer of the kernel, that changes the value.",
        POINTS,
        _watch(points.WATCH),
        EXPRESSION,
    ),
    Command(
        ("rwatch",),
        "rwatch *(TYPE*)ADDRESS",
        "Stop behind an instruction that reads there.",
        POINTS,
        _watch(points.READ_WATCH),
        EXPRESSION,
    ),
    Command(
        ("awatch",),
        "awatch *(TYPE*)ADDRESS",
        "Stop behind an instruction that reads or writes there.",
        POINTS,
        _watch(points.ACCESS_WATCH),
        EXPRESSION,
    ),
    Command(
        ("catch",),
        "catch syscall [NAME|N]... | crossing [MECHANISM] | vector [N|#PF] | signal [NAME]... | "
        + " | ".join(_PLAIN),
        "Stop at a system call, a way into ring 0, a vector, a signal, or what the word says.",
        POINTS,
        _catch,
        CATCH,
    ),
    Command(("delete", "d"), "delete [N]...", "Delete points, or all.", POINTS, _delete),
    Command(("disable",), "disable [N]...", "Pass points without stopping.", POINTS, _disable),
    Command(("enable",), "enable [N]...", "Stop at disabled points again.", POINTS, _enable),
    Command(
        ("condition",),
        "condition N [EXPRESSION]",
        "Stop at point N only if EXPRESSION is not 0; without it, always.",
        POINTS,
        _set_condition,
        EXPRESSION,
    ),
    Command(
        ("ignore",),
        "ignore N COUNT",
        "Pass point N COUNT times first.",
        POINTS,
        _ignore,
        EXPRESSION,
    ),
)
