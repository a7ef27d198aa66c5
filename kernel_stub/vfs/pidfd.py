"""Descriptors of processes: they tell when a process, or one thread, has ended.

What may be done to a process by one, the handlers know. pidfd_open(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from kernel_stub.errno import EINVAL, Errno
from kernel_stub.vfs.inode import AnonymousFile, Attributes, Inode
from kernel_stub.vfs.modes import O_RDWR, POLLHUP, POLLIN

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class Watched(Protocol):
    """A process as its descriptors see it; `left_at`: the moment when a task last left it."""

    threads: list[Any]
    is_alive: bool
    is_reaped: bool
    left_at: int


class PidFile(AnonymousFile):
    """An open process. `thread`: the one task that it stands for; None: the whole process."""

    def __init__(
        self, attributes: Attributes, process: Any, thread: Caller | None, flags: int
    ) -> None:
        super().__init__(Inode(attributes), flags | O_RDWR)
        self.process = process
        self.thread = thread

    @property
    def has_ended(self) -> bool:
        """Whether the program has ended, be it that nobody waited for it yet."""
        process: Watched = self.process
        if self.thread is None or not process.is_alive:
            return not process.is_alive
        return self.thread not in process.threads

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it: neither a task nor a status."""
        process: Watched = self.process
        is_member = self.thread is not None and self.thread.tid != self.thread.pid
        return process.is_reaped or (is_member and self.has_ended)

    def read(self, task: Caller, size: int) -> bytes:
        raise Errno(EINVAL)

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        raise Errno(EINVAL)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        raise Errno(EINVAL)

    def poll(self, task: Caller) -> int:
        return POLLIN * self.has_ended | POLLHUP * self.is_gone

    def pulse(self, task: Caller, events: int) -> int:
        process: Watched = self.process
        return process.left_at
