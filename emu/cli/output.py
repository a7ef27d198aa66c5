"""Where text goes: stdout, stderr, or a file that is either whole or not there.

It knows nothing of ledgers.
"""

from __future__ import annotations

import os
import stat
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


def show(text: str) -> None:
    """Writes `text` to stdout: what a verb that runs nothing was asked for."""
    with suppress(BrokenPipeError):  # whoever read it has seen enough
        sys.stdout.buffer.write(_bytes(text))
        sys.stdout.buffer.flush()


def _bytes(text: str) -> bytes:
    """As bytes; what was no UTF-8 in the program's arguments is what it was."""
    return text.encode("utf-8", "surrogateescape")


class Output:
    """The destination of a report. The file is opened at once, so that a long run is not lost.

    What was in a regular file goes only when the report is there; a pipe, a terminal, or the file
    that the guest itself writes to, is appended to.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file = -1
        self._is_new = False
        if path is None:
            return
        self._is_new = not os.path.lexists(path)
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"cannot write {path}: {reason}; choose another -o") from None

    def write(self, text: str) -> None:
        """Writes the whole report."""
        if self._path is None:
            say(text)
            return
        status = os.fstat(self._file)
        if stat.S_ISREG(status.st_mode):
            if _is_guests(status):
                os.lseek(self._file, 0, os.SEEK_END)
            else:
                os.ftruncate(self._file, 0)
        try:
            with open(self._file, "wb") as file:
                file.write(_bytes(text))
        except OSError as error:
            raise UsageError(f"cannot write {self._path}: {error.strerror}") from None

    def abandon(self) -> None:
        """There is no report: a file made for it does not stay behind."""
        if self._is_new and self._path is not None:
            os.unlink(self._path)


def _is_guests(status: os.stat_result) -> bool:
    """Whether the guest's stdout or stderr is the file of `status`."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), status):
                return True
    return False
