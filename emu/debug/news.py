"""What becomes of tasks while the machine runs: records, told by whoever knows the kernel.

gdb calls a task a thread, and a process an inferior.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FORK, VFORK, CLONE, EXEC, SIGNAL, EXIT = "fork vfork clone exec signal exit".split()
KINDS: Final = (FORK, VFORK, CLONE, EXEC, SIGNAL, EXIT)


class News(NamedTuple):
    """It happened to `task`.

    `other` is the task that was made, or the status of an exit. `text` is the path of an exec, or
    the name of a signal, also of one that ended the task.
    """

    kind: str
    task: int
    other: int = 0
    text: str = ""


class TaskView(NamedTuple):
    """A task that lives: `state` is what it does or waits for, `rip` where its ring 3 goes on."""

    number: int
    process: int
    name: str
    state: str
    rip: int
