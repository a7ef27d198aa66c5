"""The console: the descriptors 0, 1 and 2 that the user gave, passed through unbuffered.

They may be a terminal, a pipe or a redirected file; the host's description keeps its own offset, so
what runs before and after in the same shell fits together. The user's terminal is never changed:
new settings are remembered and told back, no more.
ioctl_tty(2), termios(3), pipe(7).
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.signals import SIGPIPE
from kernel_stub.errno import EAGAIN, EINVAL, EIO, ENOTTY, EPERM, EPIPE, Errno
from kernel_stub.vfs.host import ask
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile, Status
from kernel_stub.vfs.modes import (
    O_ACCMODE,
    O_APPEND,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    S_IFIFO,
    S_IFMT,
    S_IFREG,
)
from kernel_stub.vfs.overlay import read_host
from kernel_stub.vfs.pipes import PIPE_BUF, PipeEnd

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

MOST: Final = 1 << 20
NULL_DEVICE: Final = os.makedev(1, 3)
CONSOLE_DEVICE: Final = 13  # st_dev of terminals and pipes, whatever the host's
TERMIOS_SIZE: Final = 36  # struct termios of the kernel, the same in both ABIs
WINSIZE_SIZE: Final = 8
PASSED_ON: Final = {termios.TCGETS: TERMIOS_SIZE, termios.TIOCGWINSZ: WINSIZE_SIZE}
REMEMBERED: Final = {
    termios.TCSETS: termios.TCGETS,
    termios.TCSETSW: termios.TCGETS,
    termios.TCSETSF: termios.TCGETS,
    termios.TIOCSWINSZ: termios.TIOCGWINSZ,
}


class Console(Inode):
    """What is behind a descriptor of the host."""

    in_memory = False

    def __init__(self, descriptor: int, own_number: int = 1, boot_ns: int = 0) -> None:
        super().__init__(None)
        self.descriptor = descriptor
        self.own_number = own_number
        self.boot_ns = boot_ns
        self.only_read = _is_read_only_file(descriptor)
        self.is_regular = self.kind == S_IFREG
        self.is_terminal = os.isatty(descriptor)
        self.settings: dict[int, bytes] = {}
        self.kept = b""  # of a pipe or terminal: what was read and found no room in the program

    def stat(self) -> Status:
        """What the host says, less what differs from run to run: numbers of pipes, times."""
        status = ask(os.fstat, self.descriptor)
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
        if self.is_terminal:
            return b"/dev/tty"
        if self.stat().st_rdev == NULL_DEVICE:
            return b"/dev/null"
        return ask(os.readlink, b"/proc/self/fd/%d" % self.descriptor) if self.is_regular else b""

    def read_at(self, offset: int, size: int) -> bytes:
        return read_host(self.descriptor, offset, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        return ask(os.pwrite, self.descriptor, data, offset)

    def resize(self, task: Caller, size: int) -> None:
        """O_TRUNC by way of /dev/stdout: the file is the shell's to truncate."""


class ConsoleFile(OpenFile):
    """An open description of the console."""

    def __init__(self, console: Console, flags: int) -> None:
        super().__init__(console, flags)
        self.console = console
        self.seekable = self.mappable = console.is_regular
        self.unit = PipeEnd.unit if console.kind == S_IFIFO else 1

    def read(self, task: Caller, size: int) -> bytes:
        descriptor, kept = self.console.descriptor, self.console.kept
        if kept:
            self.console.kept = kept[size:]
            return kept[:size]
        if not self.console.is_regular and size:
            self._wait(task, POLLIN)
        return ask(os.read, descriptor, min(size, MOST))

    def _wait(self, task: Caller, event: int) -> None:
        """Waits for `event` of the host's descriptor. Raises Errno(EAGAIN): it must not block."""
        descriptor = self.console.descriptor
        if not self.flags & O_NONBLOCK:
            task.kernel.wait_for_console(task, descriptor, event)
        elif not poll_host({descriptor: event}, 0):
            raise Errno(EAGAIN)

    def unread(self, data: bytes) -> None:
        if self.seekable:
            os.lseek(self.console.descriptor, -len(data), os.SEEK_CUR)
        else:
            self.console.kept = data + self.console.kept

    def write(self, task: Caller, data: bytes) -> int:
        if self.flags & O_NONBLOCK and not self.console.is_regular:
            self._wait(task, POLLOUT)
            data = data[:PIPE_BUF]  # a pipe that is ready has room for so much
        try:
            return task.kernel.write_out(self.console.descriptor, data)
        except BrokenPipeError:
            task.kernel.signal(task, SIGPIPE)
            raise Errno(EPIPE) from None
        except BlockingIOError:  # the host's description does not block: the program's may
            self._wait(task, POLLOUT)
            return self.write(task, data[:PIPE_BUF])
        except OSError as refused:
            raise Errno(refused.errno or EIO) from None

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        if not self.seekable:
            return super().read_at(task, offset, size)
        return self.inode.read_at(offset, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        if not self.seekable:
            return super().write_at(task, offset, data)
        return self.inode.write_at(task, offset, data)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        return ask(os.lseek, self.console.descriptor, offset, whence)

    def resize(self, task: Caller, size: int) -> None:
        if not self.writable or not self.seekable:
            raise Errno(EINVAL)
        ask(os.ftruncate, self.console.descriptor, size)

    def poll(self, task: Caller) -> int:
        descriptor = self.console.descriptor
        told = poll_host({descriptor: POLLIN | POLLOUT}, 0).get(descriptor, 0)
        told |= POLLIN if self.console.kept else 0
        return told & (POLLIN | POLLOUT | POLLERR | POLLHUP)

    def waits_for(self) -> int:
        return self.console.descriptor

    def waiting(self) -> int:
        told: bytes = ask(fcntl.ioctl, self.console.descriptor, termios.FIONREAD, bytes(4))
        return int.from_bytes(told, "little", signed=True) + len(self.console.kept)

    def control(self, task: Caller, request: int, argument: bytes | int) -> bytes | int:
        if not self.console.is_terminal:
            raise Errno(ENOTTY)
        if request in PASSED_ON:
            kept = self.console.settings.get(request)
            size = PASSED_ON[request]
            return kept or ask(fcntl.ioctl, self.console.descriptor, request, bytes(size))
        if request in REMEMBERED:
            assert isinstance(argument, bytes), "the request carries a structure"
            self.console.settings[REMEMBERED[request]] = argument
            return 0
        raise Errno(ENOTTY)


def poll_host(wanted: Mapping[int, int], seconds: float | None) -> dict[int, int]:
    """poll(2) of the host's descriptors `wanted` for their events; no longer than `seconds`."""
    poller = select.poll()
    for descriptor, events in wanted.items():
        poller.register(descriptor, events)
    return dict(poller.poll(None if seconds is None else 1000 * seconds))


def _is_read_only_file(descriptor: int) -> bool:
    """Whether it is a regular file that the run itself does not change."""
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & O_ACCMODE != os.O_RDONLY:
        return False
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def console_files(boot_ns: int = 0) -> dict[int, OpenFile]:
    """The descriptors 0, 1 and 2, as far as the user gave them.

    Two that are the same file have the same number. `boot_ns` is the time that they show.
    """
    numbers: dict[tuple[int, int], int] = {}
    files: dict[int, OpenFile] = {}
    for descriptor in filter(_is_open, (0, 1, 2)):
        status = os.fstat(descriptor)
        number = numbers.setdefault((status.st_dev, status.st_ino), len(numbers) + 1)
        files[descriptor] = Console(descriptor, number, boot_ns).opened()
    return files


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
