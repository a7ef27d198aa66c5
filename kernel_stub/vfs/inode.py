"""Inodes and open file descriptions: what every kind of file has in common.

An `Inode` is a file, whatever its kind and wherever its bytes are; an `OpenFile` is what open(2)
makes of it: flags, an offset, shared by dup(2). Which bytes there are, the kinds of files below
know; who may do what, access.py knows.
inode(7), open(2), stat(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from os import stat_result
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from kernel_stub.errno import (
    EACCES,
    EINVAL,
    ENODEV,
    ENOTTY,
    ENXIO,
    EOPNOTSUPP,
    EPERM,
    ESPIPE,
    Errno,
)
from kernel_stub.vfs.modes import (
    O_ACCMODE,
    O_AT_OPEN,
    O_RDONLY,
    O_RDWR,
    O_WRONLY,
    POLLIN,
    POLLOUT,
    S_IFMT,
)

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller
    from kernel_stub.vfs.locks import Locks, Owner
    from kernel_stub.vfs.mapped import Mapped
    from kernel_stub.vfs.pulses import Pulses

BLOCK: Final = 4096
PROT_WRITE: Final = 2
MAP_SHARED: Final = 1
NOTHING: Final[Mapping[int, int]] = MappingProxyType({})


class Attributes:
    """What stat(2) tells of a file in memory, under the names that os.stat_result has."""

    __slots__ = (
        "st_dev",
        "st_ino",
        "st_mode",
        "st_nlink",
        "st_uid",
        "st_gid",
        "st_rdev",
        "st_size",
        "st_blksize",
        "st_blocks",
        "st_atime_ns",
        "st_mtime_ns",
        "st_ctime_ns",
    )

    def __init__(self, mode: int, number: int, device: int, now: int = 0) -> None:
        self.st_mode = mode
        self.st_ino = number
        self.st_dev = device
        self.st_nlink = 1
        self.st_uid = self.st_gid = self.st_rdev = 0
        self.st_size = self.st_blocks = 0
        self.st_blksize = BLOCK
        self.st_atime_ns = self.st_mtime_ns = self.st_ctime_ns = now

    def buffer(self, wanted: int) -> int:
        """How many of `wanted` bytes may wait in this inode at most."""
        return wanted

    @classmethod
    def copy_of(cls, status: stat_result) -> Attributes:
        """The attributes of a file of the host, to be changed in memory."""
        copy = cls.__new__(cls)
        for name in cls.__slots__:
            setattr(copy, name, getattr(status, name))
        return copy

    def owned_by(self, task: Caller) -> Attributes:
        """The same, as files that `task` makes are owned."""
        self.st_uid, self.st_gid = task.uid, task.gid
        return self

    def touch(self, now: int) -> None:
        """The contents changed at `now`."""
        self.st_mtime_ns = self.st_ctime_ns = now


Status: TypeAlias = Attributes | stat_result


class Inode:
    """One file. `attributes` is None as long as the host's stat(2) is the truth."""

    in_memory = True  # what the guest does to it stays in memory
    is_linkable = False  # it may get a name though it has none
    locks: Locks | None = None  # made for the first one
    mapped: Mapped | None = None  # once a program has mapped it
    open_to_write = 0  # open file descriptions that may write
    running = 0  # address spaces whose program it is
    mounted = False  # the top of a tree that the kernel placed: no name of it can be taken away

    def __init__(self, attributes: Attributes | None) -> None:
        self.attributes = attributes

    def stat(self) -> Status:
        """What stat(2) tells of it now."""
        attributes = self.own()
        attributes.st_size = self.size
        attributes.st_blocks = self.allocated // 512
        return attributes

    def own(self) -> Attributes:
        """The attributes in memory, which the caller may change."""
        assert self.attributes is not None, "a kind that the host backs brings its own"
        return self.attributes

    @property
    def kind(self) -> int:
        """The file type: one of S_IF*."""
        return self.own().st_mode & S_IFMT

    @property
    def number(self) -> int:
        return self.own().st_ino

    @property
    def size(self) -> int:
        return 0

    @property
    def allocated(self) -> int:
        """How many bytes it takes where it is stored."""
        return -(-self.size // BLOCK) * BLOCK

    def open(self, task: Caller, flags: int) -> OpenFile:
        """A new open file description. Raises Errno."""
        raise Errno(ENXIO)

    # ---- its bytes, through whatever maps it

    def content(self, offset: int, size: int) -> bytes:
        """As `read_at`, with what programs stored through shared mappings."""
        data = self.read_at(offset, size)
        return data if self.mapped is None else self.mapped.over(offset, data)

    def store(self, task: Caller, offset: int, data: bytes) -> int:
        """As `write_at`; whoever maps the file sees it."""
        if self.mapped is None:
            return self.write_at(task, offset, data)
        self.mapped.changes(offset, len(data))
        done = self.write_at(task, offset, data)
        self.mapped.changed(offset, data[:done])
        return done

    def cut(self, task: Caller, size: int) -> None:
        """As `resize`; pages behind the end vanish from every mapping."""
        self.resize(task, size)
        if self.mapped is not None:
            self.mapped.resized(size)

    def clear(self, task: Caller, start: int, end: int) -> None:
        """As `punch`; whoever maps the file sees zeros."""
        if self.mapped is not None:
            self.mapped.changes(start, end - start)
        self.punch(task, start, end)
        if self.mapped is not None:
            self.mapped.changed(start, bytes(end - start))

    # ---- its bytes, where they are stored

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`; fewer at the end of the file."""
        raise Errno(EINVAL)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        raise Errno(EINVAL)

    def resize(self, task: Caller, size: int) -> None:
        """truncate(2)."""
        raise Errno(EINVAL)

    def punch(self, task: Caller, start: int, end: int) -> None:
        """Zeros from `start` up to `end`, which take no place; fallocate(2)."""
        raise Errno(EOPNOTSUPP)

    def next_data(self, offset: int) -> int | None:
        """SEEK_DATA: a file that knows no holes is full of data."""
        return offset

    def next_hole(self, offset: int) -> int:
        """SEEK_HOLE: there is one behind the end."""
        return self.size

    def may_map_writable(self) -> bool:
        """Whether a shared mapping may be written through."""
        return True

    def change_mode(self, task: Caller, mode: int) -> None:
        """chmod(2), when the caller may."""
        attributes = self.own()
        attributes.st_mode = attributes.st_mode & S_IFMT | mode & 0o7777
        attributes.st_ctime_ns = task.kernel.now_ns()

    def change_owner(self, task: Caller, uid: int, gid: int) -> None:
        """chown(2), when the caller may; -1 leaves an id as it is."""
        attributes = self.own()
        attributes.st_uid = attributes.st_uid if uid < 0 else uid
        attributes.st_gid = attributes.st_gid if gid < 0 else gid
        attributes.st_ctime_ns = task.kernel.now_ns()

    def change_times(self, task: Caller, atime_ns: int, mtime_ns: int) -> None:
        """utimensat(2), when the caller may."""
        attributes = self.own()
        attributes.st_atime_ns, attributes.st_mtime_ns = atime_ns, mtime_ns
        attributes.st_ctime_ns = task.kernel.now_ns()


class OpenFile:
    """An open file description. `path` is the name by which it was opened, for /proc/self/fd."""

    seekable = False
    mappable = False
    pollable = True  # epoll(7) may watch it; what is always ready, it refuses
    waits_on: Owner | None = None  # whose lock it waits for
    in_pieces = False  # a long read or write is the same as several short ones
    owner: object = None  # who hears by a signal that there is something to read
    unit = 1  # bytes that go to or from the program's memory as a whole, or not at all

    def __init__(self, inode: Inode, flags: int, path: bytes = b"") -> None:
        self.inode = inode
        self.flags = flags & ~O_AT_OPEN
        self.path = path
        self.references = 0
        self.offset = 0

    @property
    def readable(self) -> bool:
        return self.flags & O_ACCMODE in (O_RDONLY, O_RDWR)

    @property
    def writable(self) -> bool:
        return self.flags & O_ACCMODE in (O_WRONLY, O_RDWR)

    def read(self, task: Caller, size: int) -> bytes:
        """At most `size` bytes from where the description stands; empty at the end."""
        raise Errno(EINVAL)

    def unread(self, data: bytes) -> None:
        """Takes back what `read` gave: the guest's buffer did not exist."""

    def write(self, task: Caller, data: bytes) -> int:
        """Writes where the description stands; returns how much was taken."""
        raise Errno(EINVAL)

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        raise Errno(ESPIPE)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        raise Errno(ESPIPE)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        raise Errno(ESPIPE)

    def resize(self, task: Caller, size: int) -> None:
        """ftruncate(2)."""
        raise Errno(EINVAL)

    def poll(self, task: Caller) -> int:
        """The events of poll(2) that hold now."""
        return POLLIN | POLLOUT

    @property
    def pulses(self) -> Pulses | None:
        """What wakes those who watch it, if it can tell by a signal too."""
        return None

    def pulse(self, task: Caller, events: int) -> int:
        """The moment when it last woke those who watch it for `events`; 0: never."""
        return 0

    def outside(self, task: Caller, events: int) -> Mapping[int, int]:
        """The host's descriptors, and those of their events that may bring `events` about."""
        return NOTHING

    def due(self, task: Caller) -> int | None:
        """When it will be ready because time has passed, by CLOCK_MONOTONIC; None: it will not."""
        return None

    def waiting(self) -> int:
        """FIONREAD: how many bytes could be read at once. Raises Errno(ENOTTY)."""
        raise Errno(ENOTTY)

    def slave(self) -> Inode:
        """Of a pseudo-terminal's master, the other end. Raises Errno(ENOTTY)."""
        raise Errno(ENOTTY)

    def control(self, task: Caller, request: int, argument: bytes | int) -> bytes | int:
        """ioctl(2): bytes for the guest's buffer, or a number. Raises Errno(ENOTTY)."""
        raise Errno(ENOTTY)

    def release(self, task: Caller) -> None:
        """The last descriptor was closed."""


class AnonymousFile(OpenFile):
    """A descriptor that stands for no file: it has no offset, and seeking it does nothing."""

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        return 0


class PathFile(OpenFile):
    """What O_PATH opens: a place in the tree. The file table hands it to no reader or writer."""


def mmap_check(file: OpenFile, prot: int, flags: int) -> None:
    """Whether mmap(2) may map `file`.

    Raises:
        Errno: EACCES, the description was not opened for it; ENODEV, such files have no pages;
            EPERM, the file is sealed.
    """
    if not file.readable:
        raise Errno(EACCES)
    if flags & MAP_SHARED and prot & PROT_WRITE and not file.writable:
        raise Errno(EACCES)
    if not file.mappable:
        raise Errno(ENODEV)
    if flags & MAP_SHARED and prot & PROT_WRITE and not file.inode.may_map_writable():
        raise Errno(EPERM)
