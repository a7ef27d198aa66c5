"""The kernel's tasks as a debugger sees them: what they do, what becomes of them, their signals.

It is the kernel's observer, and passes on what it hears. gdb's manual, "Debugging Programs with
Multiple Threads".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from signal import strsignal
from typing import Final

from emu.cli.journal import Journal
from emu.debug import news
from emu.debug.news import News, TaskView
from emu.errors import UsageError
from kernel_stub import layout
from kernel_stub.abi.signals import LAST_SIGNAL, NAMES, SI_USER
from kernel_stub.entry.constants import PT_OFFSET
from kernel_stub.kernel import Kernel
from kernel_stub.pending import SigInfo
from kernel_stub.syscalls.creation import CLONE_THREAD, CLONE_VFORK
from kernel_stub.task import Task
from kernel_stub.waits import TaskEnded


def signal_name(number: int) -> str:
    """SIGUSR1, and SIG34 for a real-time one, as gdb has it."""
    return NAMES.get(number, f"SIG{number}")


_OF_THE_LIBRARY: Final = (32, 33)  # which glibc keeps for itself
SIGNALS: Final[Mapping[str, str]] = {
    signal_name(number): strsignal(number) or ""
    for number in range(1, 65)
    if number not in (32, 33)
}
_NUMBERS: Final = {signal_name(number): number for number in range(1, LAST_SIGNAL + 1)}


class GuestTasks:
    """The tasks of `kernel`. Decisions of the user go through the journal: they can be repeated."""

    def __init__(self, kernel: Kernel, journal: Journal) -> None:
        self._kernel = kernel
        self._journal = journal
        self._tell: Callable[[News], None] = lambda news: None
        self._screen: Callable[[str], bool] = lambda name: True
        kernel.observer = self
        kernel.screen = self._may_arrive

    def report(self, tell: Callable[[News], None], screen: Callable[[str], bool]) -> None:
        """Who hears of tasks, and who says whether a signal may arrive."""
        self._tell, self._screen = tell, screen

    # ---- what the kernel tells

    def _may_arrive(self, _task: Task, sent: SigInfo) -> bool:
        return bool(self._journal.ask(self._screen, signal_name(sent.signal)))

    def arrives(self, task: Task, sent: SigInfo) -> None:
        """A signal arrives at `task`."""
        self._tell(News(news.SIGNAL, task.tid, sent.pid, signal_name(sent.signal)))

    def made(self, parent: Task, child: Task, flags: int) -> None:
        """`parent` made `child`."""
        kind = news.VFORK if flags & CLONE_VFORK else news.FORK
        self._tell(News(news.CLONE if flags & CLONE_THREAD else kind, parent.tid, child.tid))

    def executed(self, task: Task) -> None:
        """`task` is another program now."""
        path = task.executable.decode("utf-8", "surrogateescape")
        self._tell(News(news.EXEC, task.tid, 0, path))

    def ends(self, task: Task, ended: TaskEnded) -> None:
        """`task` ends, unless it is alone with its whole process."""
        by = signal_name(ended.signal) if ended.signal else ""
        for each in [task] if ended.alone else list(task.process.threads):
            self._tell(News(news.EXIT, each.tid, ended.status, by))

    # ---- what a debugger asks

    def find(self, number: int) -> Task:
        """The task `number`. Raises UsageError."""
        task = self._kernel.find_task(number)
        if task is None:
            raise UsageError(f"no task {number} lives; `info threads` lists them")
        return task

    def views(self) -> list[TaskView]:
        """Each task that lives."""
        return [self._view(task) for task in self._kernel.scheduler.tasks]

    def _view(self, task: Task) -> TaskView:
        name = task.name.decode("utf-8", "replace")
        return TaskView(task.tid, task.pid, name, self._state(task), self._place(task))

    def _state(self, task: Task) -> str:
        if task.process.stopped_by:
            return f"stopped by {signal_name(task.process.stopped_by)}"
        if task.wait is not None:
            return f"waits for {task.wait.what}"
        return "runs" if task is self._kernel.task else "may run"

    def _place(self, task: Task) -> int:
        """Where its ring 3 goes on."""
        state = self._kernel.machine.engine.state
        if task is self._kernel.task and state.cpl == 3:
            return state.rip
        at: int = self._kernel.physical.words[task.cpu.frame_at + PT_OFFSET["rip"] >> 3]
        return at

    def processor_state(self, task: Task) -> bytes | None:
        """What the processor will hold when `task` runs again; None if it holds it."""
        return None if task is self._kernel.task else task.cpu.saved

    def send(self, number: int, name: str) -> None:
        """Sends a signal, which arrives as soon as ring 3 can be interrupted. Raises UsageError."""
        signal = _NUMBERS.get(name)
        if signal is None:
            raise UsageError(f"no signal {name!r}; `info signals` lists them")
        task = self.find(number)
        self._kernel.send(task, SigInfo(signal, SI_USER, task.pid, task.uid))
        self._kernel.machine.ring_soon(layout.TIMER_VECTOR)
