"""Tasks in gdb's words: each is a thread with a small number, in the order in which they appear.

All processes are in one machine, so all are debugged: numbers run through all of them.
gdb's manual, "Debugging Programs with Multiple Threads".
"""

from __future__ import annotations

from emu.debug import news
from emu.debug.guest import Guest
from emu.debug.news import News
from emu.errors import UsageError


class Threads:
    """The numbers of tasks. One that ended keeps its number."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._numbers: dict[int, int] = {}
        self._last = guest.current_task()
        self.number(self._last)

    def number(self, task: int) -> int:
        """The number of `task`."""
        return self._numbers.setdefault(task, len(self._numbers) + 1)

    def task(self, number: int) -> int:
        """The task with this number. Raises UsageError."""
        for view in self._guest.tasks():
            self.number(view.number)
        for task, known in self._numbers.items():
            if known == number:
                return task
        raise UsageError(f"Unknown thread {number}.")

    def name(self, task: int) -> str:
        """Thread 2 (task 1001)."""
        return f"Thread {self.number(task)} (task {task})"

    def switched(self, task: int) -> str:
        """The name of `task`, if it is another than the last time."""
        last, self._last = self._last, task
        return "" if last == task else self.name(task)

    def about(self, told: News) -> str:
        """What made the machine stop."""
        who = self.name(told.task)
        if told.kind == news.SIGNAL:
            meaning = self._guest.signals().get(told.text, "")
            lives = any(view.number == told.task for view in self._guest.tasks())
            ended = "" if lives else "; it ended by that"
            return f"{who} received signal {told.text}, {meaning}{ended}."
        return f"{who} {self._what(told)}."

    def passing(self, told: News) -> str:
        """What is said without a stop: empty if a stop says it, or nobody wants to know."""
        who = self.name(told.task)
        if told.kind == news.SIGNAL:
            return f"{who} received signal {told.text}"
        if told.kind == news.EXIT and len(self._guest.tasks()) < 2:
            return ""  # the end of all is told by itself
        return f"{who} {self._what(told)}"

    def _what(self, told: News) -> str:
        if told.kind == news.EXEC:
            return f"is executing new program: {told.text}"
        if told.kind == news.EXIT:
            return f"ended by {told.text}" if told.text else f"exited with status {told.other}"
        made = {news.FORK: "forked", news.VFORK: "vforked", news.CLONE: "started"}[told.kind]
        return f"{made} {self.name(told.other)}"
