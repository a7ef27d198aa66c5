"""The guest's own bytes: regular files in memory, and how much memory they may take.

It does not know names or the host. memfd_create(2), truncate(2), lseek(2).
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from kernel_stub.errno import EFBIG, EINVAL, ENOSPC, ENXIO, Errno
from kernel_stub.vfs.inode import BLOCK, Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import (
    O_APPEND,
    RLIMIT_FSIZE,
    SEEK_CUR,
    SEEK_DATA,
    SEEK_END,
    SEEK_HOLE,
    SEEK_SET,
    SIGXFSZ,
)
from kernel_stub.vfs.sparse import Sparse

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

LARGEST_OFFSET: Final = (1 << 63) - 1
# Above the numbers that small file systems use, and within the 32 bits of old stat(2) calls.
FIRST_NUMBER: Final = 0x7000_0000
MOST_BUFFERED: Final = 64 << 20
LEAST_BUFFER: Final = 8192
INODE_COST: Final = 2048  # about what an inode and its name take here


class Buffers:
    """The memory of what waits in pipes and sockets: `buffered` bytes of it are used."""

    def __init__(self) -> None:
        self.buffered = 0

    @property
    def left(self) -> int:
        return MOST_BUFFERED - self.buffered


class Storage(Buffers):
    """What all files of the guest share: bounded memory (over it is ENOSPC), and inode numbers."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.used = 0
        self.locked: WeakSet[Inode] = WeakSet()  # files that have, or had, locks
        self._numbers = count(FIRST_NUMBER)

    def take(self, size: int) -> None:
        if self.used + size > self.limit:
            raise Errno(ENOSPC)
        self.used += size

    def give(self, size: int) -> None:
        self.used -= size

    def fresh(self, task: Caller, mode: int, device: int) -> Attributes:
        """The attributes of a new inode that `task` makes."""
        attributes = Charged(mode, next(self._numbers), device, task.kernel.now_ns())
        attributes.charge(self)
        return attributes.owned_by(task)


class Charged(Attributes):
    """Attributes of an inode of the guest's own: they take their share of the memory."""

    __slots__ = ("_buffer", "_storage")

    def charge(self, storage: Storage) -> None:
        self._storage: Storage | None = None
        self._buffer = 0
        storage.take(INODE_COST)
        self._storage = storage

    def buffer(self, wanted: int) -> int:
        """All of it while pipes are few, else two pages. pipe(7), "pipe-user-pages-soft"."""
        assert self._storage is not None, "it was charged"
        rest = self._storage.left + self._buffer
        granted = wanted if wanted <= rest else min(wanted, LEAST_BUFFER)
        self._storage.buffered += granted - self._buffer
        self._buffer = granted
        return granted

    def __del__(self) -> None:
        if self._storage is not None:
            self._storage.give(INODE_COST)
            self._storage.buffered -= self._buffer


class Regular(Inode):
    """A regular file in memory; what was never written is a hole of zeros."""

    def __init__(self, attributes: Attributes | None, storage: Storage) -> None:
        super().__init__(attributes)
        self.storage = storage
        self.data = Sparse()
        self._size = 0

    def __del__(self) -> None:
        self.storage.give(len(self.data))

    @property
    def size(self) -> int:
        return self._size

    @property
    def allocated(self) -> int:
        return len(self.data)

    def open(self, task: Caller, flags: int) -> OpenFile:
        return RegularFile(self, flags)

    def read_at(self, offset: int, size: int) -> bytes:
        return self.data.read(offset, max(0, min(size, self._size - offset)))

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        self.storage.take(self.data.missing(offset, len(data)))
        self.data.write(offset, data)
        self._size = max(self._size, offset + len(data))
        self.own().touch(task.kernel.now_ns())
        return len(data)

    def resize(self, task: Caller, size: int) -> None:
        if size < self._size:
            self._clear(size, -(-self._size // BLOCK) * BLOCK)
        self._size = size
        self.own().touch(task.kernel.now_ns())

    def punch(self, task: Caller, start: int, end: int) -> None:
        self._clear(start, end)
        self.own().touch(task.kernel.now_ns())

    def _clear(self, start: int, end: int) -> None:
        before = len(self.data)
        self.data.clear(start, end)
        self.storage.give(before - len(self.data))

    def next_data(self, offset: int) -> int | None:
        found = self.data.next_data(offset)
        return None if found is None or found >= self._size else found

    def next_hole(self, offset: int) -> int:
        return min(self.data.next_hole(offset), self._size)


class RegularFile(OpenFile):
    """An open regular file: an offset over the bytes of an inode."""

    seekable = True
    pollable = False
    mappable = True
    in_pieces = True

    def read(self, task: Caller, size: int) -> bytes:
        data = self.inode.content(self.offset, size)
        self.offset += len(data)
        return data

    def unread(self, data: bytes) -> None:
        self.offset -= len(data)

    def write(self, task: Caller, data: bytes) -> int:
        start = self.inode.size if self.flags & O_APPEND else self.offset
        done = self._write(task, start, data)
        self.offset = start + done
        return done

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        return self.inode.content(offset, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        # pwrite(2), BUGS: with O_APPEND the data goes to the end, whatever the offset.
        return self._write(task, self.inode.size if self.flags & O_APPEND else offset, data)

    def _write(self, task: Caller, offset: int, data: bytes) -> int:
        if not data:
            return 0
        if offset + len(data) > LARGEST_OFFSET:
            raise Errno(EINVAL)
        return self.inode.store(task, offset, within_file_limit(task, offset, data))

    def resize(self, task: Caller, size: int) -> None:
        if not self.writable:
            raise Errno(EINVAL)
        if size > self.inode.size:
            within_file_limit(task, size, b"\0")
        self.inode.cut(task, size)

    def waiting(self) -> int:
        return max(0, self.inode.size - self.offset)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        if whence in (SEEK_DATA, SEEK_HOLE):
            target = self._seek_hole(offset, whence)
        else:
            target = new_offset(offset, whence, self.offset, self.inode.size)
        self.offset = target
        return target

    def _seek_hole(self, offset: int, whence: int) -> int:
        if not 0 <= offset < self.inode.size:
            raise Errno(ENXIO)
        if whence == SEEK_HOLE:
            return self.inode.next_hole(offset)
        found = self.inode.next_data(offset)
        if found is None:
            raise Errno(ENXIO)
        return found


def within_file_limit(task: Caller, offset: int, data: bytes) -> bytes:
    """As much of `data` as RLIMIT_FSIZE lets stand at `offset`; setrlimit(2)."""
    soft, _ = task.limits.get(RLIMIT_FSIZE, (-1, -1))
    if soft < 0 or offset + len(data) <= soft:
        return data
    if offset >= soft:
        task.kernel.signal(task, SIGXFSZ)
        raise Errno(EFBIG)
    return data[: soft - offset]


def new_offset(offset: int, whence: int, current: int, size: int) -> int:
    """Where lseek(2) leads in a file without holes. Raises Errno."""
    if whence in (SEEK_DATA, SEEK_HOLE):
        if not 0 <= offset < size:
            raise Errno(ENXIO)
        return offset if whence == SEEK_DATA else size
    bases = {SEEK_SET: 0, SEEK_CUR: current, SEEK_END: size}
    if whence not in bases:
        raise Errno(EINVAL)
    target = bases[whence] + offset
    if not 0 <= target <= LARGEST_OFFSET:
        raise Errno(EINVAL)
    return target
