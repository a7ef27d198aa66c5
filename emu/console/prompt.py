"""The prompt: lines read with editing, history and completion by the library `readline`.

It is Python's own, which is enough: editing, a history across sessions, completion. Without a
terminal, lines come from where standard input comes from. readline(3).
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from emu.console import command as kinds
from emu.console.expressions import SIZES
from emu.console.pointing import MECHANISMS
from emu.console.session import Session
from emu.console.system import INFOS
from emu.debug import registers
from emu.debug.handling import WORDS
from emu.errors import RingscopeError
from emu.x86 import vectors

_HISTORY_LENGTH: Final = 1000
_MOST: Final = 500
_BREAKS: Final = " \t\n()[]{}<>=+-*/%&|^~!,"
_CAUGHT: Final = (
    *("syscall", "crossing", "vector", "return", "mode", *MECHANISMS),
    *("fork", "vfork", "clone", "exec", "exit", "signal"),
)
_SETTINGS: Final = {
    "disassembly-flavor": ["att", "intel"],
    "breakpoint": ["pending"],
    "pending": ["auto", "off", "on"],
    "follow-fork-mode": ["child", "parent"],
}


def history_file() -> str:
    """Where the history is kept: $RINGSCOPE_HISTORY, or below the user's state directory."""
    chosen = os.environ.get("RINGSCOPE_HISTORY")
    if chosen is not None:
        return chosen
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "ringscope", "history")


def completions(session: Session, line: str, word: str) -> list[str]:
    """What `word`, the last one of `line`, may be completed to."""
    before = line[: len(line) - len(word)]
    if not before.strip():
        names = {name for command in session.commands for name in command.names}
        return sorted(name for name in names if name.startswith(word))
    try:
        kind = session.find(before.split()[0].partition("/")[0]).completes
    except RingscopeError:
        return []
    found = set(_candidates(session, kind, before, word))
    return sorted(one for one in found if one.startswith(word))


def _candidates(session: Session, kind: str, before: str, word: str) -> list[str]:
    if word.startswith("$"):
        return [f"${name}" for name in registers.names()]
    words = before.split()[1:]
    if kind == kinds.COMMAND:
        return [command.names[0] for command in session.commands]
    if kind == kinds.INFO and not words:
        return list(INFOS)
    if kind == kinds.CATCH:
        return _caught(session, words)
    if kind == kinds.SETTING and not words:
        return [*_SETTINGS, *SIZES]
    if kind == kinds.SETTING and words[-1] in _SETTINGS:
        return _SETTINGS[words[-1]]
    if kind == kinds.SIGNALS:
        return [*session.debugger.guest.signals(), *WORDS]
    if kind in (kinds.LOCATION, kinds.EXPRESSION, kinds.SETTING):
        return session.symbols.names()
    return []


def _caught(session: Session, words: list[str]) -> list[str]:
    if not words:
        return list(_CAUGHT)
    if words[0] == "syscall":
        return list(session.debugger.guest.call_names())
    if words[0] == "vector":
        return [row.mnemonic for row in vectors.TABLE.values()]
    if words[0] == "signal":
        return list(session.debugger.guest.signals())
    return list(MECHANISMS) if words[0] == "crossing" else []


def converse(session: Session, read: Callable[[str], str]) -> None:
    """Reads commands by `read(prompt)` and executes them until the user ends it."""
    last = ""
    while not session.is_over:
        try:
            line = read(session.prompt)
        except EOFError:
            session.say()
            return
        except KeyboardInterrupt:
            session.say("\nquit ends the debugger")
            continue
        if not line.strip():
            line = last if session.repeats(last) else ""
        last = line
        session.execute(line)


def _typed(prompt: str) -> str:
    """A line of the terminal, at which Ctrl-C means the line: the guest does not run."""
    of_the_guest = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(prompt)
    finally:
        signal.signal(signal.SIGINT, of_the_guest)


class Editor:
    """A context in which `read` edits lines, if there is a terminal."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._file = history_file()
        self._found: list[str] = []

    def __enter__(self) -> Editor:
        self.is_terminal = sys.stdin is not None and sys.stdin.isatty()
        if self.is_terminal:
            import readline

            self._session.columns = lambda: shutil.get_terminal_size().columns
            self._session.ask = self._ask
            readline.parse_and_bind("tab: complete")
            readline.set_completer_delims(_BREAKS)
            readline.set_completer(self._complete)
            readline.set_history_length(_HISTORY_LENGTH)
            with suppress(OSError):
                readline.read_history_file(self._file)
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_terminal and self._file:
            import readline

            with suppress(OSError):
                os.makedirs(os.path.dirname(self._file) or ".", exist_ok=True)
                readline.write_history_file(self._file)

    def read(self, prompt: str) -> str:
        """One line. Raises EOFError at the end of input, KeyboardInterrupt at Ctrl-C."""
        if self.is_terminal:
            return _typed(prompt)
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            raise EOFError
        return line

    def _ask(self, question: str) -> bool:
        """Whether the user says yes."""
        try:
            return self.read(question).strip().lower() in ("y", "yes")
        except (EOFError, KeyboardInterrupt):
            return False

    def _complete(self, word: str, state: int) -> str | None:
        import readline

        if not state:
            line = readline.get_line_buffer()[: readline.get_endidx()]
            found = completions(self._session, line, word)[:_MOST]
            self._found = [f"{found[0]} "] if len(found) == 1 else found
        return self._found[state] if state < len(self._found) else None
