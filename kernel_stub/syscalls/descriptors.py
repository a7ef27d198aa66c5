"""What can be asked of and done to a descriptor: fcntl, locks, and ioctl.

One process holds every lock that it asks for. What a device answers to ioctl, its open file knows;
the program's memory is copied here.
fcntl(2), flock(2), ioctl(2), ioctl_tty(2).
"""

# ruff: noqa: ARG001 - a command has one signature, a handler its manual page's

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kernel_stub.abi import structures
from kernel_stub.abi.structures import Layout
from kernel_stub.errno import EBADF, EINVAL, ENOTTY, EPERM, Errno
from kernel_stub.syscalls import terminals
from kernel_stub.syscalls.places import descriptor_limit
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import PathFile
from kernel_stub.vfs.modes import (
    O_APPEND,
    O_ASYNC,
    O_DIRECT,
    O_NOATIME,
    O_NONBLOCK,
    S_IFREG,
)
from kernel_stub.vfs.pipes import Pipe, PipeEnd

F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW = range(8)
F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG = range(8, 12)
F_GETLK64, F_SETLK64, F_SETLKW64 = 12, 13, 14
F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ = 1030, 1031, 1032
FD_CLOEXEC: Final = 1
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
SETTABLE: Final = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME
# What an O_PATH descriptor can be asked; open(2), "O_PATH".
OF_A_PATH: Final = (F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL)
LARGEST_PIPE: Final = 1 << 20
LOCK_KINDS: Final = (1, 2, 8)  # LOCK_SH, LOCK_EX, LOCK_UN
LOCK_NB: Final = 4

TCSETS, TCSETSW, TCSETSF = range(0x5402, 0x5405)
TIOCSWINSZ: Final = 0x5414
FIONREAD, FIONBIO = 0x541B, 0x5421
FIONCLEX, FIOCLEX, FIOASYNC, FIOQSIZE = 0x5450, 0x5451, 0x5452, 0x5460
# Requests that carry a structure to the file.
CARRIED: Final = {
    TCSETS: structures.TERMIOS_SIZE,
    TCSETSW: structures.TERMIOS_SIZE,
    TCSETSF: structures.TERMIOS_SIZE,
    TIOCSWINSZ: structures.WINSIZE_SIZE,
}

Command = Callable[[Task, int, int], int]


def _dupfd(task: Task, descriptor: int, least: int) -> int:
    return _dup_from(task, descriptor, least, cloexec=False)


def _dupfd_cloexec(task: Task, descriptor: int, least: int) -> int:
    return _dup_from(task, descriptor, least, cloexec=True)


def _dup_from(task: Task, descriptor: int, least: int, *, cloexec: bool) -> int:
    limit = descriptor_limit(task)
    if least >= limit:
        raise Errno(EINVAL)
    number = task.files.lowest_free(limit, least)
    return task.files.install(number, task.files.any(descriptor), cloexec)


def _getfd(task: Task, descriptor: int, argument: int) -> int:
    return FD_CLOEXEC if descriptor in task.files.cloexec else 0


def _setfd(task: Task, descriptor: int, argument: int) -> int:
    mark = task.files.cloexec.add if argument & FD_CLOEXEC else task.files.cloexec.discard
    mark(descriptor)
    return 0


def _getfl(task: Task, descriptor: int, argument: int) -> int:
    return task.files.any(descriptor).flags


def _setfl(task: Task, descriptor: int, argument: int) -> int:
    file = task.files.any(descriptor)
    file.flags = file.flags & ~SETTABLE | argument & SETTABLE
    return 0


def _lock_layout(task: Task, command: int) -> Layout:
    """Which struct flock a command means: the ABI's own, or i386's wide one."""
    if task.abi.word == 4 and command >= F_GETLK64:
        return structures.FLOCK64
    return structures.FLOCK[task.abi.word]


def _lock(command: int, asks: bool) -> Command:
    """A command about a record lock: nobody else is there to hold one."""

    def run(task: Task, descriptor: int, argument: int) -> int:
        layout = _lock_layout(task, command)
        lock = layout.unpack(task.memory.copy_in(argument, layout.size))
        file = task.files.any(descriptor)
        if lock["l_type"] not in (F_RDLCK, F_WRLCK, F_UNLCK) or lock["l_whence"] not in (0, 1, 2):
            raise Errno(EINVAL)
        if asks:
            lock["l_type"] = F_UNLCK
            task.memory.copy_out(argument, layout.pack(lock))
            return 0
        may = {F_RDLCK: file.readable, F_WRLCK: file.writable, F_UNLCK: True}
        if not may[lock["l_type"]]:
            raise Errno(EBADF)
        return 0

    return run


def _pipe_size(task: Task, descriptor: int, argument: int) -> int:
    return _pipe(task, descriptor).capacity


def _set_pipe_size(task: Task, descriptor: int, argument: int) -> int:
    pipe = _pipe(task, descriptor)
    if argument > LARGEST_PIPE:
        raise Errno(EPERM)
    pipe.capacity = max(4096, 1 << (argument - 1).bit_length())
    return pipe.capacity


def _pipe(task: Task, descriptor: int) -> Pipe:
    file = task.files.any(descriptor)
    if not isinstance(file, PipeEnd):
        raise Errno(EBADF)
    return file.pipe


COMMANDS: Final[Mapping[int, Command]] = {
    F_DUPFD: _dupfd,
    F_DUPFD_CLOEXEC: _dupfd_cloexec,
    F_GETFD: _getfd,
    F_SETFD: _setfd,
    F_GETFL: _getfl,
    F_SETFL: _setfl,
    F_GETOWN: lambda task, descriptor, argument: 0,
    F_GETSIG: lambda task, descriptor, argument: 0,
    F_GETPIPE_SZ: _pipe_size,
    F_SETPIPE_SZ: _set_pipe_size,
    **{ask: _lock(ask, asks=True) for ask in (F_GETLK, F_GETLK64, F_OFD_GETLK)},
    **{
        order: _lock(order, asks=False)
        for order in (F_SETLK, F_SETLKW, F_SETLK64, F_SETLKW64, F_OFD_SETLK, F_OFD_SETLKW)
    },
}


@syscall(
    "fcntl",
    "fcntl64",
    support="partial",
    missing="every lock is granted, even if another process holds it; "
    "F_SETOWN, F_SETSIG, leases, seals and F_NOTIFY "
    "are EINVAL",
)
def fcntl(task: Task, descriptor: Int, command: UInt, argument: ULong) -> int:
    file = task.files.any(descriptor)
    if isinstance(file, PathFile) and command not in OF_A_PATH:
        raise Errno(EBADF)
    if command not in COMMANDS or (task.abi.word == 8 and F_GETLK64 <= command <= F_SETLKW64):
        raise Errno(EINVAL)
    return COMMANDS[command](task, descriptor, argument)


@syscall(support="partial", missing="every lock is granted, even if another process holds it")
def flock(task: Task, descriptor: Int, operation: Int) -> int:
    task.files.get(descriptor)
    if operation & ~LOCK_NB not in LOCK_KINDS:
        raise Errno(EINVAL)
    return 0


def _set_cloexec(task: Task, descriptor: int, argument: int) -> int:
    task.files.cloexec.add(descriptor)
    return 0


def _clear_cloexec(task: Task, descriptor: int, argument: int) -> int:
    task.files.cloexec.discard(descriptor)
    return 0


def _set_nonblocking(task: Task, descriptor: int, argument: int) -> int:
    (wanted,) = task.memory.unpack(structures.INT, argument)
    file = task.files.get(descriptor)
    file.flags = file.flags | O_NONBLOCK if wanted else file.flags & ~O_NONBLOCK
    return 0


def _waiting(task: Task, descriptor: int, argument: int) -> int:
    task.memory.pack(structures.INT, argument, task.files.get(descriptor).waiting())
    return 0


def _file_size(task: Task, descriptor: int, argument: int) -> int:
    inode = task.files.get(descriptor).inode
    if inode.kind != S_IFREG:
        raise Errno(ENOTTY)
    task.memory.copy_out(argument, inode.size.to_bytes(8, "little"))
    return 0


REQUESTS: Final[Mapping[int, Command]] = {
    FIOCLEX: _set_cloexec,
    FIONCLEX: _clear_cloexec,
    FIONBIO: _set_nonblocking,
    FIONREAD: _waiting,
    FIOQSIZE: _file_size,
    **terminals.REQUESTS,
}


@syscall(
    support="partial",
    missing="terminals know settings, window size and job control, nothing else",
)
def ioctl(task: Task, descriptor: Int, request: UInt, argument: Pointer) -> int:
    file = task.files.get(descriptor)
    known = REQUESTS.get(request)
    if known is not None:
        return known(task, descriptor, argument)
    size = CARRIED.get(request)
    carried = argument if size is None else task.memory.copy_in(argument, size)
    answer = file.control(task, request, carried)
    if isinstance(answer, int):
        return answer
    task.memory.copy_out(argument, answer)
    return 0
