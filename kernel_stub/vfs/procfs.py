"""/proc and /sys: directories whose names and files the kernel makes when they are asked for.

What the files say stands in proctext.py; how a directory of the host looks does not matter here:
the host's own /proc is never shown.
proc(5), sysfs(5).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from kernel_stub.errno import EACCES, ENOENT, Errno
from kernel_stub.vfs.directory import Directory, Entry, FixedDirectory, MagicLink, Symlink
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import O_ACCMODE, O_RDONLY, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG
from kernel_stub.vfs.opening import GONE
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
TASK_NUMBERS: Final = 1 << 24  # what listings say of /proc/PID


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
    """A file whose text is made when it is opened: about `whose`, or the task that looks."""

    def __init__(self, source: Source, text: Text, whose: Caller | None = None) -> None:
        super().__init__(source.attributes(S_IFREG | 0o444))
        self.source = source
        self.text = text
        self.whose = whose

    def open(self, task: Caller, flags: int) -> OpenFile:
        if flags & O_ACCMODE != O_RDONLY:
            raise Errno(EACCES)
        return TextFile(self, flags, self.text(View(self.whose or task, self.source.about)))


class PagemapInode(Inode):
    """/proc/PID/pagemap: of `whose`, or of the task that looks."""

    def __init__(self, source: Source, whose: Caller | None) -> None:
        super().__init__(source.attributes(S_IFREG | 0o400))
        self.whose = whose

    def open(self, task: Caller, flags: int) -> OpenFile:
        from kernel_stub.vfs.procmemory import Pagemap

        if flags & O_ACCMODE != O_RDONLY:
            raise Errno(EACCES)
        return Pagemap(self, flags, self.whose or task)


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


class MemoryInode(Inode):
    """mem: the memory of `whose`, or of the task that opens it."""

    def __init__(self, attributes: Attributes, whose: Caller | None) -> None:
        super().__init__(attributes)
        attributes.st_uid = os.getuid() if whose is None else whose.uid
        self.whose = whose

    def open(self, task: Caller, flags: int) -> OpenFile:
        from kernel_stub.vfs.procmem import MemoryFile

        whose = self.whose or task
        if not task.may_look_into(whose, by_files=True):
            raise Errno(EACCES)
        space: Any = whose.space
        return MemoryFile(self, flags, space)


class OwnLink(MagicLink):
    """exe, cwd and root of `whose`, or of the task that looks."""

    def __init__(self, source: Source, name: bytes, whose: Caller | None = None) -> None:
        super().__init__(source.attributes(S_IFLNK | 0o777), b"")
        self.name = name
        self.whose = whose

    def target(self, task: Caller) -> bytes:
        task = self.whose or task
        if task.is_zombie:
            raise Errno(ENOENT)
        if self.name == b"exe":
            return task.executable
        directory: Directory = self.jump_to_directory(task)
        return directory.path()

    def jump_to_directory(self, task: Caller) -> Directory:
        task = self.whose or task
        directory: Directory = task.fs.cwd if self.name == b"cwd" else task.fs.root
        return directory

    def jump(self, task: Caller) -> Inode:
        if self.name == b"exe":
            root: Directory = task.fs.root
            return Walk(task, root).to((self.whose or task).executable, follow=True).found()
        return self.jump_to_directory(task)


class SelfLink(Symlink):
    """/proc/self: the number of the task that looks."""

    def __init__(self, source: Source, form: bytes) -> None:
        super().__init__(source.attributes(S_IFLNK | 0o777), b"")
        self.form = form

    def target(self, task: Caller) -> bytes:
        return self.form.replace(b"PID", b"%d" % task.pid).replace(b"TID", b"%d" % task.tid)


class FdLink(MagicLink):
    """/proc/self/fd/N: leads to the very file that is open."""

    def __init__(self, source: Source, descriptor: int, whose: Caller | None = None) -> None:
        self.whose = whose
        now = source.about.boot_ns
        attributes = Attributes(S_IFLNK | 0o700, FD_NUMBERS + descriptor, source.device, now)
        super().__init__(attributes, b"")
        self.descriptor = descriptor

    def target(self, task: Caller) -> bytes:
        file = self._file(task)
        if file.path:
            attributes = file.inode.attributes
            gone = attributes is not None and not attributes.st_nlink
            return file.path + GONE * gone
        sort = b"pipe" if file.inode.kind == S_IFIFO else b"anon_inode"
        return b"%s:[%d]" % (sort, file.inode.number)

    def jump(self, task: Caller) -> Inode:
        return self._file(task).inode

    def _file(self, task: Caller) -> OpenFile:
        file: OpenFile = (self.whose or task).files.any(self.descriptor)
        return file


class FdDirectory(FixedDirectory):
    """/proc/self/fd, which /dev/fd leads to."""

    def __init__(self, source: Source, whose: Caller | None = None) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o500), source.storage)
        self.source = source
        self.whose = whose

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if not name.isdigit() or int(name) not in self._numbers(task):
            return None
        return FdLink(self.source, int(name), self.whose)

    def listing(self, task: Caller) -> list[Entry]:
        numbers = self._numbers(task)
        return [Entry(b"%d" % number, FD_NUMBERS + number, S_IFLNK) for number in numbers]

    def _numbers(self, task: Caller) -> list[int]:
        whose = self.whose or task
        return [] if whose.is_zombie else whose.files.numbers()


class ThreadDirectory(FixedDirectory):
    """/proc/PID/task/TID: of `whose`, or of the task that looks."""

    def __init__(self, source: Source, whose: Caller | None = None) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o555), source.storage)
        self.whose = whose
        fill(self, source, OF_A_TASK, whose)
        for name in (b"cwd", b"exe", b"root"):
            self.hold(name, OwnLink(source, name, whose))
        self.hold(b"fd", FdDirectory(source, whose))
        self.hold(b"pagemap", PagemapInode(source, whose))
        self.hold(b"mem", MemoryInode(source.attributes(S_IFREG | 0o600), whose))


class ThreadsDirectory(FixedDirectory):
    """/proc/PID/task: the threads of the process of `whose`, or of the task that looks."""

    def __init__(self, source: Source, whose: Caller | None = None) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o555), source.storage)
        self.source = source
        self.whose = whose
        self._of_thread: dict[int, ThreadDirectory] = {}

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        threads = {b"%d" % thread.tid: thread for thread in self._threads(task)}
        thread = threads.get(name)
        if thread is None:
            return None
        found = self._of_thread.get(thread.tid)
        if found is None:
            found = self._of_thread[thread.tid] = ThreadDirectory(self.source, thread)
            found.parent, found.name = self, name
        return found

    def _threads(self, task: Caller) -> list[Caller]:
        whose = self.whose or task
        return whose.threads or [whose]

    def listing(self, task: Caller) -> list[Entry]:
        return [
            Entry(b"%d" % thread.tid, TASK_NUMBERS + thread.tid, S_IFDIR)
            for thread in self._threads(task)
        ]


class TaskDirectory(ThreadDirectory):
    """/proc/PID: of the process of `whose`, or of the task that looks."""

    def __init__(self, source: Source, whose: Caller | None = None) -> None:
        super().__init__(source, whose)
        self.hold(b"task", ThreadsDirectory(source, whose))


class ProcDirectory(FixedDirectory):
    """/proc itself."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.attributes(S_IFDIR | 0o555), source.storage)
        self.source = source
        fill(self, source, OF_THE_MACHINE)
        fill(self, source, {b"sys/" + path: text for path, text in OF_SYSCTL.items()})
        self.hold(b"self", SelfLink(source, b"PID"))
        self.hold(b"thread-self", SelfLink(source, b"PID/task/TID"))
        for name in (b"mounts", b"net"):
            self.hold(name, Symlink(source.attributes(S_IFLNK | 0o777), b"self/" + name))
        self.of_task = TaskDirectory(source)
        self._of_others: dict[Caller, TaskDirectory] = {}

    def lookup(self, task: Caller, name: bytes) -> Inode | None:
        if name == b"%d" % task.pid:
            self.of_task.parent, self.of_task.name = self, name
            return self.of_task
        if name.isdigit():
            return self._of_another(task, name)
        return super().lookup(task, name)

    def _of_another(self, task: Caller, name: bytes) -> Inode | None:
        """The directory of another process."""
        others = {b"%d" % other.pid: other for other in task.kernel.leaders()}
        other = others.get(name)
        if other is None:
            return None
        self._of_others = {
            known: found for known, found in self._of_others.items() if known.threads
        }
        found = self._of_others.get(other)
        if found is None:
            found = self._of_others[other] = TaskDirectory(self.source, other)
            found.parent, found.name = self, name
        return found

    def listing(self, task: Caller) -> list[Entry]:
        pids = sorted(leader.pid for leader in task.kernel.leaders())
        processes = [Entry(b"%d" % pid, TASK_NUMBERS + pid, S_IFDIR) for pid in pids]
        return [*super().listing(task), *processes]


def fill(
    top: Directory, source: Source, texts: Mapping[bytes, Text], whose: Caller | None = None
) -> None:
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
        here.hold(name, Generated(source, text, whose))


def make_proc(about: About, storage: Storage) -> Directory:
    return ProcDirectory(Source(about, storage, PROC_DEVICE))


def make_sys(about: About, storage: Storage) -> Directory:
    source = Source(about, storage, SYS_DEVICE)
    top = FixedDirectory(source.attributes(S_IFDIR | 0o555), storage)
    fill(top, source, OF_SYSFS)
    return top
