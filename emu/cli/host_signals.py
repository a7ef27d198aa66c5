"""Signals that the user sends while a program runs: the program gets them, or the run ends.

Ctrl-C is the program's, as on a terminal of its own; Ctrl-\\ ends the run, whatever it does.
While the engine runs, no Python runs, so a thread waits for the signal's wake-up byte and stops the
engine; it costs nothing until then. signal(7); Python, "signal": set_wakeup_fd.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Final

from emu.errors import Interrupted
from emu.machine import Machine
from kernel_stub import layout
from kernel_stub.kernel import Kernel

PASSED_ON: Final = (
    *(signal.SIGINT, signal.SIGTSTP, signal.SIGWINCH),  # from the terminal
    *(signal.SIGTERM, signal.SIGHUP),
)
ENDS_THE_RUN: Final = (signal.SIGQUIT,)
_MANY: Final = 4096
_AGAIN: Final = 0.05  # seconds; the engine was perhaps about to start when it was stopped


def ignored_by_parent() -> list[int]:
    """The signals that whoever started ringscope ignores: a program inherits that, as by nohup(1).

    What is told of SIGPIPE and SIGXFSZ is lost, because Python ignores them itself.
    """
    found = []
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            found.append(int(number))
    return sorted(found)


class HostSignals:
    """A context in which signals reach the program of `kernel`. `ended_by`: what ended the run."""

    def __init__(self, machine: Machine, kernel: Kernel) -> None:
        self._machine = machine
        self._kernel = kernel
        self._old: dict[int, object] = {}
        self.ended_by = 0
        self.was_told_to_stop = False  # by Ctrl-Z

    def __enter__(self) -> HostSignals:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._woken_end, self._wake_end = os.pipe()  # ends a wait, which Python would restart
        os.set_blocking(self._wake_end, False)
        self._old_descriptor = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in (*PASSED_ON, *ENDS_THE_RUN):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) and `&` leave it
                self._old[number] = signal.signal(number, self._came)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._kernel.wait_for_host = self.wait
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._old_descriptor)
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it came from there
        os.write(self._write_end, b"\0")
        self._thread.join()
        for end in (self._read_end, self._write_end, self._woken_end, self._wake_end):
            os.close(end)

    def _came(self, number: int, _frame: FrameType | None) -> None:
        """In the main thread, between two instructions of Python."""
        if number in ENDS_THE_RUN:
            self.ended_by = number
            self._machine.engine.stop()
        else:
            self.was_told_to_stop |= number == signal.SIGTSTP
            self._kernel.user_sent(number)

    def _watch(self) -> None:
        """In a thread: the engine must stop and a wait end, or `_came` is never called.

        A signal that comes just before a wait does not end it: only the byte here does.
        """
        while number := os.read(self._read_end, 1)[0]:
            with suppress(BlockingIOError):  # it is full of them
                os.write(self._wake_end, b"\0")
            if number in ENDS_THE_RUN:
                self._machine.engine.stop()
            while number in PASSED_ON:
                self._machine.ring_soon(layout.TIMER_VECTOR)
                if self._has_byte(_AGAIN) or not self._kernel.user_signals:
                    break

    def _has_byte(self, seconds: float) -> bool:
        return bool(select.select([self._read_end], [], [], seconds)[0])

    def wait(self, wanted: Mapping[int, int], seconds: float | None) -> bool:
        """Waits, no longer than `seconds`, for poll(2) events of descriptors, or for a signal.

        Raises Interrupted: the run ends.
        """
        poller = select.poll()
        poller.register(self._woken_end, select.POLLIN)
        for descriptor, events in wanted.items():
            poller.register(descriptor, events)
        ready = poller.poll(None if seconds is None else 1000 * seconds)
        if (self._woken_end, select.POLLIN) in ready:
            os.read(self._woken_end, _MANY)
        if not self.ended_by:
            return bool(ready)
        raise Interrupted("interrupted while the guest waited for the host")
