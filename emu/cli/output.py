"""Where the ledger goes: stderr, or a file that is either whole or not there.

It knows nothing of ledgers.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from emu.errors import UsageError


def say(text: str) -> None:
    """Writes `text` to stderr, where the tool speaks; nowhere if the user closed it."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.flush()
            sys.stderr.buffer.write(_bytes(text))
            sys.stderr.buffer.flush()


def _bytes(text: str) -> bytes:
    """As bytes; what was no UTF-8 in the program's arguments is what it was."""
    return text.encode("utf-8", "surrogateescape")


class Output:
    """The destination of a report. The file is tried at once, so that a long run is not lost."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._is_new = False
        if path is not None:
            self._is_new = not os.path.lexists(path)
            self._open("ab")

    def _open(self, mode: str, text: bytes = b"") -> None:
        assert self._path is not None
        try:
            with open(self._path, mode) as file:
                file.write(text)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"cannot write {self._path}: {reason}; choose another -o") from None

    def write(self, text: str) -> None:
        """Writes the whole report."""
        if self._path is None:
            say(text)
        else:
            self._open("wb", _bytes(text))

    def abandon(self) -> None:
        """There is no report: a file made for it does not stay behind."""
        if self._is_new and self._path is not None:
            os.unlink(self._path)
