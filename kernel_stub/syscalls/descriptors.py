"""What can be asked of and done to a descriptor: fcntl and ioctl.

What a device answers to ioctl, its open file knows; the program's memory is copied here. Locks are
locks.py's.
fcntl(2), ioctl(2), ioctl_tty(2).
"""

# ruff: noqa: ARG001 - a command has one signature, a handler its manual page's

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi import structures
from kernel_stub.errno import EBADF, EBUSY, EINVAL, ENOTTY, EPERM, Errno
from kernel_stub.syscalls import locks, owners
from kernel_stub.syscalls.places import descriptor_limit, new_descriptor
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile, PathFile
from kernel_stub.vfs.modes import (
    O_APPEND,
    O_ASYNC,
    O_CLOEXEC,
    O_DIRECT,
    O_NOATIME,
    O_NONBLOCK,
    S_IFREG,
)
from kernel_stub.vfs.pipes import Pipe, PipeEnd
from kernel_stub.vfs.sealed import SealedFile

F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL = range(5)
F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS = range(1030, 1035)
F_GETLEASE: Final = 1025
F_UNLCK: Final = 2
FD_CLOEXEC: Final = 1
SETTABLE: Final = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME
# What an O_PATH descriptor can be asked; open(2), "O_PATH".
OF_A_PATH: Final = (F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL)
LARGEST_PIPE: Final = 1 << 20
MOST_OF_A_PIPE: Final = 1 << 31

TCGETS, TCSETS, TCSETSW, TCSETSF = range(0x5401, 0x5405)
TIOCSPGRP, TIOCSWINSZ, TIOCSPTLCK = 0x5410, 0x5414, 0x4004_5431
TIOCPKT, TIOCGPTPEER = 0x5420, 0x5441
FIONREAD, FIONBIO = 0x541B, 0x5421
FIONCLEX, FIOCLEX, FIOASYNC, FIOQSIZE = 0x5450, 0x5451, 0x5452, 0x5460
# Requests that carry a structure to the file.
CARRIED: Final = {
    TCSETS: structures.TERMIOS_SIZE,
    TCSETSW: structures.TERMIOS_SIZE,
    TCSETSF: structures.TERMIOS_SIZE,
    TIOCSWINSZ: structures.WINSIZE_SIZE,
    TIOCSPGRP: structures.INT.size,
    TIOCSPTLCK: structures.INT.size,
    TIOCPKT: structures.INT.size,
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
    if (file.flags ^ argument) & O_ASYNC:
        owners.set_asynchronous(task, descriptor, file, bool(argument & O_ASYNC))
    return 0


def _pipe_size(task: Task, descriptor: int, argument: int) -> int:
    return _pipe(task, descriptor).capacity


def _set_pipe_size(task: Task, descriptor: int, argument: int) -> int:
    pipe = _pipe(task, descriptor)
    if argument > MOST_OF_A_PIPE:
        raise Errno(EINVAL)
    wanted = max(PAGE_SIZE, 1 << (argument - 1).bit_length())
    if wanted > LARGEST_PIPE and wanted > pipe.capacity:
        raise Errno(EPERM)
    if wanted < len(pipe.buffer):
        raise Errno(EBUSY)
    if pipe.own().buffer(wanted) < wanted:
        pipe.own().buffer(pipe.capacity)
        raise Errno(EPERM)
    pipe.capacity = wanted
    return wanted


def _add_seals(task: Task, descriptor: int, argument: int) -> int:
    file = task.files.get(descriptor)
    if not file.writable:
        raise Errno(EPERM)
    _sealed(file).add_seals(argument)
    return 0


def _get_seals(task: Task, descriptor: int, argument: int) -> int:
    return _sealed(task.files.get(descriptor)).seals


def _sealed(file: OpenFile) -> SealedFile:
    if not isinstance(file.inode, SealedFile):
        raise Errno(EINVAL)
    return file.inode


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
    F_GETLEASE: lambda task, descriptor, argument: F_UNLCK,
    F_GETPIPE_SZ: _pipe_size,
    F_SETPIPE_SZ: _set_pipe_size,
    F_ADD_SEALS: _add_seals,
    F_GET_SEALS: _get_seals,
    **locks.COMMANDS,
    **owners.COMMANDS,
}


@syscall(
    "fcntl",
    "fcntl64",
    support="partial",
    missing="O_ASYNC tells of input alone; leases cannot be taken, F_NOTIFY is EINVAL",
)
def fcntl(task: Task, descriptor: Int, command: UInt, argument: ULong) -> int:
    file = task.files.any(descriptor)
    if isinstance(file, PathFile) and command not in OF_A_PATH:
        raise Errno(EBADF)
    if command not in COMMANDS or (
        task.abi.word == 8 and locks.F_GETLK64 <= command <= locks.F_SETLKW64
    ):
        raise Errno(EINVAL)
    return COMMANDS[command](task, descriptor, argument)


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


def _set_asynchronous(task: Task, descriptor: int, argument: int) -> int:
    (wanted,) = task.memory.unpack(structures.INT, argument)
    file = task.files.get(descriptor)
    if file.pulses is None:
        raise Errno(ENOTTY)
    owners.set_asynchronous(task, descriptor, file, bool(wanted))
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


def _open_peer(task: Task, descriptor: int, flags: int) -> int:
    """The slave of a master, whatever its name in the task's tree."""
    slave = task.files.get(descriptor).slave()
    opened = slave.open(task, flags)
    opened.path = b"/dev/pts/%d" % os.minor(slave.own().st_rdev)
    return new_descriptor(task, opened, cloexec=bool(flags & O_CLOEXEC))


REQUESTS: Final[Mapping[int, Command]] = {
    FIOCLEX: _set_cloexec,
    FIONCLEX: _clear_cloexec,
    FIONBIO: _set_nonblocking,
    FIOASYNC: _set_asynchronous,
    FIONREAD: _waiting,
    FIOQSIZE: _file_size,
    TIOCGPTPEER: _open_peer,
}


@syscall(
    support="partial",
    missing="modems, serial lines and consoles do not exist",
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
