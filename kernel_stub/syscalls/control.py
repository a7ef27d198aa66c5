"""What travels beside the bytes of a message: open files, and who sent it.

It reads and writes struct cmsghdr in the program's memory. cmsg(3); unix(7), "Ancillary messages".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kernel_stub.abi.messages import (
    CMSGHDR,
    SCM_CREDENTIALS,
    SCM_RIGHTS,
    SOL_SOCKET,
    Control,
    Header,
    aligned,
)
from kernel_stub.errno import EINVAL, EPERM, Errno
from kernel_stub.net.addresses import AF_UNIX
from kernel_stub.net.options import CREDENTIALS, INT
from kernel_stub.net.queues import Chunk, Credentials
from kernel_stub.net.sockets import MSG_PEEK, Socket
from kernel_stub.syscalls.places import new_descriptor
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile

MSG_CTRUNC: Final = 0x8
MSG_CMSG_CLOEXEC: Final = 0x4000_0000
MOST_RIGHTS: Final = 253  # SCM_MAX_FD
MOST_CONTROL: Final = 1 << 16


class Beside(NamedTuple):
    """What a program sends beside the bytes."""

    rights: tuple[OpenFile, ...] = ()
    sender: Credentials | None = None


def read_control(task: Task, socket: Socket, header: Header) -> Beside:
    """The control messages of a program. Raises Errno."""
    rights: tuple[OpenFile, ...] = ()
    sender = None
    for message in _messages(task, header):
        if message.level != SOL_SOCKET or socket.family != AF_UNIX:
            continue
        if message.sort == SCM_RIGHTS:
            rights += _files(task, message.data)
        elif message.sort == SCM_CREDENTIALS:
            sender = _sender(task, message.data)
        else:
            raise Errno(EINVAL)
    if len(rights) > MOST_RIGHTS:
        raise Errno(EINVAL)
    return Beside(rights, sender)


def _messages(task: Task, header: Header) -> list[Control]:
    layout, word = CMSGHDR[task.abi.word], task.abi.word
    content = task.memory.copy_in(header.control, min(header.control_size, MOST_CONTROL))
    found, at = [], 0
    while at + layout.size <= len(content):
        size, level, sort = layout.unpack_from(content, at)
        if not layout.size <= size <= len(content) - at:
            raise Errno(EINVAL)
        found.append(Control(level, sort, content[at + layout.size : at + size]))
        at += aligned(size, word)
    return found


def _files(task: Task, data: bytes) -> tuple[OpenFile, ...]:
    numbers = [INT.unpack_from(data, at)[0] for at in range(0, len(data) & ~3, INT.size)]
    return tuple(task.files.any(number) for number in numbers)


def _sender(task: Task, data: bytes) -> Credentials:
    """Only root may say that it is somebody else."""
    if len(data) != CREDENTIALS.size:
        raise Errno(EINVAL)
    said = Credentials(*CREDENTIALS.unpack(data))
    if task.uid and said != Credentials(task.pid, task.uid, task.gid):
        raise Errno(EPERM)
    return said


class _Writer:
    """Control messages as far as there is room; `flags` gets MSG_CTRUNC where there is none."""

    def __init__(self, task: Task, header: Header, flags: int) -> None:
        self.task = task
        self.layout = CMSGHDR[task.abi.word]
        self.at = header.control
        self.room = header.control_size if header.control else 0
        self.used = 0
        self.flags = flags & MSG_CMSG_CLOEXEC

    @property
    def space(self) -> int:
        """How many bytes the next message may carry."""
        return self.room - self.layout.size

    def put(self, sort: int, data: bytes) -> None:
        if self.space < 0:
            self.flags |= MSG_CTRUNC
            return
        if self.space < len(data):
            self.flags |= MSG_CTRUNC
            data = data[: self.space]
        head = self.layout.pack(self.layout.size + len(data), SOL_SOCKET, sort)
        self.task.memory.copy_out(self.at, head + data)
        size = min(aligned(len(head) + len(data), self.task.abi.word), self.room)
        self.at += size
        self.room -= size
        self.used += size


def write_control(
    task: Task, socket: Socket, header: Header, chunk: Chunk, flags: int
) -> tuple[int, int]:
    """Gives the program what came beside the bytes; returns its size and MSG_* flags."""
    writer = _Writer(task, header, flags)
    if socket.passes_credentials and socket.family == AF_UNIX:
        writer.put(SCM_CREDENTIALS, CREDENTIALS.pack(*chunk.sender))
    if chunk.rights:
        _give_files(task, writer, chunk, flags)
    return writer.used, writer.flags


def _give_files(task: Task, writer: _Writer, chunk: Chunk, flags: int) -> None:
    """A descriptor for each file that was in flight, as far as there is room for its number."""
    numbers: list[int] = []
    for file in chunk.rights[: max(writer.space, 0) // INT.size]:
        try:
            numbers.append(new_descriptor(task, file, cloexec=bool(flags & MSG_CMSG_CLOEXEC)))
        except Errno:
            break
    if numbers:
        writer.put(SCM_RIGHTS, b"".join(map(INT.pack, numbers)))
    if len(numbers) < len(chunk.rights):
        writer.flags |= MSG_CTRUNC
    if not flags & MSG_PEEK:
        for file in chunk.rights:
            task.kernel.network.landed(task, file)
