"""The options of sockets: a row for each, how it is read and how it is set.

Options that change nothing here (there is no wire) are kept and told back. socket(7), tcp(7),
ip(7), ipv6(7); asm-generic/socket.h, linux/tcp.h, linux/in.h, linux/in6.h.
"""

# ruff: noqa: ARG001 - every option has the same two functions

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.errno import EDOM, EINVAL, ENOPROTOOPT, EOPNOTSUPP, EPERM, Errno
from kernel_stub.net.addresses import AF_INET6, AF_UNIX
from kernel_stub.net.inet import IPPROTO_TCP, InetSocket
from kernel_stub.net.queues import Credentials
from kernel_stub.net.sockets import DEFAULT_BUFFER, Socket
from kernel_stub.net.tcp import TcpSocket
from kernel_stub.net.udp import UdpSocket

SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6 = 1, 0, 41
INT: Final = Struct("<i")
INT_MAX: Final = (1 << 31) - 1
TWO_INTS: Final = Struct("<2i")
CREDENTIALS: Final = Struct("<3i")
TIMEVAL: Final = {8: Struct("<2q"), 4: Struct("<2i")}
NOBODY: Final = Credentials(0, -1, -1)
LEAST_BUFFER: Final = 2304
MOST_BUFFER: Final = 2 * DEFAULT_BUFFER
SO_LINGER, SO_PEERCRED = 13, 17

Get = Callable[[Socket, int], bytes]  # with the word of the ABI
Set = Callable[[Socket, int, bytes], None]


class Option(NamedTuple):
    """An option. `size`: the least that a program must give; None: it cannot be read, or set."""

    title: str
    get: Get | None
    set: Set | None
    size: int = INT.size


def _number(data: bytes) -> int:
    value: int = INT.unpack_from(data)[0]
    return value


def _kept(title: str, default: int = 0, *, is_flag: bool = False) -> Option:
    """An option that is told back as it was set."""

    def get(socket: Socket, word: int) -> bytes:
        return INT.pack(socket.options.get(title, default))

    def put(socket: Socket, word: int, data: bytes) -> None:
        value = _number(data)
        socket.options[title] = int(value != 0) if is_flag else value

    return Option(title, get, put)


def _low_water() -> Option:
    """SO_RCVLOWAT: kept; sockets of AF_UNIX do not look at it, and no wire delays bytes here."""
    kept = _kept("SO_RCVLOWAT", 1)

    def put(socket: Socket, word: int, data: bytes) -> None:
        number = _number(data)
        socket.options["SO_RCVLOWAT"] = number if number > 0 else (1 if not number else INT_MAX)

    return kept._replace(set=put)


def _attribute(title: str, name: str, kind: type[Socket] = Socket) -> Option:
    """A flag that the socket itself looks at."""

    def get(socket: Socket, word: int) -> bytes:
        is_looked_at = isinstance(socket, kind)
        return INT.pack(getattr(socket, name) if is_looked_at else socket.options.get(title, 0))

    def put(socket: Socket, word: int, data: bytes) -> None:
        if isinstance(socket, kind):
            setattr(socket, name, _number(data) != 0)
        else:
            socket.options[title] = _number(data) != 0

    return Option(title, get, put)


def _told(title: str, get: Callable[[Socket], int]) -> Option:
    """What can only be read."""
    return Option(title, lambda socket, word: INT.pack(get(socket)), None)


def _buffer(title: str, *, receives: bool) -> Option:
    """SO_RCVBUF, SO_SNDBUF: Linux doubles what is asked for; the queue belongs to the receiver."""

    def get(socket: Socket, word: int) -> bytes:
        default = socket.inbox.capacity if receives else DEFAULT_BUFFER
        return INT.pack(socket.options.get(title, default))

    def put(socket: Socket, word: int, data: bytes) -> None:
        size = min(max(2 * (_number(data) & 0x7FFF_FFFF), LEAST_BUFFER), MOST_BUFFER)
        if not receives:
            size = max(size, 2 * LEAST_BUFFER)
        else:
            socket.inbox.capacity = size
        socket.options[title] = size

    return Option(title, get, put)


def _timeout(title: str, name: str, word_of_time: int | None = None) -> Option:
    """SO_RCVTIMEO, SO_SNDTIMEO; 0 is for ever."""

    def get(socket: Socket, word: int) -> bytes:
        seconds, rest = divmod(getattr(socket, name) or 0, SECOND)
        return TIMEVAL[word_of_time or word].pack(seconds, rest // 1000)

    def put(socket: Socket, word: int, data: bytes) -> None:
        layout = TIMEVAL[word_of_time or word]
        if len(data) < layout.size:
            raise Errno(EINVAL)
        seconds, micros = layout.unpack_from(data)
        if not 0 <= micros < 10**6:
            raise Errno(EDOM)
        patience = seconds * SECOND + micros * 1000
        setattr(socket, name, None if not patience else max(patience, 1) if seconds >= 0 else 1)

    return Option(title, get, put)


def _get_linger(socket: Socket, word: int) -> bytes:
    lingers = socket.lingers if isinstance(socket, InetSocket) else socket.options.get("SO_LINGER")
    return TWO_INTS.pack(*(lingers or (0, 0)))


def _set_linger(socket: Socket, word: int, data: bytes) -> None:
    on, seconds = TWO_INTS.unpack_from(data)
    lingers = (int(on != 0), seconds if on else _linger_of(socket)[1])
    if isinstance(socket, InetSocket):
        socket.lingers = lingers
    else:
        socket.options["SO_LINGER"] = lingers


def _linger_of(socket: Socket) -> tuple[int, int]:
    on, seconds = TWO_INTS.unpack(_get_linger(socket, 0))
    return on, seconds


def _peer_credentials(socket: Socket, word: int) -> bytes:
    return CREDENTIALS.pack(*(socket.peer_owner or NOBODY))


def _force(socket: Socket, word: int, data: bytes) -> None:
    raise Errno(EPERM)


_SOCKET: Final = {
    1: _kept("SO_DEBUG", is_flag=True),
    2: _attribute("SO_REUSEADDR", "reuses_address", InetSocket),
    3: _told("SO_TYPE", lambda socket: socket.sort),
    4: _told("SO_ERROR", Socket.take_error),
    5: _kept("SO_DONTROUTE", is_flag=True),
    6: _attribute("SO_BROADCAST", "broadcasts", UdpSocket),
    7: _buffer("SO_SNDBUF", receives=False),
    8: _buffer("SO_RCVBUF", receives=True),
    9: _kept("SO_KEEPALIVE", is_flag=True),
    10: _kept("SO_OOBINLINE", is_flag=True),
    11: _kept("SO_NO_CHECK", is_flag=True),
    12: _kept("SO_PRIORITY"),
    SO_LINGER: Option("SO_LINGER", _get_linger, _set_linger, TWO_INTS.size),
    15: _attribute("SO_REUSEPORT", "reuses_port", InetSocket),
    16: _attribute("SO_PASSCRED", "passes_credentials"),
    SO_PEERCRED: Option("SO_PEERCRED", _peer_credentials, None),
    18: _low_water(),
    19: _told("SO_SNDLOWAT", lambda socket: 1),
    20: _timeout("SO_RCVTIMEO", "receive_timeout"),
    21: _timeout("SO_SNDTIMEO", "send_timeout"),
    29: _kept("SO_TIMESTAMP", is_flag=True),
    30: _told("SO_ACCEPTCONN", lambda socket: int(socket.is_listening)),
    32: Option("SO_SNDBUFFORCE", None, _force),
    33: Option("SO_RCVBUFFORCE", None, _force),
    38: _told("SO_PROTOCOL", lambda socket: socket.protocol),
    39: _told("SO_DOMAIN", lambda socket: socket.family),
    66: _timeout("SO_RCVTIMEO_NEW", "receive_timeout", 8),
    67: _timeout("SO_SNDTIMEO_NEW", "send_timeout", 8),
}
_TCP: Final = {
    1: _kept("TCP_NODELAY", is_flag=True),
    2: _kept("TCP_MAXSEG", 32741),
    3: _kept("TCP_CORK", is_flag=True),
    4: _kept("TCP_KEEPIDLE", 7200),
    5: _kept("TCP_KEEPINTVL", 75),
    6: _kept("TCP_KEEPCNT", 9),
    7: _kept("TCP_SYNCNT", 6),
    8: _kept("TCP_LINGER2", 60),
    9: _kept("TCP_DEFER_ACCEPT"),
    10: _kept("TCP_WINDOW_CLAMP"),
    12: _kept("TCP_QUICKACK", 1, is_flag=True),
    18: _kept("TCP_USER_TIMEOUT"),
    23: _kept("TCP_FASTOPEN"),
}
_IP: Final = {
    1: _kept("IP_TOS"),
    2: _kept("IP_TTL", 64),
    10: _kept("IP_MTU_DISCOVER", 1),
    11: _kept("IP_RECVERR", is_flag=True),
    24: _kept("IP_BIND_ADDRESS_NO_PORT", is_flag=True),
    33: _kept("IP_MULTICAST_TTL", 1),
    34: _kept("IP_MULTICAST_LOOP", 1, is_flag=True),
}
_IPV6: Final = {
    16: _kept("IPV6_UNICAST_HOPS", 64),
    18: _kept("IPV6_MULTICAST_HOPS", 1),
    19: _kept("IPV6_MULTICAST_LOOP", 1, is_flag=True),
    25: _kept("IPV6_RECVERR", is_flag=True),
    26: _attribute("IPV6_V6ONLY", "v6_only", InetSocket),
    67: _kept("IPV6_TCLASS"),
}
LEVELS: Final = {
    SOL_SOCKET: _SOCKET,
    IPPROTO_TCP: _TCP,
    IPPROTO_IP: _IP,
    IPPROTO_IPV6: _IPV6,
}


def option(socket: Socket, level: int, name: int, *, reads: bool) -> Option:
    """The row of an option that is read, or set. Raises Errno: the socket has no such option."""
    if level != SOL_SOCKET and socket.family == AF_UNIX:
        raise Errno(EOPNOTSUPP)
    of_others = {
        IPPROTO_TCP: not isinstance(socket, TcpSocket),
        IPPROTO_IPV6: socket.family != AF_INET6,
    }
    if of_others.get(level):
        raise Errno(EOPNOTSUPP if reads else ENOPROTOOPT)
    found = LEVELS.get(level, {}).get(name)
    if found is None or (found.get if reads else found.set) is None:
        raise Errno(ENOPROTOOPT)
    return found
