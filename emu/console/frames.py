"""Commands that show code and who called it: disassembly with sources, the callers, the frame."""

from __future__ import annotations

from typing import Final

from emu.console.command import LOCATION, LOOKING, Command
from emu.console.places import place
from emu.console.session import Session
from emu.debug.guest import SourceLine
from emu.errors import UsageError
from emu.x86.instructions import LONGEST
from emu.x86.registers import RBP

_MOST: Final = 10_000  # instructions
_MOST_FRAMES: Final = 64


def _disassemble(session: Session, text: str) -> None:
    text, with_source = text.strip(), False
    if text.startswith("/"):
        flag, _, text = text.partition(" ")
        if flag != "/s":
            raise UsageError(f"disassemble has no modifier {flag!r}: /s shows sources")
        with_source = True
    address = place(session, text)
    found = session.symbols.at(address)
    if found is None or not found[0].size:
        session.say_all(session.code(address, 10, session.debugger.rip))
        return
    symbol = found[0]
    end, at, count = symbol.address + symbol.size, symbol.address, 0
    source: SourceLine | None = None
    while at < end and count < _MOST:
        line = session.debugger.guest.line_at(at) if with_source else None
        if line is not None:
            source = _say_source(session, line, source)
        session.say_all(session.code(at, 1, session.debugger.rip))
        code = session.debugger.show_memory(at, LONGEST)
        following = session.length(code, at)
        if not following:
            break
        at, count = at + following, count + 1


def _say_source(session: Session, line: SourceLine, before: SourceLine | None) -> SourceLine:
    """Says the line whose code follows, if it is another than `before`, and its file."""
    if before is None or before.file != line.file:
        session.say(f"{line.file}:")
    if before is None or (before.file, before.line) != (line.file, line.line):
        session.say(session.line_text(line) or f"{line.line}")
    return line


def _backtrace(session: Session, _: str) -> None:
    session.say_all(backtrace_lines(session))


def backtrace_lines(session: Session) -> list[str]:
    """The callers, by frame pointers; out of the kernel by what its entry code saved."""
    debugger, place_of = session.debugger, session.symbols.place
    lines = [f"#0  {place_of(debugger.rip)}"]
    size = 8 if debugger.guest.is_long() else 4
    frame = session.register("rbp")
    if debugger.cpl == 0:
        back, frame = _out_of_the_kernel(session)
        lines.append(f"#1  {place_of(back)} (ring 3)")
    while len(lines) < _MOST_FRAMES:
        content = debugger.show_memory(frame, 2 * size)
        if len(content) < 2 * size:
            break
        above = int.from_bytes(content[:size], "little")
        back = int.from_bytes(content[size:], "little")
        if session.symbols.at(back) is None:
            break
        lines.append(f"#{len(lines)}  {_return_place(session, back)}")
        if above <= frame:
            break
        frame = above
    return lines


def _return_place(session: Session, back: int) -> str:
    """A return address, with the line of the call, which stands in front of it."""
    line = session.debugger.guest.line_at(back - 1)
    return session.symbols.describe(back) + (f" at {line}" if line is not None else "")


def _out_of_the_kernel(session: Session) -> tuple[int, int]:
    """Where ring 3 was left, and its frame pointer there."""
    crossing = session.debugger.last_crossing()
    if crossing is not None and crossing.event.from_cpl == 3:
        return crossing.event.from_rip, crossing.before.gprs[RBP]
    saved = session.debugger.guest.saved_frame()
    values = saved[1] if saved is not None else {}
    return values.get("rip", 0), values.get("rbp", 0)


def _frame(session: Session, _: str) -> None:
    session.say(backtrace_lines(session)[0])
    line = session.debugger.line
    if line is not None and (text := session.line_text(line)):
        session.say(text)


COMMANDS: Final = (
    Command(
        ("disassemble", "disas"),
        "disassemble [/s] [LOCATION]",
        "Show the function at LOCATION, or ten instructions; /s: with its source lines.",
        LOOKING,
        _disassemble,
        LOCATION,
    ),
    Command(
        ("backtrace", "bt"),
        "backtrace",
        "Show the callers, by frame pointers, out of the kernel into the program.",
        LOOKING,
        _backtrace,
    ),
    Command(("frame", "f"), "frame", "Show where the machine stands.", LOOKING, _frame),
)
