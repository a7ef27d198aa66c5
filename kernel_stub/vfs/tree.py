"""The one tree of files that a guest sees, put together from its parts, and where a task starts.

The host's directories with the overlay over them, /dev, /proc and /sys. What is done to names,
names.py knows; how files are opened, opening.py.
hier(7).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from emu.errors import UsageError
from kernel_stub.errno import ENXIO, Errno
from kernel_stub.vfs.console import Console, console_files
from kernel_stub.vfs.devices import DEVICES, Device
from kernel_stub.vfs.directory import Directory, Entry, Symlink
from kernel_stub.vfs.files import FileTable, FsContext
from kernel_stub.vfs.granted import GrantedDirectory, GrantedRegular, GrantedSymlink
from kernel_stub.vfs.host import Host, HostDirectory, Identity
from kernel_stub.vfs.host_terminal import HostTerminal
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG
from kernel_stub.vfs.opening import open_executable
from kernel_stub.vfs.options import VfsOptions
from kernel_stub.vfs.overlay import HostFiles, OverlayDirectory, OverlayRegular, OverlaySymlink
from kernel_stub.vfs.procfs import make_proc, make_sys
from kernel_stub.vfs.storage import Storage
from kernel_stub.vfs.walk import Walk

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller
    from kernel_stub.vfs.terminal_files import SlavesDirectory

DEV_DEVICE: Final = 5
NAMES_LOOKED_AT: Final = 256
# What becomes of a file of the host: (stands below a grant, S_IF*). All others are Special.
MAKERS: Final = {
    (False, S_IFREG): OverlayRegular,
    (False, S_IFDIR): OverlayDirectory,
    (False, S_IFLNK): OverlaySymlink,
    (True, S_IFREG): GrantedRegular,
    (True, S_IFDIR): GrantedDirectory,
    (True, S_IFLNK): GrantedSymlink,
}
DEV_LINKS: Final = {
    b"fd": b"/proc/self/fd",
    b"stdin": b"/proc/self/fd/0",
    b"stdout": b"/proc/self/fd/1",
    b"stderr": b"/proc/self/fd/2",
}


class Tty(Inode):
    """/dev/tty: the controlling terminal of whoever opens it."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__(attributes)
        attributes.st_rdev = os.makedev(5, 0)

    def open(self, task: Caller, flags: int) -> OpenFile:
        terminal: Inode | None = task.kernel.terminal_of(task.session)
        if terminal is None:
            raise Errno(ENXIO)
        return terminal.open(task, flags)


class DevDirectory(Directory):
    """/dev. Pseudo-terminals are made when somebody looks for one."""

    terminals: SlavesDirectory | None = None

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if name in (b"ptmx", b"pts"):
            self._make_terminals()
        return super().lookup(task, name)

    def listing(self, task: Caller) -> list[Entry]:
        self._make_terminals()
        return super().listing(task)

    def _make_terminals(self) -> None:
        if self.terminals is not None:
            return
        from kernel_stub.vfs.terminal_files import Multiplexer, SlavesDirectory
        from kernel_stub.vfs.terminals import Terminals

        terminals, now = Terminals(), self.own().st_mtime_ns
        self.terminals = SlavesDirectory(self.storage, terminals, now)
        self.mount(b"pts", self.terminals)
        attributes = Attributes(S_IFCHR | 0o666, 21, DEV_DEVICE, now)
        self.hold(b"ptmx", Multiplexer(attributes, terminals))

    def terminal_of(self, session: int) -> Inode | None:
        """The pseudo-terminal that controls `session`."""
        return None if self.terminals is None else self.terminals.of_session(session)


def _console_terminal(inode: Inode) -> HostTerminal | None:
    """The user's terminal, if `inode` is one."""
    return inode.terminal if isinstance(inode, Console) else None


class Vfs:
    """The tree of one run: `root` is its top, `console` the descriptors that the user gave."""

    def __init__(self, options: VfsOptions) -> None:
        self.options = options
        self.storage = Storage(options.limit)
        self.console = console_files(options.about.boot_ns)
        shown = filter(None, (_console_terminal(file.inode) for file in self.console.values()))
        self.terminal = next(shown, None) or HostTerminal()  # the user's, also if none shows it
        _require_visible(options)
        host = Host(frozenset(_identity(path) for path in options.writable))
        layers = [_top(host, options.root or b"/")]
        if options.sysroot is not None:
            layers.insert(0, _top(host, options.sysroot))
        self.root = HostFiles(self.storage, MAKERS).top(tuple(layers))
        self.dev = self._dev()
        self.root.mount(b"dev", self.dev)
        self.root.mount(b"proc", make_proc(options.about, self.storage))
        self.root.mount(b"sys", make_sys(options.about, self.storage))

    def terminal_of(self, session: int) -> Inode | None:
        """The controlling terminal of `session`."""
        for file in self.console.values():
            terminal = _console_terminal(file.inode)
            if terminal is not None and terminal.session == session:
                return file.inode
        return self.dev.terminal_of(session)

    def _dev(self) -> DevDirectory:
        dev = DevDirectory(self._attributes(S_IFDIR | 0o755, 1), self.storage)
        for number, device in enumerate(DEVICES, 10):
            dev.hold(device.name, Device(self._attributes(0, number), device))
        dev.hold(b"tty", Tty(self._attributes(S_IFCHR | 0o666, 20)))
        for number, (name, target) in enumerate(DEV_LINKS.items(), 30):
            dev.hold(name, Symlink(self._attributes(S_IFLNK | 0o777, number), target))
        dev.hold(b"shm", self._directory(0o1777, 2))
        return dev

    def _directory(self, mode: int, number: int) -> Directory:
        return Directory(self._attributes(S_IFDIR | mode, number), self.storage)

    def _attributes(self, mode: int, number: int) -> Attributes:
        return Attributes(mode, number, DEV_DEVICE, self.options.about.boot_ns)

    def file_table(self) -> FileTable:
        """The descriptors that a program starts with."""
        return FileTable(self.console)

    def context(self) -> FsContext:
        """A task's place in the tree: at its top."""
        return FsContext(self.root, self.root)

    def open_executable(self, task: Caller, path: bytes) -> OpenFile:
        """The regular file at `path`, which `task` may execute. Raises Errno."""
        cwd: Directory = task.fs.cwd
        return open_executable(task, cwd, path)

    def newest_time(self, task: Caller, path: bytes) -> int:
        """When the file at `path`, or what a directory there holds, was last modified; 0: never.

        Of a directory with more than NAMES_LOOKED_AT names, only its own time counts.
        """
        try:
            inode = Walk(task, task.fs.cwd).to(path, follow=True).inode
            if inode is None:
                return 0
            newest: int = inode.stat().st_mtime_ns
            if isinstance(inode, Directory):
                names = [entry.name for entry in inode.listing(task)]
                held = names if len(names) <= NAMES_LOOKED_AT else []
                found = [inode.lookup(task, name) for name in held]
                newest = max([newest, *(f.stat().st_mtime_ns for f in found if f is not None)])
        except Errno:
            return 0
        return newest

    def enter_host_directory(self, task: Caller, path: bytes) -> Directory:
        """The guest's directory for the host's `path`, or the top if the guest does not see it.

        `path` is absolute and without symbolic links, as getcwd(3) gives it.
        """
        top = os.path.realpath(self.options.root or b"/").rstrip(b"/")
        if path != top and not path.startswith(top + b"/"):
            return self.root
        try:
            place = Walk(task, self.root).to(path[len(top) :] or b"/", follow=True)
        except Errno:
            return self.root
        return place.inode if isinstance(place.inode, Directory) else self.root


def _require_visible(options: VfsOptions) -> None:
    """A grant that the guest cannot see would be of no use. Raises UsageError."""
    if options.root is None:
        return
    tops = [os.path.realpath(top) for top in (options.root, options.sysroot) if top is not None]
    for path in options.writable:
        place = os.path.realpath(path)
        if not any(os.path.commonpath((top, place)) == top for top in tops):
            shown = os.fsdecode(path), os.fsdecode(options.root)
            raise UsageError(f"--rw {shown[0]}: not below --root {shown[1]}, which is all to see")


def _top(host: Host, path: bytes) -> HostDirectory:
    try:
        return HostDirectory.top(host, path)
    except OSError as refused:
        raise UsageError(f"{os.fsdecode(path)}: {refused.strerror}") from None


def _identity(path: bytes) -> Identity:
    try:
        status = os.stat(path)
    except OSError as refused:
        raise UsageError(f"{os.fsdecode(path)}: {refused.strerror}") from None
    if status.st_mode & S_IFDIR != S_IFDIR or not os.path.isdir(path):
        raise UsageError(f"{os.fsdecode(path)}: not a directory")
    return status.st_dev, status.st_ino
