"""Making, removing and moving names: the checks before a directory does it.

The order of the refusals is Linux's: a name that exists is EEXIST before a right lacks (EACCES).
mkdir(2), rmdir(2), unlink(2), rename(2), link(2), symlink(2), mknod(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernel_stub.errno import (
    EBUSY,
    EEXIST,
    EINVAL,
    EISDIR,
    ENAMETOOLONG,
    ENOENT,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    Errno,
)
from kernel_stub.vfs.access import require, require_names, require_removal
from kernel_stub.vfs.directory import Directory
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.modes import (
    S_IFBLK,
    S_IFCHR,
    S_IFDIR,
    S_IFIFO,
    S_IFMT,
    S_IFREG,
    S_IFSOCK,
    W_OK,
)
from kernel_stub.vfs.walk import Place

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
LONGEST_TARGET: Final = 4095


def _require_free(task: Caller, place: Place, may_end_in_slash: bool = False) -> None:
    """A new name may be made at `place`."""
    if place.inode is not None:
        raise Errno(EEXIST)
    if place.directory.removed or (place.must_be_directory and not may_end_in_slash):
        raise Errno(ENOENT)
    require_names(task, place.directory)


def make_directory(task: Caller, place: Place, mode: int) -> None:
    """mkdir(2)."""
    _require_free(task, place, may_end_in_slash=True)
    place.directory.make_directory(task, place.name, mode & ~task.fs.umask & 0o1777)


def make_symlink(task: Caller, target: bytes, place: Place) -> None:
    """symlink(2)."""
    if not target:
        raise Errno(ENOENT)
    if len(target) > LONGEST_TARGET:
        raise Errno(ENAMETOOLONG)
    _require_free(task, place)
    place.directory.make_symlink(task, place.name, target)


def make_node(task: Caller, place: Place, mode: int) -> Inode:
    """mknod(2), for regular files, fifos and the names of sockets."""
    kind, rights = mode & S_IFMT or S_IFREG, mode & 0o7777 & ~task.fs.umask
    if kind not in (S_IFREG, S_IFIFO, S_IFSOCK):
        raise Errno(EPERM if kind in (S_IFDIR, S_IFCHR, S_IFBLK) else EINVAL)
    _require_free(task, place)
    directory = place.directory
    if kind == S_IFREG:
        return directory.create(task, place.name, rights)
    return directory.make_node(task, place.name, kind | rights)


def link(task: Caller, inode: Inode, place: Place) -> None:
    """link(2): the name at `place` for `inode`."""
    _require_free(task, place)
    if inode.in_memory and not inode.is_linkable and not inode.stat().st_nlink:
        raise Errno(ENOENT)
    if isinstance(inode, Directory) and place.directory.in_memory:
        raise Errno(EPERM)
    place.directory.link(task, place.name, inode)


def _require_movable(place: Place) -> Inode:
    """What is at `place` is no mounted tree. Raises Errno."""
    inode = place.found()
    if inode.mounted or (place.directory.in_memory and not inode.in_memory):
        raise Errno(EBUSY)
    return inode


def unlink(task: Caller, place: Place) -> None:
    """unlink(2)."""
    if not place.is_name:
        raise Errno(EISDIR)
    inode = place.found()
    if not isinstance(inode, Directory):
        _require_movable(place)
    require_removal(task, place.directory, inode)
    place.directory.unlink(task, place.name, inode)


def remove_directory(task: Caller, place: Place) -> None:
    """rmdir(2)."""
    if not place.is_name:
        raise Errno({b".": EINVAL, b"..": ENOTEMPTY, b"/": EBUSY}[place.name])
    inode = place.found()
    if isinstance(inode, Directory):
        _require_movable(place)
    require_removal(task, place.directory, inode)
    if inode is task.fs.root:
        raise Errno(EBUSY)
    place.directory.remove_directory(task, place.name, inode)


def rename(task: Caller, old: Place, new: Place, flags: int = 0) -> None:
    """rename(2), renameat2(2)."""
    if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) or flags == RENAME_NOREPLACE | RENAME_EXCHANGE:
        raise Errno(EINVAL)
    if not old.is_name or not new.is_name:
        raise Errno(EEXIST if flags & RENAME_NOREPLACE and old.is_name else EBUSY)
    moved = old.found()
    if flags & RENAME_NOREPLACE and new.inode is not None:
        raise Errno(EEXIST)
    if flags & RENAME_EXCHANGE:
        new.found()
    _require_fit(old, new, moved, flags)
    if moved is new.inode:
        return
    _require_rename(task, old, new, moved, flags)
    if flags & RENAME_EXCHANGE:
        old.directory.exchange(task, old.as_name(), new.directory, new.as_name())
    else:
        old.directory.rename(task, old.as_name(), new.directory, new.as_name())


def _require_fit(old: Place, new: Place, moved: Inode, flags: int) -> None:
    """No directory comes to stand in itself, and a slash stands only behind a directory."""
    slashed = old.must_be_directory or new.must_be_directory
    if slashed and not isinstance(moved, Directory) and not flags & RENAME_EXCHANGE:
        raise Errno(ENOTDIR)
    if _is_within(new.directory, moved):
        raise Errno(EINVAL)
    if new.inode is not None and _is_within(old.directory, new.inode):
        raise Errno(EINVAL if flags & RENAME_EXCHANGE else ENOTEMPTY)


def _is_within(directory: Directory, inode: Inode) -> bool:
    """Whether `directory` is `inode` or stands below it."""
    here = directory
    while here is not inode:
        if here.parent is here:
            return False
        here = here.parent
    return True


def _require_alike(new: Place, moved: Inode, flags: int) -> None:
    """A directory replaces only a directory; where the host renames, the host says so."""
    is_directory, replaces = isinstance(moved, Directory), isinstance(new.inode, Directory)
    if is_directory != replaces and not flags & RENAME_EXCHANGE and new.directory.in_memory:
        raise Errno(ENOTDIR if is_directory else EISDIR)


def _require_rename(task: Caller, old: Place, new: Place, moved: Inode, flags: int) -> None:
    """Rights to both names, and a file that replaces only its like."""
    _require_movable(old)
    require_removal(task, old.directory, moved)
    if new.inode is None:
        if new.directory.removed:
            raise Errno(ENOENT)
        require_names(task, new.directory)
    else:
        _require_movable(new)
        require_removal(task, new.directory, new.inode)
        _require_alike(new, moved, flags)
    if isinstance(moved, Directory) and old.directory is not new.directory and moved.in_memory:
        require(task, moved, W_OK)
