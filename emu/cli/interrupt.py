"""Ctrl-C: stops the guest cleanly, whether it computes or waits for input.

While the engine runs, no Python runs, so a thread waits for the signal's wake-up byte and stops the
engine; it costs nothing until then. signal(7); Python, "signal": set_wakeup_fd.
"""

from __future__ import annotations

import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final

from emu.errors import CallerError

_NAP: Final = 0.2  # seconds: how long Ctrl-C may wait where the host restarts a call


class Interrupted(CallerError):
    """The user pressed Ctrl-C while the guest waited for the host."""

    exit_status = 130


class InterruptWatch:
    """A context in which Ctrl-C calls `stop` and sets `seen`."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._is_writing = False
        self.seen = False

    def __enter__(self) -> InterruptWatch:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._old_handler = signal.signal(signal.SIGINT, self._interrupted)
        self._old_descriptor = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._old_descriptor)
        signal.signal(signal.SIGINT, self._old_handler)
        os.write(self._write_end, b"\0")
        self._thread.join()
        os.close(self._read_end)
        os.close(self._write_end)

    def _wait(self) -> None:
        while (byte := os.read(self._read_end, 1)) != b"\0":
            if byte == bytes((signal.SIGINT,)):
                self.seen = True
                self._stop()

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True
        self._stop()
        if self._is_writing:
            raise Interrupted("interrupted while the guest waited to write")

    def write(self, descriptor: int, data: bytes) -> int:
        """os.write, which Ctrl-C ends. Raises Interrupted."""
        self._is_writing = True
        try:
            return os.write(descriptor, data)
        finally:
            self._is_writing = False

    def wait(self, wanted: Mapping[int, int], seconds: float | None) -> bool:
        """Waits, no longer than `seconds`, for poll(2) events of descriptors; tells whether.

        Raises Interrupted.
        """
        poller = select.poll()
        for descriptor, events in wanted.items():
            poller.register(descriptor, events)
        end = math.inf if seconds is None else time.monotonic() + seconds
        while not self.seen:
            rest = end - time.monotonic()
            if poller.poll(1000 * max(0.0, min(_NAP, rest))):
                return True
            if rest <= 0:
                return False
        raise Interrupted("interrupted while the guest waited for the host")
