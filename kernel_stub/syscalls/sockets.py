"""Sockets: making, naming and connecting them, and their options.

What sockets do, kernel_stub/net knows; messages go by messages.py.
socket(2), bind(2), listen(2), accept(2), connect(2), getsockname(2), shutdown(2), getsockopt(2).
"""

from __future__ import annotations

from typing import Final

from kernel_stub.abi.structures import INT
from kernel_stub.errno import EINVAL, ENOTCONN, ENOTSOCK, EOPNOTSUPP, Errno
from kernel_stub.net.addresses import (
    AF_UNIX,
    LONGEST_SOCKADDR,
    Address,
    InetName,
    UnixName,
    packed,
)
from kernel_stub.net.families import make_socket
from kernel_stub.net.inet import InetSocket
from kernel_stub.net.options import option
from kernel_stub.net.sockets import SHUT_RDWR, Socket, SocketFile
from kernel_stub.net.unix import make_pair
from kernel_stub.syscalls.places import descriptor_limit, new_descriptor
from kernel_stub.syscalls.table import Int, Pointer, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.modes import O_CLOEXEC, O_NONBLOCK

SORT: Final = 0xF  # of the type; the rest are SOCK_NONBLOCK and SOCK_CLOEXEC
NO_ROUTE: Final = "without --net only this machine is reachable; raw sockets are EPERM, AF_NETLINK "
NO_ROUTE_2: Final = "and all other families EAFNOSUPPORT"


def socket_file(task: Task, descriptor: int) -> SocketFile:
    """The open socket. Raises Errno: EBADF, ENOTSOCK."""
    file = task.files.get(descriptor)
    if not isinstance(file, SocketFile):
        raise Errno(ENOTSOCK)
    return file


def copy_in_address(task: Task, pointer: int, size: int) -> bytes:
    """A struct sockaddr of the program. Raises Errno."""
    if not 0 <= size <= LONGEST_SOCKADDR:
        raise Errno(EINVAL)
    return task.memory.copy_in(pointer, size)


def address_of(socket: Socket, name: Address | None) -> bytes:
    """`name`, or what a socket without one tells."""
    nothing = UnixName() if socket.family == AF_UNIX else _nowhere(socket)
    return packed(name if name is not None else nothing, socket.family)


def _nowhere(socket: Socket) -> InetName:
    return InetName(socket.any_host if isinstance(socket, InetSocket) else bytes(4), 0)


def copy_out_address(task: Task, address: bytes, pointer: int, size_at: int) -> None:
    """As much of `address` as the program has room for; and how long it is."""
    (room,) = task.memory.unpack(INT, size_at)
    if room < 0:
        raise Errno(EINVAL)
    task.memory.copy_out(pointer, address[:room])
    task.memory.pack(INT, size_at, len(address))


def _install(task: Task, made: Socket, flags: int) -> int:
    file = SocketFile(made, flags & O_NONBLOCK)
    return new_descriptor(task, file, cloexec=bool(flags & O_CLOEXEC))


def _check_flags(flags: int) -> None:
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise Errno(EINVAL)


@syscall(support="partial", missing=NO_ROUTE + NO_ROUTE_2)
def socket(task: Task, family: Int, sort: Int, protocol: Int) -> int:
    _check_flags(sort & ~SORT)
    made = make_socket(task, task.kernel.network, family, sort & SORT, protocol)
    return _install(task, made, sort)


@syscall()
def socketpair(task: Task, family: Int, sort: Int, protocol: Int, ends: Pointer) -> int:
    _check_flags(sort & ~SORT)
    limit = descriptor_limit(task)
    first = task.files.lowest_free(limit)
    second = task.files.lowest_free(limit, first + 1)
    task.memory.copy_out(ends, INT.pack(first) + INT.pack(second))
    network = task.kernel.network
    pair = [make_socket(task, network, family, sort & SORT, protocol) for _ in range(2)]
    if family != AF_UNIX:
        raise Errno(EOPNOTSUPP)
    make_pair(*pair)
    for number, made in zip((first, second), pair, strict=True):
        task.files.install(number, SocketFile(made, sort & O_NONBLOCK), bool(sort & O_CLOEXEC))
    return 0


@syscall()
def bind(task: Task, descriptor: Int, address: Pointer, size: Int) -> int:
    file = socket_file(task, descriptor)
    file.socket.bind(task, copy_in_address(task, address, size))
    return 0


@syscall()
def listen(task: Task, descriptor: Int, backlog: Int) -> int:
    socket_file(task, descriptor).socket.listen(task, backlog)
    return 0


@syscall()
def accept(task: Task, descriptor: Int, address: Pointer, size: Pointer) -> int:
    return accept4(task, descriptor, address, size, 0)


@syscall()
def accept4(task: Task, descriptor: Int, address: Pointer, size: Pointer, flags: Int) -> int:
    _check_flags(flags)
    file = socket_file(task, descriptor)
    task.files.lowest_free(descriptor_limit(task))
    made = file.socket.accept(task, file.patience(file.socket.receive_timeout))
    if address:
        try:
            copy_out_address(task, address_of(made, made.peer_name), address, size)
        except Errno:
            made.closed(task)
            raise
    return _install(task, made, flags)


@syscall()
def connect(task: Task, descriptor: Int, address: Pointer, size: Int) -> int:
    file = socket_file(task, descriptor)
    target = copy_in_address(task, address, size)
    file.socket.connect(task, target, file.patience(file.socket.send_timeout))
    return 0


@syscall()
def getsockname(task: Task, descriptor: Int, address: Pointer, size: Pointer) -> int:
    made = socket_file(task, descriptor).socket
    copy_out_address(task, address_of(made, made.name), address, size)
    return 0


@syscall()
def getpeername(task: Task, descriptor: Int, address: Pointer, size: Pointer) -> int:
    made = socket_file(task, descriptor).socket
    is_unnamed = made.family == AF_UNIX and made.peer_owner is not None
    if made.peer_name is None and not is_unnamed:
        raise Errno(ENOTCONN)
    copy_out_address(task, address_of(made, made.peer_name), address, size)
    return 0


@syscall()
def shutdown(task: Task, descriptor: Int, how: Int) -> int:
    made = socket_file(task, descriptor).socket
    if not 0 <= how <= SHUT_RDWR:
        raise Errno(EINVAL)
    made.shutdown(task, how + 1)
    return 0


@syscall(support="partial", missing="options that only matter on a wire are kept, no more")
def setsockopt(
    task: Task, descriptor: Int, level: Int, name: Int, value: Pointer, size: Int
) -> int:
    made = socket_file(task, descriptor).socket
    found = option(made, level, name, reads=False)
    assert found.set is not None, "the table said that it can be set"
    if size < found.size:
        raise Errno(EINVAL)
    found.set(made, task.abi.word, task.memory.copy_in(value, min(size, LONGEST_SOCKADDR)))
    return 0


@syscall(support="partial", missing="options that only matter on a wire tell what was set")
def getsockopt(
    task: Task, descriptor: Int, level: Int, name: Int, value: Pointer, size_at: Pointer
) -> int:
    made = socket_file(task, descriptor).socket
    (room,) = task.memory.unpack(INT, size_at)
    if room < 0:
        raise Errno(EINVAL)
    found = option(made, level, name, reads=True)
    assert found.get is not None, "the table said that it can be read"
    told = found.get(made, task.abi.word)[:room]
    task.memory.copy_out(value, told)
    task.memory.pack(INT, size_at, len(told))
    return 0
