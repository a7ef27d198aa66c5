"""The path walk: one component after the other through the guest's tree.

Symbolic links are read and followed here, never by the host; `..` stops at the walk's root. It
does not know where an inode's bytes are.
path_resolution(7), symlink(7), openat2(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kernel_stub.errno import EAGAIN, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV, Errno
from kernel_stub.vfs.access import require_search
from kernel_stub.vfs.directory import Directory, MagicLink, Name, Symlink
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.modes import (
    RESOLVE_BENEATH,
    RESOLVE_CACHED,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
)

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

MOST_LINKS: Final = 40
LONGEST_NAME: Final = 255
# The last component of a path that names no entry of a directory.
NO_NAMES: Final = (b"/", b".", b"..")


class Place(NamedTuple):
    """Where a walk ended: a name in a directory, and the inode there (None: there is none).

    `must_be_directory`: the path ended with a slash.
    """

    directory: Directory
    name: bytes
    inode: Inode | None
    must_be_directory: bool
    shown: bytes = b""
    """Where a magic link at its end says that it leads."""

    @property
    def is_name(self) -> bool:
        """Whether a name can be made or removed here."""
        return self.name not in NO_NAMES

    def as_name(self) -> Name:
        return Name(self.name, self.inode)

    def found(self) -> Inode:
        """The inode. Raises Errno(ENOENT)."""
        if self.inode is None:
            raise Errno(ENOENT)
        return self.inode


class Walk:
    """One walk of `task`: `start` is where relative paths begin, `resolve` are RESOLVE_* bits."""

    def __init__(self, task: Caller, start: Directory, resolve: int = 0) -> None:
        if resolve & RESOLVE_CACHED:
            raise Errno(EAGAIN)
        self.task = task
        self.start = start
        self.resolve = resolve
        self.root: Directory = start if resolve & RESOLVE_IN_ROOT else task.fs.root
        self.here = start
        self.links = 0
        self.todo: list[bytes] = []  # the components that are left, the next one last
        self.must_be_directory = False

    def to(self, path: bytes, follow: bool) -> Place:
        """The place that `path` names. `follow`: a symlink at its end is followed. Raises Errno."""
        if not path:
            raise Errno(ENOENT)
        self._begin(path, self.start, last=True)
        place = Place(self.here, b"/", self.here, True)
        while self.todo:
            place = self._step(self.todo.pop(), follow)
        return place

    def _begin(self, path: bytes, start: Directory, last: bool) -> None:
        """Continues with the components of `path`, from the root or from `start`."""
        if path.startswith(b"/"):
            if self.resolve & RESOLVE_BENEATH:
                raise Errno(EXDEV)
            start = self._enter(start, self.root)
        if last and path.endswith(b"/"):
            self.must_be_directory = True
        self.here = start
        self.todo += [name for name in reversed(path.split(b"/")) if name]

    def _step(self, name: bytes, follow: bool) -> Place:
        """Goes through one component; the place counts if it was the last."""
        here, at_end = self.here, not self.todo
        require_search(self.task, here)
        if name == b"." or name == b"..":
            self.here = here if name == b"." else self._above(here)
            return Place(self.here, name, self.here, self.must_be_directory)
        if len(name) > LONGEST_NAME:
            raise Errno(ENAMETOOLONG)
        inode, shown = here.lookup(self.task, name), b""
        if isinstance(inode, Symlink) and (not at_end or follow or self.must_be_directory):
            shown = inode.target(self.task) if isinstance(inode, MagicLink) else b""
            inode = self._through(inode, at_end)
            if inode is None:
                return Place(self.here, b"/", self.here, True)
        if not at_end:
            self.here = self._enter(here, inode)
        elif self.resolve & RESOLVE_NO_XDEV and isinstance(inode, Directory):
            self._enter(here, inode)
        elif self.must_be_directory and inode is not None and not isinstance(inode, Directory):
            raise Errno(ENOTDIR)
        return Place(here, name, inode, self.must_be_directory, shown)

    def _above(self, here: Directory) -> Directory:
        """`..` of a directory."""
        if self.resolve & RESOLVE_BENEATH and here is self.start:
            raise Errno(EXDEV)
        return here if here is self.root else self._enter(here, here.parent)

    def _enter(self, here: Directory, inode: Inode | None) -> Directory:
        if inode is None:
            raise Errno(ENOENT)
        if not isinstance(inode, Directory):
            raise Errno(ENOTDIR)
        if self.resolve & RESOLVE_NO_XDEV and inode.stat().st_dev != here.stat().st_dev:
            raise Errno(EXDEV)
        return inode

    def _through(self, link: Symlink, at_end: bool) -> Inode | None:
        """Follows `link`: to the inode that a magic link leads to; None: its text comes next."""
        self.links += 1
        if self.links > MOST_LINKS or self.resolve & RESOLVE_NO_SYMLINKS:
            raise Errno(ELOOP)
        if isinstance(link, MagicLink):
            if self.resolve & RESOLVE_NO_MAGICLINKS:
                raise Errno(ELOOP)
            if self.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
                raise Errno(EXDEV)
            return link.jump(self.task)
        target = link.target(self.task)
        if not target:
            raise Errno(ENOENT)
        self._begin(target, self.here, at_end)
        return None
