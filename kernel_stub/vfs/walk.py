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
        self.links = 0
        self.must_be_directory = False

    def to(self, path: bytes, follow: bool) -> Place:
        """The place that `path` names. `follow`: a symlink at its end is followed. Raises Errno."""
        if not path:
            raise Errno(ENOENT)
        here = self._origin(path, self.start)
        todo = self._components(path, last=True)
        if not todo:
            return Place(here, b"/", here, True)
        while True:
            name = todo.pop()
            require_search(self.task, here)
            if name == b"." or name == b"..":
                here = here if name == b"." else self._above(here)
                if not todo:
                    return Place(here, name, here, self.must_be_directory)
                continue
            inode = here.lookup(self.task, name)
            is_link = isinstance(inode, Symlink)
            if not todo and not (is_link and (follow or self.must_be_directory)):
                return self._end(here, name, inode)
            if isinstance(inode, Symlink):
                at_end = not todo
                target = self._through(inode, todo, at_end)
                if isinstance(target, bytes):
                    here = self._origin(target, here)
                    if not todo:
                        return Place(here, b"/", here, True)
                    continue
                if at_end:
                    return self._end(here, name, target)
                inode = target
            here = self._enter(here, inode)

    def _origin(self, path: bytes, start: Directory) -> Directory:
        if not path.startswith(b"/"):
            return start
        if self.resolve & RESOLVE_BENEATH:
            raise Errno(EXDEV)
        return self._enter(start, self.root)

    def _components(self, path: bytes, last: bool) -> list[bytes]:
        """The components of `path`, the first at the end of the list."""
        if last and path.endswith(b"/"):
            self.must_be_directory = True
        names = [name for name in path.split(b"/") if name]
        if any(len(name) > LONGEST_NAME for name in names):
            raise Errno(ENAMETOOLONG)
        return names[::-1]

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

    def _through(self, link: Symlink, todo: list[bytes], at_end: bool) -> Inode | bytes:
        """Follows `link`: its text is put before what is left to do; a magic link just leads."""
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
        todo += self._components(target, at_end)
        return target

    def _end(self, here: Directory, name: bytes, inode: Inode | None) -> Place:
        if self.must_be_directory and inode is not None and not isinstance(inode, Directory):
            raise Errno(ENOTDIR)
        return Place(here, name, inode, self.must_be_directory)
