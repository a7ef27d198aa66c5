"""Which sockets there are: a row for each family and type.

socket(2); Linux's errors for what is not in the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kernel_stub.errno import (
    EAFNOSUPPORT,
    EINVAL,
    EPERM,
    EPROTONOSUPPORT,
    ESOCKTNOSUPPORT,
    Errno,
)
from kernel_stub.net.addresses import AF_INET, AF_INET6, AF_UNIX
from kernel_stub.net.inet import IPPROTO_TCP, IPPROTO_UDP
from kernel_stub.net.network import Network
from kernel_stub.net.sockets import (
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    Socket,
)
from kernel_stub.net.tcp import TcpSocket
from kernel_stub.net.udp import UdpSocket
from kernel_stub.net.unix import UnixDatagram, UnixRecords, UnixStream

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

TYPES: Final = range(11)


class Row(NamedTuple):
    """What a socket is made of, and the protocols by which it may be asked for."""

    maker: type[Socket]
    protocols: tuple[int, ...]


_UNIX: Final = (0, AF_UNIX)
_INET: Final = {
    SOCK_STREAM: Row(TcpSocket, (0, IPPROTO_TCP)),
    SOCK_DGRAM: Row(UdpSocket, (0, IPPROTO_UDP)),
}
FAMILIES: Final = {
    AF_UNIX: {
        SOCK_STREAM: Row(UnixStream, _UNIX),
        SOCK_DGRAM: Row(UnixDatagram, _UNIX),
        SOCK_RAW: Row(UnixDatagram, _UNIX),  # "believe it or not", says Linux
        SOCK_SEQPACKET: Row(UnixRecords, _UNIX),
    },
    AF_INET: _INET,
    AF_INET6: _INET,
}


def make_socket(task: Caller, network: Network, family: int, sort: int, protocol: int) -> Socket:
    """A new socket. Raises Errno."""
    if sort not in TYPES:
        raise Errno(EINVAL)
    if family not in FAMILIES:
        raise Errno(EAFNOSUPPORT)
    if sort == SOCK_RAW and family != AF_UNIX:
        raise Errno(EPERM)  # there are no raw packets to be seen
    row = FAMILIES[family].get(sort)
    if row is None:
        raise Errno(ESOCKTNOSUPPORT)
    if protocol not in row.protocols:
        raise Errno(EPROTONOSUPPORT)
    socket = row.maker(network, task)
    socket.family = family
    return socket
