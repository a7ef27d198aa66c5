"""What the file system asks of the task that calls it, and of the kernel behind that task.

Protocols only: the rooms above (task, kernel) fulfil them. This module is imported by type checkers
alone, and costs a run nothing.
credentials(7), proc(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Kernel(Protocol):
    """The services of the kernel that files need. Times are guest time."""

    physical: Any

    @property
    def network(self) -> Any:
        """The guest's network."""

    def now_ns(self) -> int:
        """CLOCK_REALTIME."""

    def uptime_ns(self) -> int:
        """CLOCK_MONOTONIC."""

    def random_bytes(self, count: int, /) -> bytes:
        """Bytes from the seeded generator."""

    def write_out(self, fd: int, data: bytes, /) -> int:
        """Writes to a descriptor of the host, as os.write; Ctrl-C is heard meanwhile."""

    def signal(self, task: Any, number: int, /) -> None:
        """Sends the signal `number` to `task`."""

    def leaders(self) -> list[Any]:
        """A task of each process; of one that ended, what remains."""

    def require_foreground(self, task: Any, terminal: Any, signal: int, /) -> None:
        """Only the terminal's foreground group may go on. Raises Errno, and Blocked."""

    def signal_group(self, group: int, number: int, /) -> None:
        """Sends the signal `number` to every process of a group, from the kernel."""

    def session_of_group(self, group: int, /) -> int:
        """The session of a process group; 0: there is none."""

    def terminal_of(self, session: int, /) -> Any:
        """The pseudo-terminal that controls a session, or None."""

    def block(
        self,
        task: Any,
        what: str,
        ready: Callable[[], bool],
        timeout_ns: int | None = None,
        outside: Mapping[int, int] = {},
        *,
        due: int | None = None,
    ) -> None:
        """Waits: the call is made anew when `ready`, or at `due`. Raises Errno, and Blocked."""


class Space(Protocol):
    """The address space, as /proc shows it."""

    regions: Any
    pages: Any
    tables: Any

    def maps_text(self) -> bytes:
        """The lines of /proc/PID/maps."""


class Descriptors(Protocol):
    """The task's open files, as /proc and /dev show them."""

    def numbers(self) -> list[int]:
        """The open descriptors in ascending order."""

    def any(self, descriptor: int) -> Any:
        """The open file description, O_PATH or not. Raises Errno(EBADF)."""


class Places(Protocol):
    """Where the task's path walks start; the members are directories of the tree."""

    @property
    def cwd(self) -> Any: ...
    @property
    def root(self) -> Any: ...
    @property
    def umask(self) -> int: ...


class Caller(Protocol):
    """A task as files see it.

    `progress` is how many bytes of a write that waits went already; `opening` is the fifo's end
    that waits for the other.
    """

    progress: int
    opening: Any

    @property
    def program_abi(self) -> Any: ...

    @property
    def kernel(self) -> Kernel: ...
    @property
    def files(self) -> Descriptors: ...
    @property
    def fs(self) -> Places: ...
    @property
    def space(self) -> Space: ...
    @property
    def pid(self) -> int: ...
    @property
    def tid(self) -> int: ...
    @property
    def threads(self) -> list[Any]: ...
    @property
    def state(self) -> bytes: ...
    @property
    def is_zombie(self) -> bool:
        """Whether its program has ended, and nobody waited for it yet."""

    @property
    def parent_pid(self) -> int: ...
    @property
    def tracer_pid(self) -> int: ...
    @property
    def identity(self) -> Any:
        """All its ids, as /proc shows them."""

    @property
    def uid(self) -> int:
        """The user by whose rights files are opened; so `gid`."""

    @property
    def gid(self) -> int: ...
    @property
    def groups(self) -> tuple[int, ...]: ...
    def is_able(self, capability: int, /) -> bool:
        """Whether it may use a capability."""

    def may_look_into(self, other: Any, /, by_files: bool = False) -> bool:
        """Whether it may see what another task has open, and where."""

    @property
    def name(self) -> bytes: ...
    @property
    def executable(self) -> bytes: ...
    @property
    def arguments(self) -> list[bytes]: ...
    @property
    def environment(self) -> list[bytes]: ...
    @property
    def auxv(self) -> bytes: ...
    @property
    def signal_mask(self) -> int: ...
    @property
    def session(self) -> int: ...
    @property
    def process_group(self) -> int: ...
    def ignores(self, signal: int, /) -> bool:
        """Whether a signal would vanish."""

    def blocks(self, signal: int, /) -> bool:
        """Whether a signal has to wait."""

    @property
    def limits(self) -> dict[int, tuple[int, int]]: ...
