"""AF_INET and AF_INET6: TCP and UDP between the tasks of the guest, over its loopback.

Whatever is not this machine is unreachable, unless the run has `--net`: then outside.py's sockets
of the host do the work. There is no routing, no loss, no delay.
ip(7), ipv6(7), tcp(7), udp(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_stub.errno import (
    EACCES,
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    EALREADY,
    ECONNABORTED,
    ECONNREFUSED,
    ECONNRESET,
    EDESTADDRREQ,
    EINPROGRESS,
    EINVAL,
    EISCONN,
    ENETUNREACH,
    ENOTCONN,
    EPIPE,
    Errno,
)
from kernel_stub.net.addresses import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    ANY_4,
    ANY_6,
    LOOPBACK_4,
    LOOPBACK_6,
    Address,
    InetName,
    family_of,
    inet_name,
)
from kernel_stub.net.datagrams import Datagram
from kernel_stub.net.network import covers
from kernel_stub.net.queues import Chunk, Credentials
from kernel_stub.net.sockets import (
    BOTH,
    RECEIVE,
    SEND,
    SOCK_DGRAM,
    SOCK_STREAM,
    Outgoing,
    Socket,
)
from kernel_stub.net.streams import Stream
from kernel_stub.vfs.modes import POLLOUT

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

IPPROTO_TCP, IPPROTO_UDP = 6, 17
FIRST_FREE_PORT = 1024
LARGEST_DATAGRAM = 65_507
BROADCAST = b"\xff" * 4


class InetSocket(Socket):
    """What has an address and a port. `reuses_*`: SO_REUSEADDR, SO_REUSEPORT."""

    family = AF_INET
    reuses_address = reuses_port = v6_only = False
    lingers: tuple[int, int] = (0, 0)  # SO_LINGER: whether, and for how many seconds

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

    def shutdown(self, task: Caller, how: int) -> None:
        """It works unconnected too, but is refused afterwards."""
        super().shutdown(task, how)
        if self.peer_name is None and not self.is_listening:
            raise Errno(ENOTCONN)

    def closed(self, task: Caller) -> None:
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


class TcpSocket(InetSocket, Stream):
    """TCP. `is_connecting`: connect(2) returned before it told what came of it."""

    sort = SOCK_STREAM
    protocol = IPPROTO_TCP
    unconnected_receive = ENOTCONN
    is_connecting = False
    aim: TcpSocket | None = None  # a listener that had no place yet

    def listen(self, task: Caller, backlog: int) -> None:
        self.bind_somewhere()
        super().listen(task, backlog)

    def take_in(self, task: Caller, client: Stream) -> Stream:
        end = super().take_in(task, client)
        assert isinstance(end, TcpSocket), "of its own kind"
        assert isinstance(client.peer_name, InetName), "it aimed at an address"
        end.name = client.peer_name
        end.family, end.v6_only = self.family, self.v6_only
        end.reuses_address, end.reuses_port = self.reuses_address, self.reuses_port
        self.network.joins(end, client.peer_name)
        return end

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        if family_of(address) == AF_UNSPEC:
            return self._disconnect(task)
        if self.is_connecting:
            return self._hear_of_connection()
        if self.peer is not None or self.is_listening:
            raise Errno(EISCONN)
        target = aimed_at(self.understood(address), self.family)
        if not target.is_loopback:
            raise Errno(ENETUNREACH)
        return self._connect_to(task, target, patience)

    def _connect_to(self, task: Caller, target: InetName, patience: int | None) -> None:
        listener = self._listener(target)
        if listener is None:
            self.is_connecting = patience == 0
            if self.is_connecting:
                self.fails(ECONNREFUSED)
            raise Errno(EINPROGRESS if self.is_connecting else ECONNREFUSED)
        if not listener.has_place() and patience != 0:
            self.wait(task, "a socket to accept", listener.has_place, patience)
        self.comes_from(target)
        self.peer_name, self.aim = target, listener
        self.arrive(task)
        if patience == 0:
            self.is_connecting = True
            raise Errno(EINPROGRESS)

    def _listener(self, target: InetName) -> TcpSocket | None:
        """Who listens at `target`: its very address before any."""
        found = [
            other
            for other in self.network.holders(IPPROTO_TCP, target.port)
            if isinstance(other, TcpSocket) and other.is_listening and hears(other, target)
        ]
        found.sort(key=is_bound_to_any)
        return found[0] if found else None

    def arrive(self, task: Caller) -> None:
        """The listener takes it in, once there is a place."""
        if self.aim is None or not self.aim.has_place():
            return
        listener, self.aim = self.aim, None
        target = self.peer_name
        if listener.is_closed:
            self.fails(ECONNREFUSED)
            return
        listener.take_in(task, self)
        self.peer_name = target

    def _hear_of_connection(self) -> None:
        """connect(2) again, after EINPROGRESS. Raises Errno."""
        if self.aim is not None:
            raise Errno(EALREADY)
        self.is_connecting = False
        self.require_no_error()
        if self.peer is None:
            raise Errno(ECONNABORTED)  # the program has read what went wrong

    def _disconnect(self, task: Caller) -> None:
        """connect(2) to AF_UNSPEC."""
        peer, self.peer, self.peer_name = self.peer, None, None
        self.is_connecting = self.is_listening = False
        self.shut = 0
        if peer is not None and not peer.is_closed:
            peer.hears_close(lost=True)

    def told_name(self) -> Address | None:
        return None

    def require_sendable(self, message: Outgoing) -> None:
        """A connected TCP socket overlooks an address."""
        super().require_sendable(message._replace(address=None))

    def receiver(self) -> Stream | None:
        """What is sent to an end that was closed, vanishes; its answer is an error from then on."""
        self.require_no_error()
        peer = self.peer
        if peer is None or self.shut & SEND:
            raise Errno(EPIPE)
        if peer.is_closed:
            self.shut = BOTH
            self.fails(EPIPE)
            return None
        return peer

    def require_receivable(self) -> None:
        if self.peer is None:
            self.require_no_error()
        super().require_receivable()

    def heard_by_peer(self, how: int) -> int:
        return RECEIVE if how & SEND else 0

    def shutdown(self, task: Caller, how: int) -> None:
        if self.is_listening:
            if how != SEND:
                self.is_listening = False
                self.pulses.wake_all()
            return
        super().shutdown(task, how)

    def closed(self, task: Caller) -> None:
        is_abrupt = self.lingers == (1, 0)
        peer = self.peer
        super().closed(task)
        if is_abrupt and peer is not None and not peer.is_closed:
            peer.hears_close(lost=True)

    def hears_close(self, lost: bool) -> None:
        """Everything that it has to know is that no bytes come; or that bytes were lost."""
        self.shut |= RECEIVE
        if lost:
            self.shut, self.error = BOTH, ECONNRESET
        self.pulses.wake_all()

    def events(self, task: Caller) -> int:
        self.arrive(task)
        return 0 if self.aim is not None else super().events(task)


def hears(other: InetSocket, target: InetName) -> bool:
    return isinstance(other.name, InetName) and covers(other.name, target, other.v6_only)


def is_bound_to_any(socket: InetSocket) -> bool:
    return isinstance(socket.name, InetName) and socket.name.is_any


class UdpSocket(InetSocket, Datagram):
    """UDP: what nobody receives, or what finds no room, vanishes."""

    sort = SOCK_DGRAM
    protocol = IPPROTO_UDP
    largest = LARGEST_DATAGRAM
    broadcasts = False

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        if family_of(address) == AF_UNSPEC:
            self.peer_name = None
            return
        target = aimed_at(self.understood(address), self.family)
        self._require_reachable(target)
        self.comes_from(target)
        self.peer_name = target

    def _require_reachable(self, target: InetName) -> None:
        if target.host == BROADCAST and not self.broadcasts:
            raise Errno(EACCES)
        if not target.is_loopback:
            raise Errno(ENETUNREACH)

    def target(self, task: Caller, message: Outgoing, patience: int | None) -> Datagram | None:
        wanted = self._wanted(message)
        if not wanted.port:
            raise Errno(EINVAL)
        self._require_reachable(wanted)
        self.bind_somewhere()
        found = self._receiver(wanted)
        if found is None:
            if self.peer_name == wanted:
                self.fails(ECONNREFUSED)
            return None
        return found if found.inbox.room >= len(message.data) else None

    def _wanted(self, message: Outgoing) -> InetName:
        if message.address is None:
            if not isinstance(self.peer_name, InetName):
                raise Errno(EDESTADDRREQ)
            return self.peer_name
        if self.family == AF_INET and family_of(message.address) not in (AF_INET, AF_UNSPEC):
            raise Errno(EAFNOSUPPORT)
        return aimed_at(self.understood(message.address), self.family)

    def _receiver(self, wanted: InetName) -> UdpSocket | None:
        """Who hears `wanted`: whoever is connected to this socket before all others."""
        own = self.seen_from(wanted)
        found = [
            other
            for other in self.network.holders(IPPROTO_UDP, wanted.port)
            if isinstance(other, UdpSocket) and hears(other, wanted)
            if other.peer_name in (None, own)
        ]
        found.sort(key=lambda other: (other.peer_name is None, is_bound_to_any(other)))
        return found[0] if found else None

    def seen_from(self, target: InetName) -> InetName:
        """Its own address, as `target` sees it."""
        assert isinstance(self.name, InetName), "it is bound before it sends"
        if self.name.is_any:
            return InetName(source_of(target), self.name.port)
        return self.name

    def _deliver(self, task: Caller, message: Outgoing, target: Datagram) -> None:
        assert isinstance(target.name, InetName), "it was found by its name"
        source = self.seen_from(self._wanted(message))
        sender = Credentials(task.pid, task.uid, task.gid)
        target.inbox.add(Chunk(message.data, sender, source))
        target.pulses.wake_readers()

    def shutdown(self, task: Caller, how: int) -> None:
        self.shut |= how
        self.pulses.wake_all()
        if self.peer_name is None:
            raise Errno(ENOTCONN)

    def events(self, task: Caller) -> int:
        return super().events(task) | POLLOUT
