"""Pipes, fifos and event counters: bytes and numbers between the tasks of the guest.

A read or write that cannot go on is made again when it can.
pipe(7), fifo(7), eventfd(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.signals import SIGPIPE
from kernel_stub.errno import EAGAIN, EINVAL, ENXIO, EPIPE, Errno
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import (
    O_ACCMODE,
    O_NONBLOCK,
    O_RDONLY,
    O_RDWR,
    O_WRONLY,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    S_IFIFO,
)

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

CAPACITY: Final = 65536
PIPE_BUF: Final = 4096
LARGEST_COUNT: Final = (1 << 64) - 2


class Pipe(Inode):
    """The bytes between the writers and the readers; a fifo is one with a name."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__(attributes)
        attributes.st_mode = S_IFIFO | attributes.st_mode & 0o7777
        self.buffer = bytearray()
        self.capacity = CAPACITY
        self.readers = 0
        self.writers = 0

    def open(self, task: Caller, flags: int) -> OpenFile:
        """Opens an end of a fifo: it waits for the other one, unless O_NONBLOCK or O_RDWR."""
        access, patient = flags & O_ACCMODE, not flags & O_NONBLOCK
        if access == O_WRONLY and not patient and not self.readers:
            raise Errno(ENXIO)
        if access == O_RDONLY and patient and not self.writers:
            return self._open_when(task, flags, "a writer of a fifo", self.has_writers)
        if access == O_WRONLY and not self.readers:
            return self._open_when(task, flags, "a reader of a fifo", self.has_readers)
        return self.end(flags)

    def _open_when(
        self, task: Caller, flags: int, what: str, ready: Callable[[], bool]
    ) -> OpenFile:
        """Opens when the other end is there; meanwhile this end counts for those who wait."""
        arriving: PipeEnd | None = task.opening
        if arriving is None:
            arriving = task.opening = self.end(flags)
        try:
            if not ready():
                task.kernel.block(task, what, ready)
        except Errno:
            arriving.release(task)
            task.opening = None
            raise
        task.opening = None
        return arriving

    def has_writers(self) -> bool:
        return self.writers > 0

    def has_readers(self) -> bool:
        return self.readers > 0

    def end(self, flags: int) -> PipeEnd:
        end = PipeEnd(self, flags)
        self.readers += end.readable
        self.writers += end.writable
        return end

    def resize(self, task: Caller, size: int) -> None:
        """O_TRUNC means nothing to a fifo."""


class PipeEnd(OpenFile):
    """One end of a pipe, or both (a fifo opened O_RDWR)."""

    unit = PAGE_SIZE  # a page of its buffer

    def __init__(self, pipe: Pipe, flags: int) -> None:
        super().__init__(pipe, flags)
        self.pipe = pipe

    def read(self, task: Caller, size: int) -> bytes:
        pipe = self.pipe
        if not size:
            return b""
        if not pipe.buffer and pipe.writers:
            wait_or_refuse(self, task, "bytes in an empty pipe", self.has_input)
        data = bytes(memoryview(pipe.buffer)[:size])
        del pipe.buffer[:size]
        return data

    def unread(self, data: bytes) -> None:
        self.pipe.buffer[:0] = data

    def has_input(self) -> bool:
        """Whether a read would not wait."""
        return bool(self.pipe.buffer) or not self.pipe.writers

    def write(self, task: Caller, data: bytes) -> int:
        """Up to PIPE_BUF bytes go in whole; more go in as there is room.

        Raises Blocked with what went in noted in `task.progress`.
        """
        pipe = self.pipe
        whole = len(data) if len(data) <= PIPE_BUF else 1
        while True:
            if not pipe.readers:
                task.kernel.signal(task, SIGPIPE)
                raise Errno(EPIPE)
            room = self._room()
            if room >= whole:
                taken = data[task.progress : task.progress + room]
                pipe.buffer += taken
                task.progress += len(taken)
            if task.progress == len(data) or (task.progress and self.flags & O_NONBLOCK):
                return finished(task)
            try:
                wait_or_refuse(self, task, "room in a full pipe", _Room(self, whole).is_there)
            except Errno:
                if task.progress:
                    return finished(task)
                raise

    def _room(self) -> int:
        return self.pipe.capacity - len(self.pipe.buffer)

    def poll(self, task: Caller) -> int:
        pipe, events = self.pipe, 0
        if self.readable:
            events |= POLLIN if pipe.buffer else 0
            events |= POLLHUP if not pipe.writers else 0
        if self.writable:
            events |= POLLOUT if self._room() >= PIPE_BUF else 0
            events |= POLLERR if not pipe.readers else 0
        return events

    def waiting(self) -> int:
        """FIONREAD: how many bytes a read would give."""
        return len(self.pipe.buffer)

    def release(self, task: Caller) -> None:
        self.pipe.readers -= self.readable
        self.pipe.writers -= self.writable


class _Room:
    """What a writer waits for: that `size` bytes go in, or that nobody reads any more."""

    def __init__(self, end: PipeEnd, size: int) -> None:
        self.end = end
        self.size = size

    def is_there(self) -> bool:
        pipe = self.end.pipe
        return pipe.capacity - len(pipe.buffer) >= self.size or not pipe.readers


def finished(task: Caller) -> int:
    """How many bytes the write that ends wrote."""
    done, task.progress = task.progress, 0
    return done


def wait_or_refuse(file: OpenFile, task: Caller, waits_for: str, ready: Callable[[], bool]) -> None:
    """EAGAIN for a description that must not block; others wait. Raises Errno, Blocked."""
    if file.flags & O_NONBLOCK:
        raise Errno(EAGAIN)
    task.kernel.block(task, waits_for, ready)


def make_pipe(attributes: Attributes, flags: int) -> tuple[PipeEnd, PipeEnd]:
    """pipe2(2): the end to read from and the end to write to."""
    pipe = Pipe(attributes)
    return pipe.end(O_RDONLY | flags), pipe.end(O_WRONLY | flags)


class Event(Inode):
    """The counter of eventfd(2). `one_by_one`: EFD_SEMAPHORE."""

    def __init__(self, attributes: Attributes, count: int, one_by_one: bool) -> None:
        super().__init__(attributes)
        self.count = count
        self.one_by_one = one_by_one

    def is_set(self) -> bool:
        return self.count > 0


class EventFile(OpenFile):
    """An open event counter: eight bytes in, eight bytes out."""

    def __init__(self, event: Event, flags: int) -> None:
        super().__init__(event, flags | O_RDWR)
        self.event = event

    def read(self, task: Caller, size: int) -> bytes:
        if size < 8:
            raise Errno(EINVAL)
        event = self.event
        if not event.count:
            wait_or_refuse(self, task, "an event counter above zero", event.is_set)
        taken = 1 if event.one_by_one else event.count
        event.count -= taken
        return taken.to_bytes(8, "little")

    def write(self, task: Caller, data: bytes) -> int:
        added = int.from_bytes(data[:8], "little")
        if len(data) < 8 or added > LARGEST_COUNT:
            raise Errno(EINVAL)
        event = self.event
        if event.count + added > LARGEST_COUNT:
            ready = _EventRoom(event, added).is_there
            wait_or_refuse(self, task, "room in a full event counter", ready)
        event.count += added
        return 8

    def poll(self, task: Caller) -> int:
        events = POLLIN if self.event.count else 0
        return events | (POLLOUT if self.event.count < LARGEST_COUNT else 0)


class _EventRoom:
    """What a writer of an event counter waits for."""

    def __init__(self, event: Event, added: int) -> None:
        self.event = event
        self.added = added

    def is_there(self) -> bool:
        return self.event.count + self.added <= LARGEST_COUNT
