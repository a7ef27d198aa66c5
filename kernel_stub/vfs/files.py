"""What a task has open, and where its path walks start.

A `FileTable` maps descriptors to open file descriptions; an `FsContext` is the working directory,
the root and the umask. Neither opens anything.
open(2), dup(2), fcntl(2), umask(2), chroot(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_stub.errno import EBADF, EMFILE, Errno
from kernel_stub.vfs.directory import Directory
from kernel_stub.vfs.inode import OpenFile, PathFile

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller
    from kernel_stub.vfs.locks import Owner


class FileTable:
    """The descriptors of a task. `cloexec`: those that execve(2) closes."""

    def __init__(self, files: dict[int, OpenFile] | None = None) -> None:
        self._files: dict[int, OpenFile] = {}
        self.cloexec: set[int] = set()
        self.users = 1  # tasks
        self.waits_on: Owner | None = None  # whose lock its tasks wait for
        self._lowest = 0  # no descriptor below it is free
        for descriptor, file in (files or {}).items():
            self._set(descriptor, file)

    def get(self, descriptor: int) -> OpenFile:
        """The description to read, write or ask. Raises Errno(EBADF), also for O_PATH."""
        file = self._files.get(descriptor)
        if file is None or file.__class__ is PathFile:
            raise Errno(EBADF)
        return file

    def any(self, descriptor: int) -> OpenFile:
        """The description, O_PATH or not. Raises Errno(EBADF)."""
        file = self._files.get(descriptor)
        if file is None:
            raise Errno(EBADF)
        return file

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._files

    def numbers(self) -> list[int]:
        """The open descriptors in ascending order."""
        return sorted(self._files)

    def lowest_free(self, limit: int, least: int = 0) -> int:
        """The lowest free descriptor from `least` on. Raises Errno(EMFILE) at `limit`."""
        descriptor = max(least, self._lowest)
        while descriptor in self._files:
            descriptor += 1
        if least <= self._lowest:
            self._lowest = descriptor
        if descriptor >= limit:
            raise Errno(EMFILE)
        return descriptor

    def install(self, descriptor: int, file: OpenFile, cloexec: bool = False) -> int:
        """Opens the free `descriptor` for `file`, and returns it."""
        assert descriptor not in self._files, "install takes a free descriptor"
        self._set(descriptor, file)
        if cloexec:
            self.cloexec.add(descriptor)
        return descriptor

    def _set(self, descriptor: int, file: OpenFile) -> None:
        self._files[descriptor] = file
        hold(file)

    def close(self, task: Caller, descriptor: int) -> None:
        """close(2). Raises Errno(EBADF)."""
        file = self._files.pop(descriptor, None)
        if file is None:
            raise Errno(EBADF)
        self.cloexec.discard(descriptor)
        self._lowest = min(self._lowest, descriptor)
        if file.inode.locks is not None:
            file.inode.locks.leave(self)  # whichever of its descriptors was closed
        drop(task, file)

    def close_on_exec(self, task: Caller) -> None:
        """execve(2) succeeded."""
        for descriptor in sorted(self.cloexec):
            self.close(task, descriptor)

    def close_all(self, task: Caller) -> None:
        """The task ended."""
        for descriptor in self.numbers():
            self.close(task, descriptor)

    def copy(self) -> FileTable:
        """fork(2): the same descriptions under the same numbers."""
        copy = FileTable(self._files)
        copy.cloexec = set(self.cloexec)
        return copy


def hold(file: OpenFile) -> None:
    """Somebody more has `file` open: a descriptor, or a message in flight."""
    file.references += 1
    if file.references == 1 and file.writable:
        file.inode.open_to_write += 1


def drop(task: Caller, file: OpenFile) -> None:
    """Somebody closed `file`; with the last one it ends."""
    file.references -= 1
    if not file.references:
        file.inode.open_to_write -= 1 if file.writable else 0
        if file.inode.locks is not None:
            file.inode.locks.leave(file)
        file.release(task)


class FsContext:
    """Where paths start: `cwd` for relative ones, `root` for absolute ones; and the umask."""

    def __init__(self, root: Directory, cwd: Directory, umask: int = 0o022) -> None:
        self.root = root
        self.cwd = cwd
        self.umask = umask

    def copy(self) -> FsContext:
        """fork(2)."""
        return FsContext(self.root, self.cwd, self.umask)
