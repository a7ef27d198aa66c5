"""What the stub asks of whatever is debugged: a Protocol, and the words for what stopped it.

A session holds one target. It speaks of registers by the names of emu.gdb.registers, of memory by
linear addresses, of files as the program sees them. It knows no packet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple, Protocol


class Reason(Enum):
    """Why the target stands still. The value says it in words."""

    STEPPED = "it did what it was told to"
    SWBREAK = "a breakpoint"
    HWBREAK = "a hardware breakpoint"
    WATCH_WRITE = "a watched place was written"
    WATCH_READ = "a watched place was read"
    WATCH_ACCESS = "a watched place was read or written"
    SYSCALL_ENTRY = "a system call begins"
    SYSCALL_RETURN = "a system call has returned"
    SIGNAL = "an instruction of the program caused a signal"
    INTERRUPTED = "the client asked for it"
    HISTORY_BEGIN = "running backwards, it came to the start"
    HISTORY_END = "running forwards again, it came to where it was"
    EXITED = "the program ended"
    KILLED = "a signal ended the program"

    @property
    def is_end(self) -> bool:
        """Whether there is no program any more."""
        return self in (Reason.EXITED, Reason.KILLED)


class Stop(NamedTuple):
    """Why the target stands still. `value`: the address, system call, signal or status.

    `message` is for the client's user; `thread` is the one that runs.
    """

    reason: Reason
    value: int = 0
    message: str = ""
    thread: int = 1


class Thread(NamedTuple):
    """A thread by its number, and what it does, for people."""

    number: int
    about: str


class Point(Enum):
    """What a client may insert, by the number in the packet `Z`."""

    SOFTWARE = 0
    HARDWARE = 1
    WRITE = 2
    READ = 3
    ACCESS = 4


class TargetRefusal(Exception):
    """The target cannot do what it was asked to do. `str` is one sentence."""


class Target(Protocol):
    """A program on a machine, standing still between the calls of this interface."""

    @property
    def bits(self) -> int:
        """64, or 32 for an i386 program. It decides the registers' layout."""

    @property
    def pid(self) -> int:
        """The program's process id, as the program sees it."""

    @property
    def stop(self) -> Stop:
        """Why it stands still now."""

    def read_register(self, name: str) -> int:
        """The register `name` of emu.gdb.registers' layout.

        One that has a base and a limit is base | limit << 64.
        """

    def write_register(self, name: str, value: int) -> None:
        """Sets one register. Raises TargetRefusal where it would be nonsense."""

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at a linear address, fewer where memory ends. It changes nothing."""

    def write(self, address: int, content: bytes) -> None:
        """Writes all of `content`, or nothing. Raises TargetRefusal."""

    def insert(self, point: Point, address: int, size: int) -> None:
        """A breakpoint or watchpoint. Raises TargetRefusal."""

    def remove(self, point: Point, address: int, size: int) -> None:
        """Takes it away again; it need not be there."""

    def forget_points(self) -> None:
        """Takes every breakpoint, watchpoint and caught system call away: the client left."""

    def catch_syscalls(self, numbers: Collection[int] | None) -> None:
        """Stops at these system calls from now on; at all with an empty list, at none with None."""

    def threads(self) -> Collection[Thread]:
        """All threads; none if the program has ended."""

    def select(self, thread: int) -> None:
        """Registers, memory and steps are those of `thread` until it runs. Raises TargetRefusal."""

    def pass_signals(self, numbers: Collection[int]) -> None:
        """The client need not be told of these signals, by gdb's numbers."""

    def give_signal(self, number: int) -> None:
        """It goes on with this signal, by gdb's number, or 0: none. Raises TargetRefusal."""

    def step(self) -> Stop:
        """One instruction of the thread that is selected; the others run meanwhile."""

    def resume(self) -> Stop:
        """Runs until something stops it."""

    def step_back(self) -> Stop:
        """Undoes one instruction. Raises TargetRefusal."""

    def resume_back(self) -> Stop:
        """Runs backwards until something stops it. Raises TargetRefusal."""

    def interrupt(self) -> None:
        """Makes a call that runs return soon. From any thread, at any time."""

    def auxiliary_vector(self) -> bytes:
        """The program's auxv, as on its stack."""

    def executable(self) -> bytes:
        """The program's path."""

    def read_file(self, path: bytes) -> bytes:
        """A whole file as the program sees it. Raises OSError."""

    def read_link(self, path: bytes) -> bytes:
        """Where a symbolic link leads. Raises OSError."""

    def libraries(self) -> Collection[Library]:
        """What is loaded beside the program, for `info sharedlibrary`."""

    def kernel_symbols(self) -> Mapping[str, int]:
        """The kernel's names, with their addresses, in order of address."""

    def tell(self, topic: str, number: int | None) -> list[str]:
        """Lines for people about a topic of emu.gdb.monitor's rows. Raises TargetRefusal."""


class Library(NamedTuple):
    """A file that is mapped: the address of its link map, its bias, its dynamic section."""

    name: str
    link_map: int
    bias: int
    dynamic: int
