"""/proc and /sys: directories whose names and files the kernel makes when they are asked for.

What the files say stands in proctext.py; how a directory of the host looks does not matter here:
the host's own /proc is never shown.
proc(5), sysfs(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EACCES, Errno
from kernel_stub.vfs.directory import Directory, Entry, FixedDirectory, MagicLink, Symlink
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import O_ACCMODE, O_RDONLY, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG
from kernel_stub.vfs.options import About
from kernel_stub.vfs.proctext import (
    OF_A_TASK,
    OF_SYSCTL,
    OF_SYSFS,
    OF_THE_MACHINE,
    Text,
    View,
)
from kernel_stub.vfs.storage import Storage, new_offset
from kernel_stub.vfs.walk import Walk

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

PROC_DEVICE: Final = 20
SYS_DEVICE: Final = 21
FD_NUMBERS: Final = 1 << 20  # inode numbers of /proc/self/fd/N


class Source:
    """What the files of one such tree are made from."""

    def __init__(self, about: About, storage: Storage, device: int) -> None:
        self.about = about
        self.storage = storage
        self.device = device
        self._numbers = count(1)

    def attributes(self, mode: int) -> Attributes:
        return Attributes(mode, next(self._numbers), self.device, self.about.boot_ns)


class Generated(Inode):
    """A file whose text is made when it is opened."""

    def __init__(self, source: Source, text: Text) -> None:
        super().__init__(source.attributes(S_IFREG | 0o444))
        self.source = source
        self.text = text

    def open(self, task: Caller, flags: int) -> OpenFile:
        if flags & O_ACCMODE != O_RDONLY:
            raise Errno(EACCES)
        return TextFile(self, flags, self.text(View(task, self.source.about)))


class TextFile(OpenFile):
    """An open generated file: the text as it was then."""

    seekable = True
    pollable = False

    def __init__(self, inode: Inode, flags: int, text: bytes) -> None:
        super().__init__(inode, flags)
        self.text = text

    def read(self, task: Caller, size: int) -> bytes:
        data = self.text[self.offset : self.offset + size]
        self.offset += len(data)
        return data

    def unread(self, data: bytes) -> None:
        self.offset -= len(data)

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        return self.text[offset : offset + size]

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        self.offset = new_offset(offset, whence, self.offset, len(self.text))
        return self.offset


class OwnLink(MagicLink):
    """exe, cwd and root of the task that looks."""

    def __init__(self, source: Source, name: bytes) -> None:
        super().__init__(source.attributes(S_IFLNK | 0o777), b"")
        self.name = name

    def target(self, task: Caller) -> bytes:
        if self.name == b"exe":
            return task.executable
        directory: Directory = self.jump_to_directory(task)
        return directory.path()

    def jump_to_directory(self, task: Caller) -> Directory:
        directory: Directory = task.fs.cwd if self.name == b"cwd" else task.fs.root
        return directory

    def jump(self, task: Caller) -> Inode:
        if self.name == b"exe":
            root: Directory = task.fs.root
            return Walk(task, root).to(task.executable, follow=True).found()
        return self.jump_to_directory(task)


class SelfLink(Symlink):
    """/proc/self: the number of the task that looks."""

    def __init__(self, source: Source, form: bytes) -> None:
        super().__init__(source.attributes(S_IFLNK | 0o777), b"")
        self.form = form

    def target(self, task: Caller) -> bytes:
        return self.form.replace(b"PID", b"%d" % task.pid)


class FdLink(MagicLink):
    """/proc/self/fd/N: leads to the very file that is open."""

    def __init__(self, source: Source, descriptor: int) -> None:
        now = source.about.boot_ns
        attributes = Attributes(S_IFLNK | 0o700, FD_NUMBERS + descriptor, source.device, now)
        super().__init__(attributes, b"")
        self.descriptor = descriptor

    def target(self, task: Caller) -> bytes:
        file = self._file(task)
        if file.path:
            attributes = file.inode.attributes
            gone = attributes is not None and not attributes.st_nlink
            return file.path + b" (deleted)" * gone
        sort = b"pipe" if file.inode.kind == S_IFIFO else b"anon_inode"
        return b"%s:[%d]" % (sort, file.inode.number)

    def jump(self, task: Caller) -> Inode:
        return self._file(task).inode

    def _file(self, task: Caller) -> OpenFile:
        file: OpenFile = task.files.any(self.descriptor)
        return file


class FdDirectory(FixedDirectory):
    """/proc/self/fd, which /dev/fd leads to."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o500), source.storage)
        self.source = source

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if not name.isdigit() or int(name) not in task.files.numbers():
            return None
        return FdLink(self.source, int(name))

    def listing(self, task: Caller) -> list[Entry]:
        numbers = task.files.numbers()
        return [Entry(b"%d" % number, FD_NUMBERS + number, S_IFLNK) for number in numbers]


class ThreadDirectory(FixedDirectory):
    """/proc/PID/task/TID of the task that looks."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o555), source.storage)
        for name, text in OF_A_TASK.items():
            self.hold(name, Generated(source, text))
        for name in (b"cwd", b"exe", b"root"):
            self.hold(name, OwnLink(source, name))
        self.hold(b"fd", FdDirectory(source))


class ThreadsDirectory(FixedDirectory):
    """/proc/PID/task: the threads, of which there is one."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o555), source.storage)
        self.of_thread = ThreadDirectory(source)

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if name != b"%d" % task.pid:
            return None
        self.of_thread.parent, self.of_thread.name = self, name
        return self.of_thread

    def listing(self, task: Caller) -> list[Entry]:
        return [Entry(b"%d" % task.pid, self.of_thread.number, S_IFDIR)]


class TaskDirectory(ThreadDirectory):
    """/proc/PID of the task that looks; there is no other."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.hold(b"task", ThreadsDirectory(source))


class ProcDirectory(FixedDirectory):
    """/proc itself."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o555), source.storage)
        fill(self, source, OF_THE_MACHINE)
        fill(self, source, {b"sys/" + path: text for path, text in OF_SYSCTL.items()})
        self.hold(b"self", SelfLink(source, b"PID"))
        self.hold(b"thread-self", SelfLink(source, b"PID/task/PID"))
        self.hold(b"mounts", Symlink(source.attributes(S_IFLNK | 0o777), b"self/mounts"))
        self.of_task = TaskDirectory(source)

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if name == b"%d" % task.pid:
            self.of_task.parent, self.of_task.name = self, name
            return self.of_task
        return super().lookup(task, name)

    def listing(self, task: Caller) -> list[Entry]:
        own = Entry(b"%d" % task.pid, self.of_task.number, S_IFDIR)
        return [*super().listing(task), own]


def fill(top: Directory, source: Source, texts: Mapping[bytes, Text]) -> None:
    """Places generated files below `top`, with the directories that their paths need."""
    for path, text in texts.items():
        *above, name = path.split(b"/")
        here = top
        for step in above:
            below = here.entries.get(step)
            if not isinstance(below, Directory):
                below = FixedDirectory(source.attributes(S_IFDIR | 0o555), source.storage)
                here.hold(step, below)
            here = below
        here.hold(name, Generated(source, text))


def make_proc(about: About, storage: Storage) -> Directory:
    return ProcDirectory(Source(about, storage, PROC_DEVICE))


def make_sys(about: About, storage: Storage) -> Directory:
    source = Source(about, storage, SYS_DEVICE)
    top = FixedDirectory(source.attributes(S_IFDIR | 0o555), storage)
    fill(top, source, OF_SYSFS)
    return top
