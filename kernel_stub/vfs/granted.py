"""Below a granted directory (`--rw DIR`): what the guest does there happens on the host.

Every change goes through the descriptor of one directory and one component, as in host.py, so no
symlink leads it elsewhere. Rights are the host's to check.
openat(2), unlinkat(2), renameat(2), mkdirat(2), mknodat(2).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EINVAL, EXDEV, Errno
from kernel_stub.vfs.directory import Directory, Name
from kernel_stub.vfs.host import HostFd, HostName, ask, exact_modes, two_open
from kernel_stub.vfs.inode import Inode, OpenFile
from kernel_stub.vfs.modes import O_ACCMODE, O_RDONLY, O_WRONLY, S_IFIFO, S_IFMT
from kernel_stub.vfs.nodes import SocketNode
from kernel_stub.vfs.overlay import OnHost, OverlayDirectory, OverlaySymlink, read_host
from kernel_stub.vfs.pipes import Pipe
from kernel_stub.vfs.storage import RegularFile, Storage

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

ZEROED_AT_ONCE: Final = 1 << 20


class Granted(OnHost):
    """A file whose attributes the guest changes on the host."""

    in_memory = False

    def change_mode(self, task: Caller, mode: int) -> None:
        opened, path = self.place.magic()
        ask(os.chmod, path, mode & 0o7777)
        del opened

    def change_owner(self, task: Caller, uid: int, gid: int) -> None:
        fd = self.place.directory.fd()
        ask(os.chown, self.place.name, uid, gid, dir_fd=fd, follow_symlinks=False)

    def change_times(self, task: Caller, atime_ns: int, mtime_ns: int) -> None:
        fd, times = self.place.directory.fd(), (atime_ns, mtime_ns)
        ask(os.utime, self.place.name, ns=times, dir_fd=fd, follow_symlinks=False)


class GrantedSymlink(Granted, OverlaySymlink):
    """A symbolic link; its text is resolved in the guest's tree."""


class GrantedRegular(Granted):
    """A regular file of the host, read and written where it is."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(None)
        self._reader: HostFd | None = None
        self._writer: HostFd | None = None

    def created(self, opened: HostFd) -> None:
        """`opened` reads and writes, whatever mode the file got when it was made."""
        self._reader = self._writer = opened

    def open(self, task: Caller, flags: int) -> OpenFile:
        access = flags & O_ACCMODE
        if access != O_WRONLY:
            self._open_reader()
        if access != O_RDONLY:
            self._open_writer()
        return RegularFile(self, flags)

    def _open_reader(self) -> int:
        if self._reader is None:
            self._reader = self.place.open(os.O_RDONLY)
        return self._reader.number

    def _open_writer(self) -> int:
        if self._writer is None:
            self._writer = self.place.open(os.O_WRONLY)
        return self._writer.number

    def host_stat(self) -> os.stat_result:
        opened = self._reader or self._writer
        return self.place.stat() if opened is None else os.fstat(opened.number)

    @property
    def size(self) -> int:
        return self.host_stat().st_size

    def read_at(self, offset: int, size: int) -> bytes:
        return read_host(self._open_reader(), offset, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        return ask(os.pwrite, self._open_writer(), data, offset)

    def resize(self, task: Caller, size: int) -> None:
        ask(os.ftruncate, self._open_writer(), size)

    def punch(self, task: Caller, start: int, end: int) -> None:
        """Zeros, which take their place on the host: Python has no call to punch holes."""
        for offset in range(start, min(end, self.size), ZEROED_AT_ONCE):
            self.write_at(task, offset, bytes(min(ZEROED_AT_ONCE, min(end, self.size) - offset)))

    def change_mode(self, task: Caller, mode: int) -> None:
        opened = self._reader or self._writer
        if opened is None:
            super().change_mode(task, mode)
        else:
            ask(os.fchmod, opened.number, mode & 0o7777)

    def change_owner(self, task: Caller, uid: int, gid: int) -> None:
        opened = self._reader or self._writer
        if opened is None:
            super().change_owner(task, uid, gid)
        else:
            ask(os.fchown, opened.number, uid, gid)

    def change_times(self, task: Caller, atime_ns: int, mtime_ns: int) -> None:
        opened = self._reader or self._writer
        if opened is None:
            super().change_times(task, atime_ns, mtime_ns)
        else:
            ask(os.utime, opened.number, ns=(atime_ns, mtime_ns))


class GrantedFifo(Granted):
    """A fifo that the guest made on the host; its bytes are in `pipe`.

    A process of the host at its other end would never be met, so a fifo that was there before stays
    closed (overlay.py: Special).
    """

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(None)
        self.pipe = pipe

    def open(self, task: Caller, flags: int) -> OpenFile:
        return self.pipe.open(task, flags)

    def resize(self, task: Caller, size: int) -> None:
        """O_TRUNC means nothing to a fifo."""


class GrantedSocket(Granted, SocketNode):
    """The name of a socket that the guest made on the host."""


class GrantedDirectory(Granted, OverlayDirectory):
    """A directory of the host in which names are made and removed."""

    def create(self, task: Caller, name: bytes, mode: int) -> Inode:
        opened = self.at(name).create(mode & 0o7777)
        inode = self.lookup(task, name)
        if not isinstance(inode, GrantedRegular):
            raise Errno(EXDEV)  # somebody else replaced it at once
        inode.created(opened)
        return inode

    def make_directory(self, task: Caller, name: bytes, mode: int) -> None:
        with exact_modes():
            ask(os.mkdir, name, mode & 0o7777, dir_fd=self._fd())

    def make_symlink(self, task: Caller, name: bytes, target: bytes) -> None:
        ask(os.symlink, target, name, dir_fd=self._fd())

    def make_node(self, task: Caller, name: bytes, mode: int) -> Inode:
        """The node is the host's; who opens it meets others of this guest alone."""
        with exact_modes():
            ask(os.mknod, name, mode, dir_fd=self._fd())
        place = self.at(name)
        status = place.stat()
        attributes = self.storage.fresh(task, mode, status.st_dev)
        attributes.st_ino = status.st_ino
        is_fifo = mode & S_IFMT == S_IFIFO
        node = GrantedFifo(Pipe(attributes, has_name=True)) if is_fifo else GrantedSocket(None)
        self.files.adopt(self, place, status, node)
        return node

    def link(self, task: Caller, name: bytes, inode: Inode) -> None:
        if not isinstance(inode, Granted):
            raise Errno(EXDEV)
        source = inode.place
        with two_open(source.directory, self.layers[0]) as (here, there):
            ask(
                os.link,
                source.name,
                name,
                src_dir_fd=here,
                dst_dir_fd=there,
                follow_symlinks=False,
            )

    def shares_names_with(self, inode: Inode) -> bool:
        return isinstance(inode, Granted)

    def unlink(self, task: Caller, name: bytes, inode: Inode) -> None:
        ask(os.unlink, name, dir_fd=self._fd())
        self._gone(inode)

    def remove_directory(self, task: Caller, name: bytes, inode: Inode) -> None:
        ask(os.rmdir, name, dir_fd=self._fd())
        self._gone(inode)

    def rename(self, task: Caller, old: Name, target: Directory, new: Name) -> None:
        if not isinstance(target, GrantedDirectory):
            raise Errno(EXDEV)
        with two_open(self.layers[0], target.layers[0]) as (here, there):
            ask(os.rename, old.name, new.name, src_dir_fd=here, dst_dir_fd=there)
        self._gone(new.inode)
        if isinstance(old.inode, OnHost):
            old.inode.found_at(target, target.at(new.name))

    def exchange(self, task: Caller, old: Name, target: Directory, new: Name) -> None:
        raise Errno(EINVAL)

    def found_at(self, parent: Directory, place: HostName) -> None:
        super().found_at(parent, place)
        self.layers[0].moved(place)

    def _gone(self, inode: Inode | None) -> None:
        """The host may give the number of `inode` to a new file now."""
        if isinstance(inode, OnHost):
            self.files.forget(inode)
        if isinstance(inode, Directory):
            inode.removed = True

    def at(self, name: bytes) -> HostName:
        """What the host has under `name` here."""
        return HostName(self.layers[0], name)

    def _fd(self) -> int:
        return self.layers[0].fd()
