"""The overlay: the host's files as the guest sees them, with the guest's changes in memory.

Nothing here writes to the host. A file of the host is read where it is until the guest changes it;
then its bytes, or its attributes, or a directory's names are the guest's own. What stands below a
granted directory, granted.py knows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakValueDictionary

from kernel_stub.errno import EIO, Errno
from kernel_stub.vfs.directory import Directory, Entry, Symlink
from kernel_stub.vfs.host import HostDirectory, HostFd, HostName
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile, Status
from kernel_stub.vfs.modes import O_ACCMODE, O_WRONLY, S_IFDIR, S_IFMT
from kernel_stub.vfs.storage import Regular, RegularFile, Storage

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

# st_dev, st_ino, and whether it stands below a grant.
Key: TypeAlias = tuple[int, int, bool]
Maker: TypeAlias = "Callable[[Storage], OnHost]"
MOST_RECENT: Final = 256
COPIED_AT_ONCE: Final = 1 << 20


class HostFiles:
    """The inodes that stand for files of the host: one file is one inode, whatever its names.

    `makers` says what becomes of a file by (stands below a grant, S_IF*).
    """

    def __init__(self, storage: Storage, makers: Mapping[tuple[bool, int], Maker]) -> None:
        self.storage = storage
        self.makers = makers
        self._living: WeakValueDictionary[Key, OnHost] = WeakValueDictionary()
        self._changed: dict[Key, OnHost] = {}
        self._recent: dict[Key, OverlayDirectory] = {}

    def keep(self, inode: OnHost) -> None:
        """The guest changed it: it must not be forgotten."""
        self._changed[inode.key] = inode

    def forget(self, inode: OnHost) -> None:
        """One name of it was removed on the host; if others are left, it is found anew."""
        self._living.pop(inode.key, None)
        self._changed.pop(inode.key, None)
        self._recent.pop(inode.key, None)

    def adopt(
        self, parent: Directory, place: HostName, status: os.stat_result, inode: OnHost
    ) -> None:
        """The guest made `inode` at `place`: it is what the host's file there stands for."""
        inode.files, inode.host_kind = self, status.st_mode & S_IFMT
        inode.key = (status.st_dev, status.st_ino, place.directory.writable)
        inode.found_at(parent, place)
        self._living[inode.key] = inode
        self.keep(inode)

    def top(self, layers: tuple[HostDirectory, ...]) -> OverlayDirectory:
        """The root of the guest's tree, over the directories that the user named."""
        place = HostName(layers[0], b".")
        top = self._make(place, place.stat(), layers)
        assert isinstance(top, OverlayDirectory), "HostDirectory.top opened a directory"
        top.place = place
        return top

    def find(
        self,
        parent: Directory,
        place: HostName,
        status: os.stat_result,
        below: Iterable[HostDirectory],
    ) -> Inode:
        """The inode of what is at `place`; a directory continues in the layers `below`."""
        kind, granted = status.st_mode & S_IFMT, place.directory.writable
        layers: tuple[HostDirectory, ...] = ()
        inode = self._living.get((status.st_dev, status.st_ino, granted))
        if inode is None or inode.host_kind != kind:
            if kind == S_IFDIR:
                others = (layer.directory_at(place.name) for layer in below)
                layers = (
                    place.directory.child(place.name, status),
                    *(layer for layer in others if layer is not None),
                )
            inode = self._make(place, status, layers)
        inode.found_at(parent, place)
        return inode

    def _make(
        self, place: HostName, status: os.stat_result, layers: tuple[HostDirectory, ...]
    ) -> OnHost:
        kind = status.st_mode & S_IFMT
        granted = place.directory.writable
        is_whole = layers[0].writable if len(layers) == 1 else granted and not layers
        inode = self.makers.get((is_whole, kind), Special)(self.storage)
        inode.files, inode.host_kind = self, kind
        inode.key = (status.st_dev, status.st_ino, granted)
        if isinstance(inode, OverlayDirectory):
            inode.layers = layers
            self._remember(inode)
        self._living[inode.key] = inode
        return inode

    def _remember(self, directory: OverlayDirectory) -> None:
        """The next walk will come through here again."""
        self._recent[directory.key] = directory
        if len(self._recent) > MOST_RECENT:
            del self._recent[next(iter(self._recent))]


class OnHost(Inode):
    """An inode that the host has; its attributes are the host's until the guest changes them."""

    files: HostFiles
    place: HostName
    key: Key
    host_kind: int

    def found_at(self, parent: Directory, place: HostName) -> None:
        """It was looked up at `place`, perhaps not where it was found before."""
        self.place = place

    @property
    def kind(self) -> int:
        return self.host_kind

    @property
    def number(self) -> int:
        return self.key[1]

    def host_stat(self) -> os.stat_result:
        return self.place.stat()

    def stat(self) -> Status:
        if self.attributes is None:
            return self.host_stat()
        return super().stat()

    def own(self) -> Attributes:
        if self.attributes is None:
            self.attributes = Attributes.copy_of(self.host_stat())
            self.files.keep(self)
        return self.attributes

    def host_allows(self, mask: int) -> bool:
        """access(2), as the host answers it."""
        return self.place.allows(mask)


class Special(OnHost):
    """A fifo, a socket or a device of the host: seen, never opened."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(None)


class OverlaySymlink(OnHost, Symlink):
    """A symbolic link of the host; its text is resolved in the guest's tree."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(None, b"")

    def target(self, task: Caller) -> bytes:
        return self.place.readlink()

    @property
    def size(self) -> int:
        return self.host_stat().st_size


class OverlayRegular(OnHost, Regular):
    """A regular file: the host's bytes until the guest writes, then its own copy."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(None, storage)
        self._source: HostFd | None = None
        self._copied = False

    def host_stat(self) -> os.stat_result:
        return self.place.stat() if self._source is None else os.fstat(self._source.number)

    @property
    def size(self) -> int:
        return self._size if self._copied else self.host_stat().st_size

    def open(self, task: Caller, flags: int) -> OpenFile:
        if flags & O_ACCMODE != O_WRONLY and not self._copied:
            self._open_source()
        return RegularFile(self, flags)

    def _open_source(self) -> int:
        if self._source is None:
            self._source = self.place.open(os.O_RDONLY)
        return self._source.number

    def read_at(self, offset: int, size: int) -> bytes:
        if self._copied:
            return super().read_at(offset, size)
        return read_host(self._open_source(), offset, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        self._copy_up(self.size)
        return super().write_at(task, offset, data)

    def resize(self, task: Caller, size: int) -> None:
        if size == self.size and not self._copied:
            self.own().touch(task.kernel.now_ns())
            return
        self._copy_up(min(size, self.size))
        super().resize(task, size)

    def _copy_up(self, size: int) -> None:
        """From now on the first `size` bytes of the host's are the guest's own."""
        if self._copied:
            return
        promised = self.data.missing(0, size)
        self.storage.take(promised)
        self.own()
        for offset in range(0, size, COPIED_AT_ONCE):
            piece = self.read_at(offset, min(COPIED_AT_ONCE, size - offset))
            self.data.write(offset, piece)
            self._size = offset + len(piece)
        self.storage.give(promised - len(self.data))
        self._copied = True
        self._source = None

    @property
    def allocated(self) -> int:
        return super().allocated if self._copied else self.host_stat().st_blocks * 512

    def punch(self, task: Caller, start: int, end: int) -> None:
        self._copy_up(self.size)
        super().punch(task, start, end)

    def next_data(self, offset: int) -> int | None:
        return super().next_data(offset) if self._copied else offset

    def next_hole(self, offset: int) -> int:
        return super().next_hole(offset) if self._copied else self.size


class OverlayDirectory(OnHost, Directory):
    """A directory over `layers` of the host: the first that has a name decides what it is.

    `entries` are the guest's own names, `hidden` those of the host that it removed.
    """

    layers: tuple[HostDirectory, ...]

    def __init__(self, storage: Storage) -> None:
        super().__init__(None, storage)
        self.hidden: set[bytes] = set()

    def found_at(self, parent: Directory, place: HostName) -> None:
        self.place = place
        self.parent, self.name = parent, place.name

    def open(self, task: Caller, flags: int) -> OpenFile:
        for layer in self.layers:
            layer.fd()  # what is opened stays the same, whatever the host renames
        return super().open(task, flags)

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        own = self.entries.get(name)
        if own is not None or name in self.hidden:
            return own
        for index, layer in enumerate(self.layers):
            status = layer.look(name)
            if status is not None:
                below = self.layers[index + 1 :]
                return self.files.find(self, HostName(layer, name), status, below)
        return None

    def listing(self, task: Caller) -> list[Entry]:
        found: dict[bytes, Entry] = {}
        for layer in reversed(self.layers):
            found.update((entry[0], Entry(*entry)) for entry in layer.entries())
        for name in self.hidden:
            found.pop(name, None)
        found.update((entry.name, entry) for entry in super().listing(task))
        return list(found.values())

    def _put(self, task: Caller, name: bytes, inode: Inode) -> Inode:
        super()._put(task, name, inode)
        self.hidden.add(name)
        return inode

    def _drop(self, task: Caller, name: bytes) -> None:
        super()._drop(task, name)
        self.hidden.add(name)


def read_host(number: int, offset: int, size: int) -> bytes:
    """pread(2) of the host. What is asked beyond the end of the file costs no memory."""
    if size > 1 << 20:
        size = max(0, min(size, os.fstat(number).st_size - offset))
    try:
        return os.pread(number, size, offset)
    except OSError as refused:
        raise Errno(refused.errno or EIO) from None
