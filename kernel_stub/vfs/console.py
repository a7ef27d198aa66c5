"""The console: the descriptors 0, 1 and 2 that the user gave, passed through unbuffered.

They may be a terminal, a pipe or a redirected file; the host's description keeps its own offset, so
what runs before and after in the same shell fits together. Terminals are host_terminal.py's.
ioctl_tty(2), termios(3), pipe(7).
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kernel_stub.abi.signals import SIGPIPE, SIGTTIN, SIGTTOU
from kernel_stub.errno import EAGAIN, EINVAL, EIO, ENOTTY, EPERM, EPIPE, Errno
from kernel_stub.vfs.host import ask
from kernel_stub.vfs.host_terminal import WRITES, HostTerminal
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile, Status
from kernel_stub.vfs.job_control import JOB_REQUESTS
from kernel_stub.vfs.modes import (
    O_ACCMODE,
    O_APPEND,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM,
    S_IFIFO,
    S_IFMT,
    S_IFREG,
)
from kernel_stub.vfs.overlay import read_host
from kernel_stub.vfs.pipes import PIPE_BUF, PipeEnd, finished
from kernel_stub.vfs.pulses import Pulses

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

MOST: Final = 1 << 20
NULL_DEVICE: Final = os.makedev(1, 3)
CONSOLE_DEVICE: Final = 13  # st_dev of terminals and pipes, whatever the host's


class Console(Inode):
    """What is behind a descriptor of the host."""

    in_memory = False

    def __init__(
        self,
        descriptor: int,
        own_number: int = 1,
        boot_ns: int = 0,
        terminal: HostTerminal | None = None,
    ) -> None:
        super().__init__(None)
        self.descriptor = descriptor
        self.host: Callable[..., Any] = _call  # through which the host is asked
        self.own_number = own_number
        self.boot_ns = boot_ns
        self.only_read = _is_read_only_file(descriptor)
        self.is_regular = self.kind == S_IFREG
        self.terminal = (terminal or HostTerminal()) if os.isatty(descriptor) else None
        self.pulses = Pulses()
        self.kept = b""  # of a pipe or terminal: what was read and found no room in the program

    def stat(self) -> Status:
        """What the host says, less what differs from run to run: numbers of pipes, times."""
        status: os.stat_result = ask(self.host, os.fstat, self.descriptor)
        if self.only_read:
            return status
        shown = Attributes.copy_of(status)
        shown.st_atime_ns = shown.st_mtime_ns = shown.st_ctime_ns = self.boot_ns
        if not stat.S_ISREG(status.st_mode):
            shown.st_ino = self.own_number
            shown.st_dev = CONSOLE_DEVICE
        return shown

    @property
    def kind(self) -> int:
        return self.stat().st_mode & S_IFMT

    @property
    def number(self) -> int:
        return self.stat().st_ino

    @property
    def size(self) -> int:
        return self.stat().st_size

    def own(self) -> Attributes:
        raise Errno(EPERM)  # its mode, owner and times are the host's alone

    def change_times(self, task: Caller, atime_ns: int, mtime_ns: int) -> None:
        raise Errno(EPERM)

    def open(self, task: Caller, flags: int) -> OpenFile:
        return ConsoleFile(self, flags)

    def opened(self) -> OpenFile:
        """The description that the program starts with."""
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        file = ConsoleFile(self, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK))
        file.path = self._path()
        return file

    def _path(self) -> bytes:
        """What /proc/self/fd says of it; nothing of a pipe."""
        if self.terminal is not None:
            return b"/dev/tty"
        if self.stat().st_rdev == NULL_DEVICE:
            return b"/dev/null"
        return ask(os.readlink, b"/proc/self/fd/%d" % self.descriptor) if self.is_regular else b""

    def read_at(self, offset: int, size: int) -> bytes:
        found: bytes = self.host(read_host, self.descriptor, offset, size)
        return found

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        written: int = ask(self.host, os.pwrite, self.descriptor, data, offset)
        return written

    def resize(self, task: Caller, size: int) -> None:
        """O_TRUNC by way of /dev/stdout: the file is the shell's to truncate."""


class ConsoleFile(OpenFile):
    """An open description of the console."""

    def __init__(self, console: Console, flags: int) -> None:
        super().__init__(console, flags)
        self.console = console
        self.terminal: HostTerminal | None = console.terminal
        self.seekable = self.mappable = console.is_regular
        self.pollable = not console.is_regular
        self.unit = PipeEnd.unit if console.kind == S_IFIFO else 1

    def read(self, task: Caller, size: int) -> bytes:
        descriptor, kept = self.console.descriptor, self.console.kept
        self.console.pulses.wake_readers()
        if kept:
            self.console.kept = kept[size:]
            return kept[:size]
        if self.terminal is not None:
            task.kernel.require_foreground(task, self.terminal, SIGTTIN)
        if not self.console.is_regular and size:
            self._wait(task, POLLIN)
        data: bytes = ask(self.console.host, os.read, descriptor, min(size, MOST))
        return data

    def _wait(self, task: Caller, event: int) -> None:
        """Waits for `event` of the host's descriptor. Raises Errno(EAGAIN): it must not block."""
        descriptor = self.console.descriptor
        if self.flags & O_NONBLOCK:
            if not self.console.host(poll_host, {descriptor: event}, 0):
                raise Errno(EAGAIN)
            return
        awaited = _HostEvent(self.console, event)
        if not awaited.is_there():
            task.kernel.block(task, "the console", awaited.is_there, None, {descriptor: event})

    def unread(self, data: bytes) -> None:
        if self.seekable:
            self.console.host(os.lseek, self.console.descriptor, -len(data), os.SEEK_CUR)
        else:
            self.console.kept = data + self.console.kept

    def write(self, task: Caller, data: bytes) -> int:
        """To a file at once; to all else in parts, each when there is room.

        Raises Blocked with what went out noted in `task.progress`.
        """
        if self.console.is_regular:
            return self._write_out(task, data)
        if self.terminal is not None and self._is_held_back(self.terminal):
            task.kernel.require_foreground(task, self.terminal, SIGTTOU)
        while True:
            try:
                self._wait(task, POLLOUT)
                part = data[task.progress : task.progress + PIPE_BUF]  # there is room for so much
                task.progress += self._write_out(task, part)
            except Errno:
                if task.progress:
                    return finished(task)
                raise
            if task.progress >= len(data) or self.flags & O_NONBLOCK:
                return finished(task)

    def _is_held_back(self, terminal: HostTerminal) -> bool:
        return terminal.stops_background_output(self.console.host, self.console.descriptor)

    def _write_out(self, task: Caller, data: bytes) -> int:
        try:
            host, descriptor = self.console.host, self.console.descriptor
            written: int = host(task.kernel.write_out, descriptor, data)
        except BrokenPipeError:
            task.kernel.signal(task, SIGPIPE)
            raise Errno(EPIPE) from None
        except BlockingIOError:  # the host's description does not block, and the room went
            return 0
        except OSError as refused:
            raise Errno(refused.errno or EIO) from None
        return written

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        if not self.seekable:
            return super().read_at(task, offset, size)
        return self.inode.read_at(offset, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        if not self.seekable:
            return super().write_at(task, offset, data)
        return self.inode.write_at(task, offset, data)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        place: int = ask(self.console.host, os.lseek, self.console.descriptor, offset, whence)
        return place

    def resize(self, task: Caller, size: int) -> None:
        if not self.writable or not self.seekable:
            raise Errno(EINVAL)
        ask(self.console.host, os.ftruncate, self.console.descriptor, size)

    def poll(self, task: Caller) -> int:
        descriptor = self.console.descriptor
        found = self.console.host(poll_host, {descriptor: POLLIN | POLLOUT}, 0)
        told: int = found.get(descriptor, 0)
        told |= POLLIN if self.console.kept else 0
        return told & (POLLIN | POLLOUT | POLLERR | POLLHUP)

    def pulse(self, task: Caller, events: int) -> int:
        """The host tells no edges: each read makes one, so that what is left is told again."""
        return self.console.pulses.latest(events)

    def outside(self, task: Caller, events: int) -> Mapping[int, int]:
        reads = POLLIN if events & (POLLIN | POLLRDNORM) else 0
        writes = POLLOUT if events & (POLLOUT | POLLWRNORM) else 0
        return {self.console.descriptor: reads | writes}

    def waiting(self) -> int:
        host, descriptor = self.console.host, self.console.descriptor
        told: bytes = ask(host, fcntl.ioctl, descriptor, termios.FIONREAD, bytes(4))
        return int.from_bytes(told, "little", signed=True) + len(self.console.kept)

    def control(self, task: Caller, request: int, argument: bytes | int) -> bytes | int:
        if self.terminal is None:
            raise Errno(ENOTTY)
        console = self.console
        if request in JOB_REQUESTS:
            return JOB_REQUESTS[request](task, self.terminal, argument, False)
        if request in WRITES:
            task.kernel.require_foreground(task, self.terminal, SIGTTOU)
        return self.terminal.control(console.host, console.descriptor, request, argument)


def poll_host(wanted: Mapping[int, int], seconds: float | None) -> dict[int, int]:
    """poll(2) of the host's descriptors `wanted` for their events; no longer than `seconds`."""
    poller = select.poll()
    for descriptor, events in wanted.items():
        poller.register(descriptor, events)
    return dict(poller.poll(None if seconds is None else 1000 * seconds))


class _HostEvent:
    """An event of the host's descriptor behind `console`, as a wait asks for it."""

    def __init__(self, console: Console, event: int) -> None:
        self.console = console
        self.wanted = {console.descriptor: event}

    def is_there(self) -> bool:
        return bool(self.console.host(poll_host, self.wanted, 0))


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Asks the host itself; a debugger that runs backwards remembers the answers instead."""
    return function(*arguments)


def _is_read_only_file(descriptor: int) -> bool:
    """Whether it is a regular file that the run itself does not change."""
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & O_ACCMODE != os.O_RDONLY:
        return False
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def console_files(boot_ns: int = 0) -> dict[int, OpenFile]:
    """The descriptors 0, 1 and 2, as far as the user gave them.

    Two that are the same file have the same number, and are the same terminal. `boot_ns` is the
    time that they show.
    """
    numbers: dict[tuple[int, int], int] = {}
    terminals: dict[int, HostTerminal] = {}
    files: dict[int, OpenFile] = {}
    for descriptor in filter(_is_open, (0, 1, 2)):
        status = os.fstat(descriptor)
        number = numbers.setdefault((status.st_dev, status.st_ino), len(numbers) + 1)
        terminal = terminals.setdefault(number, HostTerminal())
        files[descriptor] = Console(descriptor, number, boot_ns, terminal).opened()
    return files


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
