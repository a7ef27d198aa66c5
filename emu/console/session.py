"""One debugging session: a debugger, what the user chose, and lines of text that go somewhere.

It knows how a stop is told and how an expression finds its values. Commands are in other modules;
it does not read lines and does not know where its own go.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from textwrap import wrap
from typing import Final

from emu.console.command import Command
from emu.console.expressions import MASK, evaluate
from emu.console.threads import Threads
from emu.debug import stops, telling
from emu.debug.core import Debugger
from emu.debug.guest import SourceLine
from emu.debug.news import SIGNAL, News
from emu.debug.stops import Stop
from emu.debug.symbols import Symbols
from emu.errors import RingscopeError, UsageError
from emu.x86.instructions import LONGEST

_LINE: Final = re.compile(r"\s*([A-Za-z][\w-]*)(.*)", re.DOTALL)
_INDENT: Final = 11  # of what a line of a crossing goes on with
_NARROWEST: Final = 20  # columns
_ENDLESS: Final = 1 << 16  # columns, where there is no terminal
ON, OFF, AUTO = "on", "off", "auto"
_COLOURS: Final = {
    telling.TITLE: "1;36",
    telling.CHECK: "2",
    telling.SLOT: "33",
    telling.CHANGE: "32",
    "here": "1",
}
_REASONS: Final = {
    stops.INTERRUPTED: "interrupted",
    stops.LIMIT: "stopped at the limit",
    stops.BEGINNING: "no more history: this is the beginning",
}


class Session:
    """What commands work on. `say` writes one line; `is_over` ends whoever reads commands."""

    def __init__(
        self,
        debugger: Debugger,
        commands: tuple[Command, ...],
        write: Callable[[str], None],
        colour: bool = False,
    ) -> None:
        self.commands: Final = commands
        self._by_name = {name: command for command in commands for name in command.names}
        self.debugger: Final = debugger
        self.symbols: Final = Symbols(debugger.guest)
        self.colour = colour
        self.att = False
        self.displays: dict[int, str] = {}
        self.next_display = 1
        self.is_over = False
        self.depth = 0  # of files of commands that read each other
        self.examined = debugger.rip  # where `x` goes on
        self.columns: Callable[[], int] = lambda: _ENDLESS
        self.ask: Callable[[str], bool] | None = None  # whether yes; None: nobody is there
        self.pending = AUTO  # what is done with a breakpoint at an unknown place
        self.last_point = 0  # $bpnum
        self.threads: Final = Threads(debugger.guest)
        self.directories: list[str] = []  # where sources are sought
        self.shown: tuple[str, int, int] | None = None  # source lines: file, first, last
        self._sources: dict[str, list[str] | None] = {}
        self._write = write
        debugger.hear(self._hear)

    # ---- commands

    def find(self, name: str) -> Command:
        """The command called `name`, or the only one that begins so. Raises UsageError."""
        if name in self._by_name:
            return self._by_name[name]
        begun = {c.names[0] for known, c in self._by_name.items() if known.startswith(name)}
        if len(begun) == 1:
            return self._by_name[begun.pop()]
        if begun:
            raise UsageError(f"{name!r} may be {', '.join(sorted(begun))}")
        raise UsageError(f"no command {name!r}; `help` lists them all")

    def execute(self, line: str) -> bool:
        """Executes one line; says what is wrong with it. Returns whether it went well."""
        line = line.strip()
        if not line or line.startswith("#"):
            return True
        try:
            found = _LINE.match(line)
            if found is None:
                raise UsageError(f"{line[:20]!r} begins with no command; `help` lists them all")
            self.find(found[1]).run(self, found[2])
        except RingscopeError as error:
            self.say(f"{error}")
            return False
        return True

    def repeats(self, line: str) -> bool:
        """Whether an empty line after `line` means it once more."""
        found = _LINE.match(line)
        command = self._by_name.get(found[1]) if found else None
        return command is not None and command.repeats

    # ---- saying

    def say(self, text: str = "", part: str = "") -> None:
        """Writes `text` and a line's end."""
        code = _COLOURS.get(part) if self.colour else None
        self._write(f"\x1b[{code}m{text}\x1b[0m\n" if code else f"{text}\n")

    def say_wrapped(self, text: str, indent: int, part: str = "") -> None:
        """Writes `text`, in several lines where it is wider than the terminal."""
        columns = max(self.columns(), _NARROWEST)
        if len(text) <= columns:
            self.say(text, part)
            return
        indent = min(indent, columns // 2)
        for line in wrap(text, columns, subsequent_indent=" " * indent, break_on_hyphens=False):
            self.say(line, part)

    def say_all(self, lines: Iterable[str]) -> None:
        """Writes lines."""
        for line in lines:
            self.say_wrapped(line, _INDENT)

    @property
    def prompt(self) -> str:
        """What stands in front of a command: the ring."""
        return "(ended) " if self.debugger.has_ended else f"(ring{self.debugger.cpl}) "

    # ---- expressions

    def value(self, text: str) -> int:
        """The value of the expression `text`. Raises RingscopeError."""
        return evaluate(text, self)

    def number(self, text: str, default: int, most: int = 1 << 32) -> int:
        """A count: the value of `text`, or `default` if it is empty."""
        if not text.strip():
            return default
        count = self.value(text)
        if not 0 < count <= most:
            raise UsageError(f"{text.strip()} is no count from 1 to {most}")
        return count

    def register(self, name: str) -> int:
        if name == "bpnum":
            return self.last_point
        if name == "_thread":
            return self.threads.number(self.debugger.task)
        return self.debugger.read_register(name)

    def symbol(self, name: str) -> int:
        found = self.symbols.find(name)
        if found is None:
            raise UsageError(f"no symbol {name!r}; registers begin with $")
        return found.address

    def load(self, address: int, size: int) -> int:
        return int.from_bytes(self.debugger.read_memory(address & MASK, size), "little")

    # ---- where it stands

    def code(self, address: int, count: int, mark: int | None = None) -> list[str]:
        """`count` instructions at `address` as text; the one at `mark` with an arrow."""
        from emu.watch.disasm import disassemble

        lines: list[str] = []
        long = self.debugger.engine.state.in_64bit_mode
        while len(lines) < count:
            code = self.debugger.show_memory(address, LONGEST)
            found = disassemble(code, address, long, self.att)
            arrow = "=>" if address == mark else "  "
            place = self.symbols.describe(address)
            if not found:
                why = "(bad)" if code else "(no page here yet)"
                return [*lines, f"{arrow} {place}: {why}"]
            lines.append(f"{arrow} {place}: {found[0][1]}")
            address = address + self.length(code, address) & MASK
        return lines

    def length(self, code: bytes, address: int) -> int:
        """The length of the instruction with which `code` begins; 0 if it is none."""
        from emu.watch.disasm import decode

        found = decode(code, address, self.debugger.engine.state.in_64bit_mode)
        return found[0].length if found else 0

    def here(self) -> None:
        """Says where the machine stands, and shows what is to be shown at each stop."""
        if not self.debugger.has_ended:
            line = self.debugger.line
            text = self.code(self.debugger.rip, 1, mark=self.debugger.rip)[0]
            if line is not None:
                place = self.symbols.describe(self.debugger.rip)
                text = text.replace(place, f"{place} at {line}", 1)
            self.say_wrapped(text, _INDENT, "here")
            if line is not None and (source := self.line_text(line)):
                self.say(source)
        self.shown = None
        for number, text in self.displays.items():
            self.say(f"{number}: {text} = {self._shown(text)}")

    # ---- sources

    def source_path(self, file: str) -> str | None:
        """Where the source file stands that the compiler calls `file`."""
        name = os.path.basename(file)
        inside = [os.path.join(folder, one) for folder in self.directories for one in (file, name)]
        beside = os.path.join(os.path.dirname(self.debugger.guest.executable()), name)
        return next((path for path in (*inside, file, beside) if os.path.isfile(path)), None)

    def source_text(self, file: str) -> list[str] | None:
        """The lines of a source file; None if it cannot be read."""
        if file not in self._sources:
            path, lines = self.source_path(file), None
            if path is not None:
                with suppress(OSError), open(path, encoding="utf-8", errors="replace") as opened:
                    lines = opened.read().splitlines()
            self._sources[file] = lines
        return self._sources[file]

    def forget_sources(self) -> None:
        """Sources are sought anew."""
        self._sources.clear()

    def line_text(self, line: SourceLine) -> str:
        """A line with its number as gdb shows it; empty where the file is not at hand."""
        text = self.source_text(line.file)
        return f"{line.line}\t{text[line.line - 1]}" if text and line.line <= len(text) else ""

    def _shown(self, text: str) -> str:
        try:
            return f"{self.value(text):#x}"
        except RingscopeError as error:
            return f"<{error}>"

    def tell(self, stop: Stop) -> None:
        """Says why the machine stands still, and where."""
        switched = self.threads.switched(stop.task)
        if switched:
            self.say(f"[Switching to {switched}]")
        for point in stop.points:
            self.say(f"{'Temporary ' if point.temporary else ''}{point.kind} {point.number}")
        if stop.news is not None:
            self.say(self.threads.about(stop.news))
        if stop.kind == stops.INTERRUPTED and self.ask is not None:
            self.say()  # behind the ^C of the terminal
        if stop.kind in _REASONS:
            self.say(_REASONS[stop.kind])
        if stop.message:
            self.say(stop.message)
        self._tell_access(stop)
        self._tell_change_of_ring(stop)
        if stop.kind == stops.ENDED:
            self._tell_end(stop)
        self.examined = self.debugger.rip
        self.here()

    def _tell_access(self, stop: Stop) -> None:
        if stop.access is None:
            return
        access = stop.access
        what = "written" if access.is_write else "read"
        place = self.symbols.describe(access.rip)
        self.say(f"{access.size} bytes at {access.address:#x} {what} by {place}")
        old, new = (int.from_bytes(value, "little") for value in (access.old, access.new))
        self.say(f"value {old:#x}" if old == new else f"old value {old:#x}, new value {new:#x}")

    def _tell_change_of_ring(self, stop: Stop) -> None:
        lines: list[telling.Line] = []
        if stop.crossing is not None:
            lines = telling.tell(self.debugger, self.symbols, stop.crossing, self._rule())
        elif stop.returned is not None:
            lines = telling.tell_return(self.debugger, self.symbols, stop.returned, self._rule())
        for part, text in lines:
            self.say_wrapped(text, _INDENT, part)

    def _hear(self, news: News) -> None:
        """What becomes of tasks, as gdb says it between two stops."""
        text = self.threads.passing(news)
        way = self.debugger.handling.of(news.text)
        if text and (news.kind != SIGNAL or (way.tell and not way.stop)):
            self.say(f"[{text}]")

    def _rule(self) -> int:
        return min(max(self.columns(), _NARROWEST), telling.WIDTH)

    def _tell_end(self, stop: Stop) -> None:
        ending = stop.ending
        assert ending is not None, "the program has ended"
        if ending.signal:
            self.say(f"the program was killed by {ending.signal_name}")
            self.say_all(wrap(ending.cause, self._rule()))
        else:
            self.say(f"the program exited with status {ending.status}")
        self.say("it can still run backwards: rsi, rc")
