"""Pipes and fifos: bytes between the tasks of the guest.

A read or write that cannot go on is made again when it can.
pipe(7), fifo(7).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.signals import SIGPIPE
from kernel_stub.errno import EAGAIN, ENXIO, EPIPE, Errno
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import (
    O_ACCMODE,
    O_DIRECT,
    O_NONBLOCK,
    O_RDONLY,
    O_WRONLY,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    S_IFIFO,
)
from kernel_stub.vfs.pulses import Pulses

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

CAPACITY: Final = 65536
PIPE_BUF: Final = 4096


class Pipe(Inode):
    """The bytes between the writers and the readers; a fifo is one with a name."""

    def __init__(self, attributes: Attributes, has_name: bool = False) -> None:
        super().__init__(attributes)
        self.has_name = has_name
        attributes.st_mode = S_IFIFO | attributes.st_mode & 0o7777
        self.buffer = bytearray()
        self._parts: deque[tuple[int, bool]] = deque()  # once there are packets: size, is one
        self.capacity = attributes.buffer(CAPACITY)
        self.readers = self.readers_ever = 0
        self.writers = self.writers_ever = 0
        self.pulses = Pulses()

    def open(self, task: Caller, flags: int) -> OpenFile:
        """Opens an end of a fifo: it waits for the other one, unless O_NONBLOCK or O_RDWR.

        A pipe without a name is found in /proc/self/fd only, and nobody waits there.
        """
        if not self.has_name:
            return self.end(flags)
        access, patient = flags & O_ACCMODE, not flags & O_NONBLOCK
        waited = task.opening is not None  # in this call, which is made again
        if access == O_WRONLY and not patient and not self.readers:
            raise Errno(ENXIO)
        if access == O_RDONLY and (waited or (patient and not self.writers)):
            return self._open_when_met(task, flags, "a writer of a fifo")
        if access == O_WRONLY and (waited or not self.readers):
            return self._open_when_met(task, flags, "a reader of a fifo")
        return self.end(flags)

    def _open_when_met(self, task: Caller, flags: int, what: str) -> OpenFile:
        """Opens when the other end came; meanwhile this end counts for those who wait."""
        arriving: _Arriving | None = task.opening
        if arriving is None:
            arriving = task.opening = _Arriving(self.end(flags))
        try:
            if not arriving.is_met():
                task.kernel.block(task, what, arriving.is_met)
        except Errno:
            arriving.end.release(task)
            task.opening = None
            raise
        task.opening = None
        return arriving.end

    def add(self, data: bytes, as_packets: bool) -> None:
        """Bytes from a writer; packets are of PIPE_BUF bytes at most (pipe(2), O_DIRECT)."""
        if as_packets and not self._parts and self.buffer:
            self._parts.append((len(self.buffer), False))
        if as_packets:
            for at in range(0, len(data), PIPE_BUF):
                self._parts.append((len(data[at : at + PIPE_BUF]), True))
        elif self._parts:
            self._parts.append((len(data), False))
        self.buffer += data

    def take(self, size: int) -> bytes:
        """At most `size` bytes, up to the end of a packet, whose rest is lost."""
        taken, lost = (0, 0) if self._parts else (size, 0)
        while self._parts and taken < size:
            length, is_packet = self._parts.popleft()
            piece = min(length, size - taken)
            taken += piece
            if is_packet:
                lost = length - piece
                break
            if piece < length:
                self._parts.appendleft((length - piece, False))
        data = bytes(memoryview(self.buffer)[:taken])
        del self.buffer[: taken + lost]
        return data

    def put_back(self, data: bytes) -> None:
        """What `take` gave."""
        if self._parts:
            self._parts.appendleft((len(data), True))
        self.buffer[:0] = data

    def end(self, flags: int) -> PipeEnd:
        end = PipeEnd(self, flags)
        self.readers += end.readable
        self.writers += end.writable
        self.readers_ever += end.readable
        self.writers_ever += end.writable
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
        data = pipe.take(size)
        pipe.pulses.wake_writers()
        return data

    def unread(self, data: bytes) -> None:
        self.pipe.put_back(data)

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
            room = self.room()
            if room >= whole:
                taken = data[task.progress : task.progress + room]
                pipe.add(taken, as_packets=bool(self.flags & O_DIRECT))
                pipe.pulses.wake_readers()
                task.progress += len(taken)
            if task.progress == len(data) or (task.progress and self.flags & O_NONBLOCK):
                return finished(task)
            try:
                wait_or_refuse(self, task, "room in a full pipe", _Room(self, whole).is_there)
            except Errno:
                if task.progress:
                    return finished(task)
                raise

    def room(self) -> int:
        return self.pipe.capacity - len(self.pipe.buffer)

    def has_room(self) -> bool:
        """Whether a byte can be written, or nobody reads any more."""
        return self.room() > 0 or not self.pipe.readers

    def poll(self, task: Caller) -> int:
        pipe, events = self.pipe, 0
        if self.readable:
            events |= POLLIN if pipe.buffer else 0
            events |= POLLHUP if not pipe.writers else 0
        if self.writable:
            events |= POLLOUT if self.room() >= PIPE_BUF else 0
            events |= POLLERR if not pipe.readers else 0
        return events

    @property
    def pulses(self) -> Pulses:
        return self.pipe.pulses

    def pulse(self, task: Caller, events: int) -> int:
        sides = (POLLIN if self.readable else 0) | (POLLOUT if self.writable else 0)
        return self.pipe.pulses.latest(sides)

    def waiting(self) -> int:
        """FIONREAD: how many bytes a read would give."""
        return len(self.pipe.buffer)

    def release(self, task: Caller) -> None:
        self.pipe.pulses.listeners.pop(self, None)
        self.pipe.readers -= self.readable
        self.pipe.writers -= self.writable
        self.pipe.pulses.wake_all()


class _Arriving:
    """An end of a fifo whose opener waits for the other end, which may have gone again since."""

    def __init__(self, end: PipeEnd) -> None:
        self.end = end
        self._before = self._others()

    def _others(self) -> int:
        pipe = self.end.pipe
        return pipe.writers_ever if self.end.readable else pipe.readers_ever

    def is_met(self) -> bool:
        return self._others() != self._before


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
    return pipe.end(O_RDONLY | flags & ~O_DIRECT), pipe.end(O_WRONLY | flags)
