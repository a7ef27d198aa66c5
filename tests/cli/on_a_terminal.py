"""A command on a terminal of its own, typed at and read from. pty(7)."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time
from typing import Any, Final

from tests.fixtures.programs import ROOT

PATIENCE: Final = 60  # seconds, on a busy machine


class OnATerminal:
    """`ringscope` with `arguments`. Whatever is awaited comes, or AssertionError."""

    def __init__(self, *arguments: str) -> None:
        self.output = ""
        self.pid, self._end = pty.fork()
        if not self.pid:
            os.chdir(ROOT)
            os.environ["PYTHONPATH"] = str(ROOT)
            os.execv(sys.executable, [sys.executable, "-m", "emu", *arguments])

    def __enter__(self) -> OnATerminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._end)

    def type(self, text: str) -> None:
        """What the user types; control characters as they are."""
        os.write(self._end, text.encode())

    def await_text(self, text: str) -> str:
        """Reads on until `text` was written; what stood before it."""
        before, found, after = self._split(text)
        while not found:
            assert self._read(), f"no {text!r} in {self.output!r}"
            before, found, after = self._split(text)
        self.output = after
        return before

    def _split(self, text: str) -> tuple[str, str, str]:
        return self.output.replace("\r\n", "\n").partition(text)

    def _read(self) -> bool:
        if not select.select([self._end], [], [], PATIENCE)[0]:
            return False
        try:
            self.output += os.read(self._end, 4096).decode()
        except OSError:  # EIO: nobody has it open any more
            return False
        return True

    def settings(self) -> list[Any]:
        """The terminal's, as tcgetattr(3) gives them."""
        return termios.tcgetattr(self._end)

    def state(self) -> int:
        """Awaits the end of the command, or its stop; the status as waitpid(2) gives it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if found:
                if not os.WIFSTOPPED(status):
                    self.pid = 0
                return status
            if select.select([self._end], [], [], 0.02)[0]:
                self._read()
        raise AssertionError(f"it neither ended nor stopped: {self.output!r}")
