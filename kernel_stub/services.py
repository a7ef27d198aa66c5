"""What a system call's handler may ask of the kernel. An interface only; kernel.py implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from emu.memory.physical import PhysicalMemory

if TYPE_CHECKING:
    from kernel_stub.task import Task
    from kernel_stub.vfs import Vfs


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

    def uptime_ns(self) -> int:
        """CLOCK_MONOTONIC."""

    def sleep_until(self, uptime_ns: int) -> None:
        """Lets guest time pass until CLOCK_MONOTONIC shows `uptime_ns`; no host time passes."""

    def random_bytes(self, count: int) -> bytes:
        """Deterministic random bytes, from the seed."""

    def wait_readable(self, fd: int) -> None:
        """Waits until the host's descriptor `fd` can be read, or the user interrupts."""

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
