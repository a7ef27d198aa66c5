"""The kernel's tasks as threads of one program, and their signals as the client wants them.

All processes are in one machine, so all their threads are threads of the one program that a client
knows; a thread that is selected is read with its own memory. A signal is told when the kernel has
delivered it: if the client then goes on without it, the machine goes back and drops it.
gdb's manual, "Packets": `H`, `C`; "General Query Packets": `QPassSignals`.
"""

from __future__ import annotations

from collections.abc import Collection

from emu.debug import stops
from emu.debug.core import Debugger
from emu.debug.news import SIGNAL
from emu.errors import UsageError
from emu.gdb.signals import gdb_signal
from emu.gdb.target import Reason, Stop, TargetRefusal, Thread


class Tasks:
    """The threads and signals of `debugger`."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._names = list(debugger.guest.signals())
        numbers = [number for number in range(1, 65) if number not in (32, 33)]
        self._number_of = dict(zip(self._names, numbers, strict=True))
        self._name_of = {gdb_signal(number): name for name, number in self._number_of.items()}

    def threads(self) -> Collection[Thread]:
        """Each task that lives."""
        found = []
        for task in self._debugger.guest.tasks():
            process = "" if task.process == task.number else f", of process {task.process}"
            ring = self._debugger.cpl if task.state == "runs" else 0
            found.append(Thread(task.number, f"{task.name}{process}: {task.state}, ring {ring}"))
        return found

    def select(self, thread: int) -> None:
        """Reads and steps `thread`. Raises TargetRefusal."""
        try:
            self._debugger.select(thread)
        except UsageError as refusal:
            raise TargetRefusal(str(refusal)) from None

    def pass_signals(self, numbers: Collection[int] | None) -> None:
        """The client is told of all signals but these; of none with None."""
        for name in self._names:
            is_told = numbers is not None and gdb_signal(self._number_of[name]) not in numbers
            self._debugger.handling.change(name, ["stop" if is_told else "nostop"])

    def told(self, stop: stops.Stop) -> Stop | None:
        """The stop for a signal in the stub's words, if it is one."""
        if stop.kind != stops.NEWS or stop.news is None or stop.news.kind != SIGNAL:
            return None
        number = self._number_of.get(stop.news.text, 0)
        lives = any(task.number == stop.news.task for task in self._debugger.guest.tasks())
        message = "" if lives else f"{stop.news.text} ended thread {stop.news.task}"
        return Stop(Reason.SIGNAL, number, message)

    def give(self, number: int) -> None:
        """The client goes on with this signal; 0: with none. Raises UsageError."""
        stop = self._debugger.stop
        arrived = stop.news.text if stop.news and stop.news.kind == SIGNAL else ""
        wanted = self._name_of.get(number, "")
        if arrived and wanted != arrived:
            self._debugger.drop_signal()
        if wanted and wanted != arrived and stop.ending is None:
            self._debugger.send_signal(wanted)
