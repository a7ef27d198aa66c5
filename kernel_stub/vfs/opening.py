"""open(2): from a path and flags to an open file description.

It does not know descriptors, registers or ABIs.
open(2), openat2(2), execve(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernel_stub.errno import (
    EACCES,
    EEXIST,
    EINVAL,
    EISDIR,
    ELOOP,
    ENOENT,
    ENOTDIR,
    EOPNOTSUPP,
    ETXTBSY,
    Errno,
)
from kernel_stub.vfs.access import require, require_names, require_owner
from kernel_stub.vfs.directory import Directory, Symlink
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile, PathFile
from kernel_stub.vfs.modes import (
    O_ACCMODE,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOATIME,
    O_NOFOLLOW,
    O_PATH,
    O_RDONLY,
    O_RDWR,
    O_TMPFILE,
    O_TRUNC,
    O_WRONLY,
    R_OK,
    S_IFREG,
    W_OK,
    X_OK,
)
from kernel_stub.vfs.storage import Regular, Storage
from kernel_stub.vfs.walk import Place, Walk

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

NEEDED: Final = {O_RDONLY: R_OK, O_WRONLY: W_OK, O_RDWR: R_OK | W_OK, O_ACCMODE: R_OK | W_OK}

GONE: Final = b" (deleted)"  # after the path of a file that has no name any more


def open_file(
    task: Caller, start: Directory, path: bytes, flags: int, mode: int = 0, resolve: int = 0
) -> OpenFile:
    """Opens `path`, relative to `start`. Raises Errno."""
    if flags & O_PATH:
        flags &= O_PATH | O_NOFOLLOW | O_DIRECTORY
    walk = Walk(task, start, resolve)
    if flags & O_TMPFILE == O_TMPFILE:
        return _open_unnamed(task, walk.to(path, follow=True), flags, mode)
    if flags & O_CREAT and path.endswith(b"/"):
        walk.to(path.rstrip(b"/") or b"/", follow=False)  # what is wrong before the slash is first
        raise Errno(EISDIR)
    exclusive = flags & O_CREAT and flags & O_EXCL
    place = walk.to(path, follow=not (flags & O_NOFOLLOW or exclusive))
    file = _open_place(task, place, flags, mode)
    if not file.path:
        file.path = path_of(place)
    return file


def path_of(place: Place) -> bytes:
    """The absolute path of a place; of what a magic link led to, the path that it shows."""
    if place.shown:
        return place.shown.removesuffix(GONE)
    if isinstance(place.inode, Directory):
        return place.inode.path()
    return place.directory.path().rstrip(b"/") + b"/" + place.name


def _open_place(task: Caller, place: Place, flags: int, mode: int) -> OpenFile:
    inode = place.inode
    if inode is None:
        return _create(task, place, mode, flags).open(task, flags)
    if flags & O_CREAT and flags & O_EXCL:
        raise Errno(EEXIST)
    if flags & O_CREAT and isinstance(inode, Directory):
        raise Errno(EISDIR)
    if flags & O_DIRECTORY and not isinstance(inode, Directory):
        raise Errno(ENOTDIR)
    if flags & O_PATH:
        return PathFile(inode, flags)
    return open_inode(task, inode, flags)


def _create(task: Caller, place: Place, mode: int, flags: int) -> Inode:
    if not flags & O_CREAT:
        raise Errno(ENOENT)
    if flags & O_DIRECTORY:
        raise Errno(EINVAL)
    if place.directory.removed:
        raise Errno(ENOENT)
    require_names(task, place.directory)
    return place.directory.create(task, place.name, mode & ~task.fs.umask)


def open_inode(task: Caller, inode: Inode, flags: int) -> OpenFile:
    """Opens a file that exists, as far as `task` may. Raises Errno."""
    if isinstance(inode, Symlink):
        raise Errno(ELOOP)
    needed = NEEDED[flags & O_ACCMODE] | (W_OK if flags & O_TRUNC else 0)
    if isinstance(inode, Directory) and needed & W_OK:
        raise Errno(EISDIR)
    require(task, inode, needed)
    if needed & W_OK and inode.running:
        raise Errno(ETXTBSY)
    if flags & O_NOATIME:
        require_owner(task, inode)
    file = inode.open(task, flags)
    if flags & O_TRUNC and file.writable:
        inode.cut(task, 0)
    return file


def _open_unnamed(task: Caller, place: Place, flags: int, mode: int) -> OpenFile:
    """O_TMPFILE: a regular file without a name, which linkat(2) may give it."""
    directory = place.found()
    if not isinstance(directory, Directory):
        raise Errno(ENOTDIR)
    if flags & O_ACCMODE == O_RDONLY:
        raise Errno(EINVAL)
    if not directory.in_memory:
        raise Errno(EOPNOTSUPP)
    require(task, directory, W_OK | X_OK)
    made = Regular(*unnamed_attributes(task, directory, mode & ~task.fs.umask))
    made.is_linkable = not flags & O_EXCL
    file = made.open(task, flags & ~O_TMPFILE)
    file.path = directory.path().rstrip(b"/") + b"/#%d" % file.inode.number
    return file


def unnamed_attributes(task: Caller, directory: Directory, mode: int) -> tuple[Attributes, Storage]:
    """What a regular file in memory needs that has no name yet, where `directory` is."""
    storage, device = directory.storage, directory.stat().st_dev
    attributes = storage.fresh(task, S_IFREG | mode & 0o7777, device)
    attributes.st_nlink = 0
    return attributes, storage


def open_executable(task: Caller, start: Directory, path: bytes, follow: bool = True) -> OpenFile:
    """Opens a program for execve(2). Raises Errno: EACCES for what is not an executable file."""
    place = Walk(task, start).to(path, follow)
    inode = place.found()
    if isinstance(inode, Symlink):
        raise Errno(ELOOP)
    if inode.kind != S_IFREG:
        raise Errno(EACCES)
    require(task, inode, X_OK)
    if inode.open_to_write:
        raise Errno(ETXTBSY)
    file = inode.open(task, O_RDONLY)
    file.path = path_of(place)
    return file
