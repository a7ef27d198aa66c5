"""The commands of `monitor`: what gdb's own commands do not show.

One row each; `monitor help` and docs/gdb.md are made from the rows. A row names the topic that the
target tells about; how the lines come about is not known here.
gdb's manual, "Monitor Commands".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.gdb.session import Session
from emu.gdb.target import TargetRefusal

_HELP_WIDTH: Final = 20
HELP: Final = "help"
SYMBOLS: Final = "symbols"
_AFTER_THE_END: Final = (HELP, SYMBOLS, "traps")


class Wrong(Exception):
    """What was typed is no command, or lacks something. `str` says what to do."""


class Command(NamedTuple):
    """A row: the words, what may follow them, what it shows, and the topic."""

    words: str
    argument: str
    shows: str
    topic: str


COMMANDS: Final = (
    Command("help", "", "these lines", HELP),
    Command("info idt", "[VECTOR]", "the gates of the IDT", "idt"),
    Command("info gdt", "", "the descriptors of the GDT", "gdt"),
    Command("info ldt", "", "the descriptors of the LDT", "ldt"),
    Command("info tss", "", "the stacks of the task state segment", "tss"),
    Command("info msr", "", "the MSRs that take part in a change of ring", "msr"),
    Command("info tab", "", "what is mapped, and with which rights", "tab"),
    Command("info cpu", "", "all of the CPU that takes part in a crossing", "cpu"),
    Command("info traps", "", "the ledger so far: crossings and what they cost", "traps"),
    Command("stat", "", "the same", "traps"),
    Command("creg", "", "the control registers, bit by bit", "creg"),
    Command("sreg", "", "the segment registers with their hidden parts", "sreg"),
    Command("page", "ADDRESS", "the page walk of a linear address", "page"),
    Command("symbols", "[PART]", "the kernel's symbols, as in /proc/kallsyms", SYMBOLS),
)


def answer(session: Session, line: str) -> str:
    """What the command `line` shows, each line ended."""
    words = line.split()
    for row in COMMANDS:
        name = row.words.split()
        if words[: len(name)] == name:
            return "".join(f"{text}\n" for text in _lines(session, row, words[len(name) :]))
    known = ", ".join(row.words for row in COMMANDS)
    return f"no such command: {line.strip()!r}; there are: {known}\n"


def _lines(session: Session, row: Command, rest: list[str]) -> list[str]:
    try:
        is_missing = row.argument[:1].isalpha() and not rest
        if is_missing or len(rest) > bool(row.argument):
            raise Wrong(f"use it as `monitor {row.words} {row.argument}".rstrip() + "`")
        if session.stop.reason.is_end and row.topic not in _AFTER_THE_END:
            raise Wrong("the program has ended")
        if row.topic == HELP:
            return [_help(one) for one in COMMANDS]
        if row.topic == SYMBOLS:
            return _symbols(session, " ".join(rest))
        return session.target.tell(row.topic, _number(rest[0]) if rest else None)
    except (Wrong, TargetRefusal) as wrong:
        return [f"{row.words}: {wrong}"]


def _help(row: Command) -> str:
    usage = f"{row.words} {row.argument}".strip()
    return f"{usage:<{_HELP_WIDTH}} {row.shows}"


def _symbols(session: Session, part: str) -> list[str]:
    symbols = session.target.kernel_symbols().items()
    found = [f"{address:016x} T {name}" for name, address in symbols if part in name]
    if not found:
        raise Wrong(f"no symbol of the kernel has {part!r} in its name")
    return found


def _number(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        raise Wrong(f"{text!r} is no number") from None
    if not 0 <= value < 1 << 64:
        raise Wrong(f"{text} is out of bounds")
    return value
