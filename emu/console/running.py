"""Commands that let the machine run, forwards and backwards. What a stop says, session.py knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.console.command import EXPRESSION, LOCATION, RUNNING, Command
from emu.console.places import locate
from emu.console.session import Session
from emu.debug import points, stops
from emu.debug.stops import Stop
from emu.errors import UsageError

_MOST: Final = 1 << 32


def _resume(session: Session, text: str) -> None:
    if text.strip():
        count = session.number(text, 1)
        for point in session.debugger.stop.points:
            point.ignore = count - 1
    session.tell(session.debugger.resume())


def _step(session: Session, text: str) -> None:
    session.tell(session.debugger.step(session.number(text, 1, _MOST)))


def _next(session: Session, text: str) -> None:
    _times(session, text, session.debugger.next)


def _step_line(session: Session, text: str) -> None:
    _by_lines(session, text, session.debugger.step_line, "stepi")


def _next_line(session: Session, text: str) -> None:
    _by_lines(session, text, session.debugger.next_line, "nexti")


def _by_lines(session: Session, text: str, way: Callable[[], Stop], instead: str) -> None:
    if session.debugger.line is None and not session.debugger.has_ended:
        session.say(f"No source line is known here: as {instead}.")
    _times(session, text, way)


def _times(session: Session, text: str, way: Callable[[], Stop]) -> None:
    for _ in range(session.number(text, 1, _MOST)):
        stop = way()
        if stop.kind != stops.STEPPED:
            break
    session.tell(stop)


def _until(session: Session, text: str) -> None:
    if text.strip():
        session.tell(session.debugger.run_to(locate(session, text).addresses))
    else:
        session.tell(session.debugger.until())


def _advance(session: Session, text: str) -> None:
    session.tell(session.debugger.run_to(locate(session, text).addresses))


def _finish(session: Session, _: str) -> None:
    session.tell(session.debugger.finish())


def _finish_trap(session: Session, _: str) -> None:
    session.tell(session.debugger.finish_trap())


def _reverse_step(session: Session, text: str) -> None:
    session.tell(session.debugger.reverse_step(session.number(text, 1, _MOST)))


def _reverse_resume(session: Session, _: str) -> None:
    session.tell(session.debugger.reverse_resume())


def _to_instruction(session: Session, text: str) -> None:
    if not text.strip():
        raise UsageError("sba needs the number of an instruction")
    session.tell(session.debugger.run_to_instruction(session.value(text)))


def _next_call(session: Session, _: str) -> None:
    session.debugger.points.add(points.CATCH_CALL, temporary=True)
    session.tell(session.debugger.resume())


def _mode_breakpoint(session: Session, _: str) -> None:
    session.debugger.points.add(points.CATCH_MODE, temporary=True)
    session.tell(session.debugger.resume())


COMMANDS: Final = (
    Command(
        ("continue", "c"),
        "continue [N]",
        "Run until a point is reached; with N, pass the point here N-1 times.",
        RUNNING,
        _resume,
        repeats=True,
    ),
    Command(
        ("step", "s"),
        "step [N]",
        "Run to another source line, into functions with lines; without lines, as stepi.",
        RUNNING,
        _step_line,
        EXPRESSION,
        True,
    ),
    Command(
        ("next", "n"),
        "next [N]",
        "Run to another source line of this function or its caller; without lines, as nexti.",
        RUNNING,
        _next_line,
        EXPRESSION,
        True,
    ),
    Command(
        ("stepi", "si"),
        "stepi [N]",
        "Execute one instruction, or N: into the kernel and out of it.",
        RUNNING,
        _step,
        EXPRESSION,
        True,
    ),
    Command(
        ("nexti", "ni"),
        "nexti [N]",
        "Execute one instruction; a call, a system call or a page fault runs whole.",
        RUNNING,
        _next,
        EXPRESSION,
        True,
    ),
    Command(
        ("until", "u"),
        "until [LOCATION]",
        "As nexti, but never backwards, so a loop runs to its end; or run to LOCATION.",
        RUNNING,
        _until,
        LOCATION,
        True,
    ),
    Command(
        ("advance",), "advance LOCATION", "Run until LOCATION is next.", RUNNING, _advance, LOCATION
    ),
    Command(
        ("finish", "fin"),
        "finish",
        "Run until the function that runs has returned to its caller.",
        RUNNING,
        _finish,
        repeats=True,
    ),
    Command(
        ("finish-trap", "ft"),
        "finish-trap",
        "Run until ring 3 is next, and show what changed since it was left.",
        RUNNING,
        _finish_trap,
        repeats=True,
    ),
    Command(
        ("nextsyscall", "stepsyscall"),
        "nextsyscall",
        "Run until the program makes a system call, to the kernel's first instruction.",
        RUNNING,
        _next_call,
        repeats=True,
    ),
    Command(
        ("modebp",),
        "modebp",
        "Run until the ring changes.",
        RUNNING,
        _mode_breakpoint,
        repeats=True,
    ),
    Command(
        ("reverse-stepi", "rsi"),
        "reverse-stepi [N]",
        "Take back one instruction, or N.",
        RUNNING,
        _reverse_step,
        EXPRESSION,
        True,
    ),
    Command(
        ("reverse-continue", "rc"),
        "reverse-continue",
        "Run backwards to where a point was reached last, or to the beginning.",
        RUNNING,
        _reverse_resume,
        repeats=True,
    ),
    Command(
        ("sba",),
        "sba N",
        "Run until N instructions have retired since the start, backwards if that is past.",
        RUNNING,
        _to_instruction,
        EXPRESSION,
    ),
)
