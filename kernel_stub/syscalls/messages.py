"""Messages: send, recv and their kin, with names and with what travels beside the bytes.

send(2), sendmmsg(2), recv(2), recvmmsg(2); cmsg(3).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.messages import MMSGHDR_SIZE, MSGHDR, Header
from kernel_stub.abi.process_structures import TIMESPEC64, UINT
from kernel_stub.errno import EFAULT, EINVAL, EMSGSIZE, Errno
from kernel_stub.net.addresses import LONGEST_SOCKADDR
from kernel_stub.net.sockets import (
    MSG_DONTWAIT,
    MSG_TRUNC,
    SOCK_STREAM,
    Incoming,
    Outgoing,
    SocketFile,
)
from kernel_stub.syscalls.control import Beside, read_control, write_control
from kernel_stub.syscalls.io import MOST, gather, room_of, scatter, vectors_at
from kernel_stub.syscalls.polling import duration_of
from kernel_stub.syscalls.sockets import (
    address_of,
    copy_in_address,
    copy_out_address,
    socket_file,
)
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task

MOST_MESSAGES: Final = 1024
MSG_WAITFORONE: Final = 0x10000
_SECOND: Final = 10**9


def _send(task: Task, file: SocketFile, message: Outgoing) -> int:
    patience = file.patience(file.socket.send_timeout, message.flags)
    return file.socket.send(task, message, patience)


@syscall()
def sendto(
    task: Task,
    descriptor: Int,
    buffer: Pointer,
    size: ULong,
    flags: UInt,
    address: Pointer,
    address_size: Int,
) -> int:
    file = socket_file(task, descriptor)
    target = copy_in_address(task, address, address_size) if address else None
    data = task.memory.copy_in(buffer, min(size, MOST))
    return _send(task, file, Outgoing(data, flags, target))


@syscall()
def send(task: Task, descriptor: Int, buffer: Pointer, size: ULong, flags: UInt) -> int:
    return sendto(task, descriptor, buffer, size, flags, 0, 0)


def _header(task: Task, pointer: int) -> Header:
    header = Header(*task.memory.unpack(MSGHDR[task.abi.word], pointer))
    if header.vector_count > MOST_MESSAGES:
        raise Errno(EMSGSIZE)
    return header


def _sendmsg(task: Task, descriptor: int, pointer: int, flags: int) -> int:
    file = socket_file(task, descriptor)
    header = _header(task, pointer)
    target = None
    if header.name and header.name_size:
        size = header.name_size & 0xFFFF_FFFF
        if size >> 31:
            raise Errno(EINVAL)
        target = copy_in_address(task, header.name, min(size, LONGEST_SOCKADDR))
    beside = Beside()
    if header.control and header.control_size:
        beside = read_control(task, file.socket, header)
    vectors = vectors_at(task, header.vectors, header.vector_count)
    data = gather(task, file, vectors)
    return _send(task, file, Outgoing(data, flags, target, beside.rights, beside.sender))


@syscall()
def sendmsg(task: Task, descriptor: Int, message: Pointer, flags: UInt) -> int:
    return _sendmsg(task, descriptor, message, flags)


@syscall(support="partial", missing="it ends, instead of waiting, before a message without room")
def sendmmsg(task: Task, descriptor: Int, messages: Pointer, count: UInt, flags: UInt) -> int:
    step = MMSGHDR_SIZE[task.abi.word]
    sent = 0
    for at in range(messages, messages + step * min(count, MOST_MESSAGES), step):
        try:
            patient = flags if not sent else flags | MSG_DONTWAIT
            size = _sendmsg(task, descriptor, at, patient)
        except Errno:
            if not sent:
                raise
            break
        task.memory.pack(UINT, at + MSGHDR[task.abi.word].size, size)
        sent += 1
    return sent


def _receive(task: Task, file: SocketFile, size: int, flags: int) -> Incoming:
    patience = file.patience(file.socket.receive_timeout, flags)
    return file.socket.receive(task, size, flags, patience)


def _length(file: SocketFile, found: Incoming, flags: int) -> int:
    """What recv(2) returns: with MSG_TRUNC, how long the message really was."""
    has_records = file.socket.sort != SOCK_STREAM
    return found.length if flags & MSG_TRUNC and has_records else len(found.chunk.data)


@syscall()
def recvfrom(
    task: Task,
    descriptor: Int,
    buffer: Pointer,
    size: ULong,
    flags: UInt,
    address: Pointer,
    address_size: Pointer,
) -> int:
    file = socket_file(task, descriptor)
    found = _receive(task, file, min(size, MOST), flags)
    for right in found.chunk.rights:
        task.kernel.network.landed(task, right)
    task.memory.copy_out(buffer, found.chunk.data)
    if address:
        copy_out_address(task, _source(file, found), address, address_size)
    return _length(file, found, flags)


@syscall()
def recv(task: Task, descriptor: Int, buffer: Pointer, size: ULong, flags: UInt) -> int:
    return recvfrom(task, descriptor, buffer, size, flags, 0, 0)


def _source(file: SocketFile, found: Incoming) -> bytes:
    """The sender's name; of one that has none, not even its family."""
    source = found.chunk.source
    return b"" if source is None else address_of(file.socket, source)


def _recvmsg(task: Task, descriptor: int, pointer: int, flags: int) -> int:
    file = socket_file(task, descriptor)
    header = _header(task, pointer)
    vectors = vectors_at(task, header.vectors, header.vector_count)
    found = _receive(task, file, room_of(vectors), flags)
    if scatter(task, file, vectors, found.chunk.data) < len(found.chunk.data):
        raise Errno(EFAULT)
    told = MSG_TRUNC if found.length > len(found.chunk.data) else 0
    controlled, more = write_control(task, file.socket, header, found.chunk, flags)
    name_size = header.name_size
    if header.name:
        if header.name_size >> 31:
            raise Errno(EINVAL)
        name = _source(file, found)
        task.memory.copy_out(header.name, name[: header.name_size])
        name_size = len(name)
    answer = header._replace(name_size=name_size, control_size=controlled, flags=told | more)
    task.memory.pack(MSGHDR[task.abi.word], pointer, *answer)
    return _length(file, found, flags)


@syscall()
def recvmsg(task: Task, descriptor: Int, message: Pointer, flags: UInt) -> int:
    return _recvmsg(task, descriptor, message, flags)


def _recvmmsg(
    task: Task, descriptor: int, messages: int, count: int, flags: int, end: int | None
) -> int:
    """`task.progress` counts the messages over the waits; `end`, by CLOCK_MONOTONIC, is looked at
    behind each one, as Linux does."""
    step = MMSGHDR_SIZE[task.abi.word]
    while task.progress < min(count, MOST_MESSAGES):
        at = messages + step * task.progress
        patient = flags & ~MSG_WAITFORONE
        if task.progress and flags & MSG_WAITFORONE:
            patient |= MSG_DONTWAIT
        try:
            size = _recvmsg(task, descriptor, at, patient)
        except Errno:
            if not task.progress:
                raise
            break
        task.memory.pack(UINT, at + MSGHDR[task.abi.word].size, size)
        task.progress += 1
        if end is not None and task.kernel.uptime_ns() >= end:
            break
    done, task.progress = task.progress, 0
    return done


def _until(task: Task, pointer: int, layout: Struct) -> int | None:
    duration = duration_of(task, pointer, layout, _SECOND)
    return None if duration is None else task.kernel.uptime_ns() + duration


@syscall()
def recvmmsg(
    task: Task, descriptor: Int, messages: Pointer, count: UInt, flags: UInt, timeout: Pointer
) -> int:
    end = _until(task, timeout, task.abi.timespec)
    return _recvmmsg(task, descriptor, messages, count, flags, end)


@syscall()
def recvmmsg_time64(
    task: Task, descriptor: Int, messages: Pointer, count: UInt, flags: UInt, timeout: Pointer
) -> int:
    end = _until(task, timeout, TIMESPEC64)
    return _recvmmsg(task, descriptor, messages, count, flags, end)
