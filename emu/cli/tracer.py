"""Watches each system call on its way through the kernel, and writes its line.

Tables of calls in the kernel's place: they pass each call on, and see its result wherever the task
waited meanwhile. What a line says is kernel_stub/trace's matter, which are wanted is the command
line's. strace(1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cli import signal_lines
from kernel_stub.abi.abi import X86_64, Abi
from kernel_stub.calls import CallTable
from kernel_stub.entry import constants as entry
from kernel_stub.kernel import Kernel
from kernel_stub.pending import SigInfo
from kernel_stub.task import Task
from kernel_stub.trace import text
from kernel_stub.trace.line import LARGEST_ERROR, CallLine
from kernel_stub.waits import TaskEnded

_EXECVE: Final = {name: number for number, name in X86_64.numbers.items()}["execve"]


class Wanted(NamedTuple):
    """What a line shows, and which calls and tasks have one.

    `follow`: children too; `is_file`: each line then begins with the task's number. `counts_only`:
    no line at all.
    """

    is_told: Callable[[str], bool]
    string_size: int = 32
    paths: bool = False
    numbers: bool = False
    pointers: bool = False
    follow: bool = False
    is_file: bool = False
    counts_only: bool = False


class _Parked(NamedTuple):
    """A call whose task waits. `line`: None if it has none."""

    line: CallLine | None
    leader: str
    abi: Abi
    is_cut: bool = False  # another task's line came in between


class Tracer:
    """Writes a line for each wanted call of `kernel` by `write`. `calls` counts: all, failed."""

    def __init__(self, kernel: Kernel, wanted: Wanted, write: Callable[[str], None]) -> None:
        self.calls: dict[str, list[int]] = {}
        self._kernel = kernel
        self._wanted = wanted
        self._write = write
        self._first = kernel.task.tid
        self._abis: dict[int, Abi] = {self._first: X86_64}  # of each task that is followed
        self._last: dict[int, int] = {}  # the number of each task's last call that was told
        self._parked: dict[int, _Parked] = {}
        kernel.calls_64 = _TracedTable(kernel.calls_64, self)
        kernel.calls_32 = _TracedTable(kernel.calls_32, self)
        kernel.observer = self

    # ---- a task's beginning and end

    def started(self, path: bytes, argv: list[bytes], environment_at: int, count: int) -> None:
        """The call that started the program, as it would have been made."""
        task = self._kernel.task
        if self._wanted.is_told("execve"):
            words = ", ".join(text.quoted(word, self._wanted.string_size) for word in argv)
            plural = "" if count == 1 else "s"
            leader = self._leader(task, _EXECVE, self._kernel.machine.engine.rip())
            call = f"{leader}execve({text.quoted(path)}, [{words}], {environment_at:#x} "
            self._say(task, f"{call}/* {count} var{plural} */) = 0\n")
        self._changed_abi(task, task.program_abi)

    def arrives(self, task: Task, sent: SigInfo) -> None:
        """A signal arrives."""
        if self._follows(task):
            self._say(task, f"{self._nowhere(task)}{signal_lines.line(sent)}\n")

    def made(self, parent: Task, child: Task, flags: int) -> None:
        """A task has a line once it makes a call."""

    def executed(self, task: Task) -> None:
        """The call is told as each other."""

    def ends(self, task: Task, ended: TaskEnded) -> None:
        """A task ends; with all others of its process, unless it is alone."""
        for each in [task] if ended.alone else list(task.process.threads):
            if self._follows(each):
                self._ends(each, ended)
            self._parked.pop(each.tid, None)
            self._abis.pop(each.tid, None)

    def _ends(self, task: Task, ended: TaskEnded) -> None:
        parked = self._parked.pop(task.tid, None)
        if parked is not None and parked.line is not None:
            self._changed_abi(task, parked.abi)
            told = parked.line.unfinished(parked.leader, parked.is_cut)
            self._say(task, told + "\n")
        how = (
            f"killed by {text.signal_name(ended.signal)}"
            if ended.signal
            else f"exited with {ended.status}"
        )
        self._say(task, f"{self._nowhere(task)}+++ {how} +++\n")

    def _changed_abi(self, task: Task, abi: Abi) -> None:
        if abi is not self._abis[task.tid]:
            self._abis[task.tid] = abi
            bits = 8 * abi.word
            self._say(task, f"[ Process PID={task.pid} runs in {bits} bit mode. ]\n")

    def _follows(self, task: Task) -> bool:
        """Whether `task` has lines; one that is seen for the first time is told."""
        if task.tid in self._abis:
            return True
        if not self._wanted.follow:
            return False
        self._abis[task.tid] = task.program_abi
        if not self._wanted.is_file and not self._wanted.counts_only:
            self._cut(task)
            self._write(f"ringscope: Process {task.tid} attached\n")
        return True

    # ---- each call

    def begun(self, table: CallTable, task: Task, number: int, arguments: tuple[int, ...]) -> None:
        """`task` makes a call."""
        name = table.name(number)
        if not self._follows(task):
            return
        self.calls.setdefault(name, [0, 0])[0] += 1
        line = None
        if self._wanted.is_told(name) and not self._wanted.counts_only:
            wanted = self._wanted
            line = CallLine(task, table.abi, name, arguments, wanted.string_size, wanted.paths)
            self._last[task.tid] = number
        self._parked[task.tid] = _Parked(
            line, self._leader(task, number, self._rip(task)), table.abi
        )

    def _rip(self, task: Task) -> int:
        at = task.cpu.frame_at + entry.PT_OFFSET["rip"]
        rip: int = self._kernel.physical.words[at >> 3]
        return rip

    def over(self, table: CallTable, task: Task, number: int, result: int) -> None:
        """The call in which `task` was has a result."""
        parked = self._parked.pop(task.tid, None)
        if parked is None:
            return
        if -LARGEST_ERROR <= result < 0:
            self.calls[table.name(number)][1] += 1
        if parked.line is not None:
            self._changed_abi(task, parked.abi)
            rax = result & (1 << 64) - 1
            self._say(task, parked.line.ended(rax, parked.leader, parked.is_cut) + "\n")

    # ---- lines

    def _say(self, task: Task, line: str) -> None:
        if self._wanted.counts_only:
            return
        self._cut(task)
        self._write(self._prefix(task) + line)

    def _cut(self, task: Task) -> None:
        """Calls of other tasks that have not ended are told so far."""
        for other in self._kernel.scheduler.tasks:
            parked = self._parked.get(other.tid)
            if other is task or parked is None or parked.line is None or parked.is_cut:
                continue
            self._write(self._prefix(other) + parked.line.begun(parked.leader) + "\n")
            self._parked[other.tid] = parked._replace(is_cut=True)

    def _prefix(self, task: Task) -> str:
        if not self._wanted.follow:
            return ""
        if self._wanted.is_file:
            return f"{task.tid:<5} "
        return f"[pid {task.tid:5}] " if len(self._abis) > 1 else ""

    def _nowhere(self, task: Task) -> str:
        return self._leader(task, self._last.get(task.tid, _EXECVE), None)

    def _leader(self, task: Task, number: int, rip: int | None) -> str:
        """The number of a call and where it was made, if they are wanted."""
        digits = 2 * task.program_abi.word
        where = "?" * digits if rip is None else f"{rip:0{digits}x}"
        shown = f"[{number:4}] " if self._wanted.numbers else ""
        return shown + (f"[{where}] " if self._wanted.pointers else "")


class _TracedTable(CallTable):
    """The calls of one ABI, each told to a tracer."""

    def __init__(self, table: CallTable, tracer: Tracer) -> None:
        super().__init__(table.abi)
        self._tracer = tracer

    def invoke(self, task: Task, number: int, arguments: tuple[int, ...]) -> int:
        self._tracer.begun(self, task, number, arguments)
        result = super().invoke(task, number, arguments)
        self._tracer.over(self, task, number, result)
        return result

    def again(self, task: Task, number: int, arguments: tuple[int, ...]) -> int:
        self.counts[number] -= 1
        result = super().invoke(task, number, arguments)
        self._tracer.over(self, task, number, result)
        return result
