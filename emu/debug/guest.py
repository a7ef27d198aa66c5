"""What the debugging core asks of whoever knows the kernel that runs. Interfaces only.

The core counts, stops and shows what the processor does; names of system calls, the frame that the
entry code builds, and what a kernel keeps outside of the machine, it learns here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from emu.debug.news import News, TaskView


class Ending(NamedTuple):
    """How the program ended: by itself with `status`, or by the signal `signal` (0: none)."""

    status: int
    signal: int = 0
    signal_name: str = ""
    cause: str = ""


class Mapped(NamedTuple):
    """A piece of linear memory. `rights` as in /proc/pid/maps; `user`: ring 3 may use it."""

    start: int
    end: int
    rights: str
    name: str
    offset: int = 0
    user: bool = True


class Named(NamedTuple):
    """A symbol where it stands in memory."""

    name: str
    address: int
    size: int
    module: str


class SourceLine(NamedTuple):
    """Instructions from `start` up to `end` that come from one line of a source.

    `file` as the compiler was told of it. `is_statement`: `start` is a good place to stop.
    `is_assembly`: each line is an instruction.
    """

    file: str
    line: int
    start: int
    end: int
    is_statement: bool
    is_assembly: bool

    def __str__(self) -> str:
        return f"{self.file.rpartition('/')[2]}:{self.line}"


class Guest(Protocol):
    """The kernel of the machine, as a debugger knows it."""

    def ending(self) -> Ending | None:
        """How the program ended; None while it runs."""

    def mappings(self) -> list[Mapped]:
        """The program's memory and the kernel's, by address."""

    def peek(self, address: int, size: int) -> bytes:
        """What a first touch of `address` would find there, without it; b"" where nothing is."""

    def symbols(self) -> Iterable[Named]:
        """The names of all that is mapped now, the kernel's included."""

    def layout(self) -> object:
        """Something that compares equal as long as `symbols` would give the same."""

    def line_at(self, address: int) -> SourceLine | None:
        """The source line at `address`; None where nobody knows."""

    def lines_in(self, is_wanted: Callable[[str], bool]) -> list[SourceLine]:
        """Every statement of the source files whose name is wanted, by address."""

    def source_files(self) -> list[str]:
        """The names of all source files that are known now, in the order of the alphabet."""

    def lined(self) -> list[tuple[int, int]]:
        """Where code with source lines stands: first addresses, and those behind the last.

        The dynamic linker is left out: whoever steps into a function does not want to see how it
        is found.
        """

    def call_name(self, number: int, mechanism: str, long: bool) -> str:
        """The name of system call `number` made by `mechanism` from 64-bit code (`long`) or not."""

    def call_names(self) -> frozenset[str]:
        """The names of all system calls."""

    def call_arguments(self, mechanism: str, long: bool) -> tuple[str, ...]:
        """The registers that hold the arguments of a call made so, in order."""

    def saved_frame(self) -> tuple[int, Mapping[str, int]] | None:
        """Address and content of what the entry code saved; None while ring 3 runs."""

    def answered(self) -> Mapping[str, tuple[int, int]]:
        """What the last answer in Python changed of the saved frame: old and new, by name."""

    def snapshot(self) -> object:
        """All that the kernel keeps outside of the machine. Raises RingscopeError if it cannot."""

    def restore(self, snapshot: object) -> None:
        """The kernel is again as it was at `snapshot`, which may be used once more."""

    def changed(self, snapshot: object) -> None:
        """From `snapshot` on the machine goes another way: what was to come is not known."""

    def retract(self) -> bool:
        """Whether a handover was interrupted before it did anything: then it will come again."""

    # ---- tasks. What is asked above and below is asked of the task that is looked at.

    def tasks(self) -> list[TaskView]:
        """The tasks that live, in the order of their making."""

    def current_task(self) -> int:
        """The task that the processor runs, or ran last."""

    def look_at(self, task: int) -> bytes | None:
        """From now on `task` is looked at; its processor's state, None if the processor has it.

        Raises UsageError: there is no such task.
        """

    def change_task(self, task: int, state: bytes) -> None:
        """What the processor will find when `task`, which does not run, runs again."""

    def report(self, tell: Callable[[News], None], screen: Callable[[str], bool]) -> None:
        """From now on `tell` hears of tasks; `screen` says whether a signal may arrive, by name."""

    def report_layout(self, tell: Callable[[], None] | None) -> None:
        """From now on `tell` hears when the task that runs has files mapped as none had before."""

    def send_signal(self, task: int, name: str) -> None:
        """Sends a signal to `task`, which arrives soon. Raises UsageError."""

    def signals(self) -> Mapping[str, str]:
        """All signals, by name, with what they mean."""

    def auxiliary_vector(self) -> bytes:
        """The program's auxiliary vector, as /proc/pid/auxv shows it."""

    def executable(self) -> str:
        """The program's path."""

    def process_id(self) -> int:
        """The process's number, as the guest sees it."""

    def is_long(self) -> bool:
        """Whether the program is a 64-bit one."""
