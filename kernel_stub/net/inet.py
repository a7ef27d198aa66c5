"""AF_INET and AF_INET6: addresses and ports of this machine, the same for TCP and UDP.

The loopback's addresses lead to this machine; all others nowhere, or with `--net` to a socket of
the host (outside.py). ip(7), ipv6(7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kernel_stub.errno import (
    EACCES,
    EADDRNOTAVAIL,
    EINVAL,
    ENETUNREACH,
    ENOTCONN,
    Errno,
)
from kernel_stub.net.addresses import (
    AF_INET,
    AF_INET6,
    ANY_4,
    ANY_6,
    LOOPBACK_4,
    LOOPBACK_6,
    InetName,
    inet_name,
)
from kernel_stub.net.listing import CLOSED, ESTABLISHED, LISTENING, InetRow
from kernel_stub.net.network import covers
from kernel_stub.net.sockets import (
    Socket,
)
from kernel_stub.vfs.inode import NOTHING

if TYPE_CHECKING:
    from kernel_stub.net.outside import Outside
    from kernel_stub.vfs.caller import Caller

IPPROTO_TCP, IPPROTO_UDP = 6, 17
FIRST_FREE_PORT = 1024
DOMAIN_PORT = 53


class InetSocket(Socket):
    """What has an address and a port. `reuses_*`: SO_REUSEADDR, SO_REUSEPORT."""

    family = AF_INET
    reuses_address = reuses_port = v6_only = False
    lingers: tuple[int, int] = (0, 0)  # SO_LINGER: whether, and for how many seconds
    out: Outside | None = None  # the socket of the host behind it

    @property
    def any_host(self) -> bytes:
        return ANY_4 if self.family == AF_INET else ANY_6

    def bind(self, task: Caller, address: bytes) -> None:
        wanted = self.understood(address)
        if self.name is not None:
            raise Errno(EINVAL)
        if not wanted.is_loopback:
            raise Errno(EADDRNOTAVAIL)
        if 0 < wanted.port < FIRST_FREE_PORT and task.uid:
            raise Errno(EACCES)
        self.name = self.network.take_port(self, wanted)

    def understood(self, address: bytes) -> InetName:
        """The address that the program gave. Raises Errno."""
        name = inet_name(address, self.family)
        plain = name.plain()
        if self.v6_only and plain is not name:
            raise Errno(EINVAL)
        if self.family == AF_INET6 and name.is_any:
            return name
        return plain

    def clashes(self, other: InetSocket, wanted: InetName) -> bool:
        """Whether `other` has the port already, so that this socket cannot have it."""
        assert isinstance(other.name, InetName), "it has a port"
        overlaps = covers(other.name, wanted, other.v6_only) or covers(
            wanted, other.name, self.v6_only
        )
        shares_port = self.reuses_port and other.reuses_port
        shares = self.reuses_address and other.reuses_address and not other.is_listening
        return overlaps and not shares and not shares_port

    def bind_somewhere(self) -> None:
        """Any port, if it has none."""
        if self.name is None:
            self.name = self.network.take_port(self, InetName(self.any_host, 0))

    def comes_from(self, target: InetName) -> None:
        """It is bound where it reaches `target` from."""
        self.bind_somewhere()
        assert isinstance(self.name, InetName), "just bound"
        if self.name.is_any:
            self.name = InetName(source_of(target), self.name.port)

    # ---- the world outside

    def is_outside(self, target: InetName) -> bool:
        """Whether only the host reaches `target`. Raises Errno: it must not."""
        if target.is_loopback and not self._is_nameserver(target):
            return False
        if not self.network.reaches_out:
            raise Errno(ENETUNREACH)
        return True

    def _is_nameserver(self, target: InetName) -> bool:
        """A resolver at the host's loopback, unless the guest has one of its own."""
        asked = self.network.reaches_out and target.port == DOMAIN_PORT
        if not asked or self.network.holders(self.protocol, target.port):
            return False
        from kernel_stub.net.outside import nameservers

        return target.host in nameservers()

    def go_out(self, target: InetName) -> Outside:
        """The socket of the host, made for the first address that it reaches."""
        if self.out is None:
            from kernel_stub.net.outside import Outside

            self.out = Outside(target, self.sort, self.wait)
        return self.out

    def outside(self, events: int) -> Mapping[int, int]:
        return {self.out.descriptor: events} if self.out is not None else NOTHING

    def take_error(self) -> int:
        return self.out.take_error() if self.out is not None else super().take_error()

    def shutdown(self, task: Caller, how: int) -> None:
        """It works unconnected too, but is refused afterwards."""
        super().shutdown(task, how)
        if self.peer_name is None and not self.is_listening:
            raise Errno(ENOTCONN)

    def row(self, table: bytes) -> InetRow | None:
        """Of sockets that have a port: what they are bound to, and connected with."""
        is_stream = self.protocol == IPPROTO_TCP
        own = (b"tcp" if is_stream else b"udp") + b"6" * (self.family == AF_INET6)
        if table != own or self.is_closed or not isinstance(self.name, InetName):
            return None
        ends = [self.name, InetName(self.any_host, 0)]
        state = CLOSED
        if isinstance(self.peer_name, InetName):
            ends[1], state = self.peer_name, ESTABLISHED
        elif is_stream and not self.is_listening:
            return None
        elif is_stream:
            state = LISTENING
        local, remote = (end.shown_to(self.family) for end in ends)
        uid = self.owner.uid
        return InetRow(local, remote, state, self.inbox.size, uid, self.number, not is_stream)

    def closed(self, task: Caller) -> None:
        if self.out is not None:
            self.out.close()
        self.network.leaves(self)
        super().closed(task)


def source_of(target: InetName) -> bytes:
    """Which of this machine's addresses reaches `target`."""
    return LOOPBACK_4 if len(target.host) == len(ANY_4) else LOOPBACK_6


def aimed_at(name: InetName, family: int) -> InetName:
    """To connect to "any" is to connect to this machine."""
    if not name.is_any:
        return name
    host = LOOPBACK_6 if family == AF_INET6 and len(name.host) == len(ANY_6) else LOOPBACK_4
    return InetName(host, name.port)


def hears(other: InetSocket, target: InetName) -> bool:
    return isinstance(other.name, InetName) and covers(other.name, target, other.v6_only)


def is_bound_to_any(socket: InetSocket) -> bool:
    return isinstance(socket.name, InetName) and socket.name.is_any
