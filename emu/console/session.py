"""One debugging session: a debugger, what the user chose, and lines of text that go somewhere.

It knows how a stop is told and how an expression finds its values. Commands are in other modules;
it does not read lines and does not know where its own go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import Final

from emu.console.command import Command
from emu.console.expressions import MASK, evaluate
from emu.debug import stops, telling
from emu.debug.core import Debugger
from emu.debug.stops import Stop
from emu.debug.symbols import Symbols
from emu.errors import RingscopeError, UsageError
from emu.x86.instructions import LONGEST

_LINE: Final = re.compile(r"\s*([A-Za-z][\w-]*)(.*)", re.DOTALL)
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
        self._write = write

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

    def say_all(self, lines: Iterable[str]) -> None:
        """Writes lines."""
        for line in lines:
            self.say(line)

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
            code = self.debugger.memory.read_some(address, LONGEST)
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
            line = self.debugger.guest.line_of(self.debugger.rip)
            text = self.code(self.debugger.rip, 1, mark=self.debugger.rip)[0]
            self.say(text, "here")
            if line:
                self.say(f"   {line}")
        for number, text in self.displays.items():
            self.say(f"{number}: {text} = {self._shown(text)}")

    def _shown(self, text: str) -> str:
        try:
            return f"{self.value(text):#x}"
        except RingscopeError as error:
            return f"<{error}>"

    def tell(self, stop: Stop) -> None:
        """Says why the machine stands still, and where."""
        for point in stop.points:
            self.say(f"{'Temporary ' if point.temporary else ''}{point.kind} {point.number}")
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
            lines = telling.tell(self.debugger, self.symbols, stop.crossing)
        elif stop.returned is not None:
            lines = telling.tell_return(self.debugger, self.symbols, stop.returned)
        for part, text in lines:
            self.say(text, part)

    def _tell_end(self, stop: Stop) -> None:
        ending = stop.ending
        assert ending is not None, "the program has ended"
        if ending.signal:
            self.say(f"the program was killed by {ending.signal_name}")
            self.say_all(wrap(ending.cause, telling.WIDTH))
        else:
            self.say(f"the program exited with status {ending.status}")
        self.say("it can still run backwards: rsi, rc")
