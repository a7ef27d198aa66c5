"""A task: what the kernel knows of one running program, and what its handlers ask of the kernel.

It holds state and no policy: handlers and the kernel decide. It does not know the processor.
Linux: credentials(7), signal(7), proc(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn, Protocol

from emu.memory.physical import PhysicalMemory
from kernel_stub.abi.signals import IGNORED_BY_DEFAULT, SIG_DFL, SIG_IGN, SS_DISABLE
from kernel_stub.usermem import UserMemory

if TYPE_CHECKING:
    from kernel_stub.abi.abi import Abi
    from kernel_stub.mm import AddressSpace
    from kernel_stub.vfs import Vfs
    from kernel_stub.vfs.files import FileTable, FsContext


class TaskEnded(Exception):
    """The program ended: with `status`, or killed by `signal` (0: none)."""

    def __init__(self, status: int, signal: int = 0) -> None:
        super().__init__(status, signal)
        self.status = status
        self.signal = signal


class Services(Protocol):
    """The kernel as handlers know it. Times are guest time, in nanoseconds."""

    physical: PhysicalMemory
    hwcap: int
    vfs: Vfs

    def now_ns(self) -> int:
        """CLOCK_REALTIME."""

    def file_time_shown(self, time_ns: int) -> None:
        """The program learned that a file was modified at `time_ns`: it is not earlier now."""

    def uptime_ns(self) -> int:
        """CLOCK_MONOTONIC."""

    def cpu_ns(self) -> int:
        """How long the program ran: CLOCK_MONOTONIC without its sleep."""

    def sleep_until(self, uptime_ns: int) -> None:
        """Lets guest time pass until CLOCK_MONOTONIC shows `uptime_ns`; no host time passes."""

    def random_bytes(self, count: int) -> bytes:
        """Deterministic random bytes, from the seed."""

    def write_out(self, fd: int, data: bytes) -> int:
        """Writes to the host's descriptor `fd` as os.write; the user may interrupt it."""

    def wait_for_console(self, task: Task, fd: int, event: int) -> None:
        """Waits until the host's descriptor `fd` has a poll(2) event; alarms ring meanwhile."""

    def wait_outside(self, wanted: Mapping[int, int], timeout_ns: int | None) -> bool:
        """Waits until a descriptor of the host has one of its poll(2) events; returns whether.

        The host's time passes, not the guest's. None waits for ever; the user may interrupt.
        """

    def exit_group(self, task: Task, status: int) -> NoReturn:
        """Ends the program with `status`. Raises TaskEnded."""

    def signal(self, task: Task, number: int, code: int = 0, address: int = 0) -> None:
        """Sends signal `number`; its default action may raise TaskEnded."""

    def deadlock(self, task: Task, waits_for: str) -> NoReturn:
        """The program waits for what can never come. Raises a RingscopeError."""

    def get_fs_base(self) -> int: ...
    def set_fs_base(self, address: int) -> None: ...
    def get_gs_base(self) -> int: ...
    def set_gs_base(self, address: int) -> None: ...

    def get_tls_descriptor(self, slot: int) -> int:
        """The descriptor in TLS slot 0, 1 or 2 of the GDT."""

    def set_tls_descriptor(self, slot: int, descriptor: int) -> None:
        """Sets the descriptor in TLS slot 0, 1 or 2 of the GDT."""

    def tables_changed(self, task: Task) -> None:
        """The I/O permissions or the LDT of `task`, which runs, have changed."""


class Task:
    """One task. `abi` is that of the system call it is in: 64-bit code may use `int 0x80`."""

    def __init__(
        self,
        kernel: Services,
        pid: int,
        space: AddressSpace,
        files: FileTable,
        fs: FsContext,
        abi: Abi,
    ) -> None:
        self.kernel = kernel
        self.pid = pid
        self.parent_pid = 1
        self.files = files
        self.fs = fs
        self.abi = abi
        self.program_abi = abi
        self.name = b""
        self.executable = b""
        self.arguments: list[bytes] = []
        self.environment: list[bytes] = []
        self.auxv = b""
        self.uid = self.gid = 0
        self.groups: list[int] = []
        self.signal_actions: dict[int, bytes] = {}
        self.signal_mask = 0
        self.signal_pending = 0
        self.signal_stack = (0, SS_DISABLE, 0)
        self.timers: dict[int, tuple[int, int]] = {}  # setitimer(2): interval, deadline in ns
        self.process_group = pid
        self.session = self.parent_pid
        self.personality = 0
        self.policy = self.nice = 0
        self.dumpable = 1
        self.no_new_privileges = 0
        self.parent_death_signal = 0
        self.timer_slack_ns = 50_000
        self.clear_child_tid = 0
        self.robust_list = (0, 0)
        self.limits: dict[int, tuple[int, int]] = {}
        self.io_level = 0  # iopl(2)
        self.io_bitmap: bytes | None = None  # ioperm(2): a 0 for each port that is allowed
        self.use(space)

    def has_handler(self, signal: int) -> bool:
        """Whether the program installed a function for `signal`."""
        return self._disposition(signal) > SIG_IGN

    def ignores(self, signal: int) -> bool:
        """Whether `signal` would vanish: ignored by the program, or by default."""
        disposition = self._disposition(signal)
        return disposition == SIG_IGN or (disposition == SIG_DFL and signal in IGNORED_BY_DEFAULT)

    def _disposition(self, signal: int) -> int:
        """sa_handler of `signal`: the first word of its struct sigaction."""
        action = self.signal_actions.get(signal)
        word = self.program_abi.word
        return int.from_bytes(action[:word], "little") if action else SIG_DFL

    def use(self, space: AddressSpace) -> None:
        """From now on the task lives in `space`."""
        self.space = space
        self.memory = UserMemory(space)
