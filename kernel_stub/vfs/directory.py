"""Directories and symbolic links in memory: names, and what may be done to a name.

A directory's methods are the second half of mkdir(2), unlink(2), rename(2) and the like: the path
is walked and the rights are checked already (walk.py, access.py). It does not know the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernel_stub.errno import (
    EINVAL,
    EISDIR,
    ELOOP,
    EMLINK,
    ENOENT,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    EXDEV,
    Errno,
)
from kernel_stub.vfs.inode import BLOCK, Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import (
    S_IFDIR,
    S_IFIFO,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    S_ISGID,
    SEEK_CUR,
    SEEK_SET,
)
from kernel_stub.vfs.nodes import SocketNode
from kernel_stub.vfs.pipes import Pipe
from kernel_stub.vfs.storage import Regular, Storage

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class Entry(NamedTuple):
    """One line of a directory's listing."""

    name: bytes
    number: int
    kind: int  # S_IF*


class Name(NamedTuple):
    """A name in a directory, and what it is the name of (None: it is free)."""

    name: bytes
    inode: Inode | None


class Symlink(Inode):
    """A symbolic link in memory."""

    def __init__(self, attributes: Attributes | None, target: bytes) -> None:
        super().__init__(attributes)
        self._target = target

    def target(self, task: Caller) -> bytes:
        """The text that readlink(2) gives."""
        return self._target

    @property
    def size(self) -> int:
        return len(self._target)

    def open(self, task: Caller, flags: int) -> OpenFile:
        raise Errno(ELOOP)


class MagicLink(Symlink):
    """A link of /proc that leads to a file itself, whatever its text says."""

    def jump(self, task: Caller) -> Inode:
        """The inode behind it. Raises Errno."""
        raise Errno(ENOENT)


class Directory(Inode):
    """A directory in memory. The top of a tree is its own parent."""

    def __init__(
        self,
        attributes: Attributes | None,
        storage: Storage,
        parent: Directory | None = None,
        name: bytes = b"",
    ) -> None:
        super().__init__(attributes)
        self.storage = storage
        self.parent = parent or self
        self.name = name
        self.entries: dict[bytes, Inode] = {}
        self.removed = False
        self.length = BLOCK

    @property
    def size(self) -> int:
        return self.length

    def path(self, root: Directory | None = None) -> bytes:
        """The absolute path, seen from `root` (chroot(2)) or from the top of the tree."""
        names = []
        here = self
        while here is not root and here.parent is not here:
            names.append(here.name)
            here = here.parent
        outside = root is not None and here is not root
        return b"(unreachable)" * outside + b"/" + b"/".join(reversed(names))

    def open(self, task: Caller, flags: int) -> OpenFile:
        return DirectoryFile(self, flags)

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        """The file `name`, or None."""
        return self.entries.get(name)

    def listing(self, task: Caller) -> list[Entry]:
        """Every name but `.` and `..`, in the order in which they were made."""
        return [entry_of(name, inode) for name, inode in self.entries.items()]

    def is_empty(self, task: Caller) -> bool:
        return not self.listing(task)

    def create(self, task: Caller, name: bytes, mode: int) -> Inode:
        """A new regular file. `mode` is what the umask left."""
        return self._put(
            task, name, Regular(self._fresh(task, S_IFREG | mode & 0o7777), self.storage)
        )

    def make_directory(self, task: Caller, name: bytes, mode: int) -> None:
        made = Directory(self._fresh(task, S_IFDIR | mode & 0o7777), self.storage, self, name)
        made.own().st_nlink = 2
        self._put(task, name, made)
        self.own().st_nlink += 1

    def make_symlink(self, task: Caller, name: bytes, target: bytes) -> None:
        self._put(task, name, Symlink(self._fresh(task, S_IFLNK | 0o777), target))

    def make_node(self, task: Caller, name: bytes, mode: int) -> Inode:
        """A node that only this kernel can give a meaning to: a fifo, the name of a socket."""
        attributes = self.storage.fresh(task, mode, self.stat().st_dev)
        if mode & S_IFMT == S_IFIFO:
            return self._put(task, name, Pipe(attributes, has_name=True))
        return self._put(task, name, SocketNode(attributes))

    def link(self, task: Caller, name: bytes, inode: Inode) -> None:
        """link(2): another name for `inode`."""
        if not self.shares_names_with(inode):
            raise Errno(EXDEV)
        attributes = inode.own()
        if attributes.st_nlink >= 65000:
            raise Errno(EMLINK)
        self._put(task, name, inode)
        attributes.st_nlink += 1
        attributes.st_ctime_ns = task.kernel.now_ns()

    def shares_names_with(self, inode: Inode) -> bool:
        """Whether a name of `inode` may stand here: one file system, and both in memory."""
        return inode.in_memory and inode.stat().st_dev == self.stat().st_dev

    def unlink(self, task: Caller, name: bytes, inode: Inode) -> None:
        """Removes the name of a file that is no directory."""
        if isinstance(inode, Directory):
            raise Errno(EISDIR)
        self._drop(task, name)
        attributes = inode.own()
        attributes.st_nlink -= 1
        attributes.st_ctime_ns = task.kernel.now_ns()

    def remove_directory(self, task: Caller, name: bytes, inode: Inode) -> None:
        """rmdir(2)."""
        if not isinstance(inode, Directory):
            raise Errno(ENOTDIR)
        if not inode.is_empty(task):
            raise Errno(ENOTEMPTY)
        self._drop(task, name)
        self.own().st_nlink -= 1
        inode.removed = True
        inode.own().st_nlink = 0

    def rename(self, task: Caller, old: Name, target: Directory, new: Name) -> None:
        """Moves what is at `old` to `new` in `target`, replacing what is there."""
        assert old.inode is not None, "the caller found it"
        if not target.shares_names_with(old.inode):
            raise Errno(EXDEV)
        if target.removed:
            raise Errno(ENOENT)
        if isinstance(new.inode, Directory):
            target.remove_directory(task, new.name, new.inode)
        elif new.inode is not None:
            target.unlink(task, new.name, new.inode)
        self._drop(task, old.name)
        target._put(task, new.name, old.inode)
        old.inode.own().st_ctime_ns = task.kernel.now_ns()
        self._moved(old.inode, target, new.name)

    def exchange(self, task: Caller, old: Name, target: Directory, new: Name) -> None:
        """renameat2(2), RENAME_EXCHANGE."""
        assert old.inode is not None, "the caller found it"
        assert new.inode is not None, "the caller found it"
        if not (target.shares_names_with(old.inode) and self.shares_names_with(new.inode)):
            raise Errno(EXDEV)
        self._put(task, old.name, new.inode)
        target._put(task, new.name, old.inode)
        self._moved(old.inode, target, new.name)
        target._moved(new.inode, self, old.name)

    def _moved(self, inode: Inode, target: Directory, name: bytes) -> None:
        if isinstance(inode, Directory):
            inode.parent, inode.name = target, name
            self.own().st_nlink -= 1
            target.own().st_nlink += 1

    def hold(self, name: bytes, inode: Inode) -> None:
        """Places what the kernel itself puts here: a device, a tree."""
        self.entries[name] = inode
        if isinstance(inode, Directory):
            inode.parent, inode.name = self, name
            inode.length = 0
            inode.own().st_nlink += 1
            if self.attributes is not None:
                self.attributes.st_nlink += 1

    def mount(self, name: bytes, top: Directory) -> None:
        """Places the top of a tree over whatever has the name `name`; mount(2)."""
        top.mounted = True
        self.hold(name, top)

    def _fresh(self, task: Caller, mode: int) -> Attributes:
        """Attributes for a new name here; a set-group-ID directory gives its group (inode(7))."""
        status = self.stat()
        attributes = self.storage.fresh(task, mode, status.st_dev)
        if status.st_mode & S_ISGID:
            attributes.st_gid = status.st_gid
            if attributes.st_mode & S_IFMT == S_IFDIR:
                attributes.st_mode |= S_ISGID
        return attributes

    def _put(self, task: Caller, name: bytes, inode: Inode) -> Inode:
        if self.removed:
            raise Errno(ENOENT)
        self.own().touch(task.kernel.now_ns())
        self.entries[name] = inode
        return inode

    def _drop(self, task: Caller, name: bytes) -> None:
        self.own().touch(task.kernel.now_ns())
        self.entries.pop(name, None)


def entry_of(name: bytes, inode: Inode) -> Entry:
    return Entry(name, inode.number, inode.kind)


class FixedDirectory(Directory):
    """A directory whose names the kernel alone makes: /proc, /sys."""

    def shares_names_with(self, inode: Inode) -> bool:
        return False

    def _put(self, task: Caller, name: bytes, inode: Inode) -> Inode:
        raise Errno(EPERM)

    def _drop(self, task: Caller, name: bytes) -> None:
        raise Errno(EPERM)


class DirectoryFile(OpenFile):
    """An open directory: getdents(2) reads a listing that was taken at its start."""

    seekable = True
    pollable = False

    def __init__(self, directory: Directory, flags: int) -> None:
        super().__init__(directory, flags)
        self.directory = directory
        self._listing: list[Entry] | None = None

    def rest(self, task: Caller) -> list[Entry]:
        """The entries from the offset on: `.`, `..`, then the host's in its order, then our own."""
        if self._listing is None:
            here, above = self.directory, self.directory.parent
            dots = [entry_of(b".", here), entry_of(b"..", above)]
            self._listing = dots + here.listing(task)
        return self._listing[self.offset :]

    def read(self, task: Caller, size: int) -> bytes:
        raise Errno(EISDIR)

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        raise Errno(EISDIR)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        target = offset + (self.offset if whence == SEEK_CUR else 0)
        if whence not in (SEEK_SET, SEEK_CUR) or target < 0:
            raise Errno(EINVAL)
        if target == 0:
            self._listing = None
        self.offset = target
        return target
