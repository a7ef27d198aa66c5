"""UDP between the tasks of the guest: what nobody receives, or what finds no room, vanishes.

udp(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_stub.errno import (
    EACCES,
    EAFNOSUPPORT,
    ECONNREFUSED,
    EDESTADDRREQ,
    EINVAL,
    ENOTCONN,
    Errno,
)
from kernel_stub.net.addresses import (
    AF_INET,
    AF_UNSPEC,
    InetName,
    family_of,
)
from kernel_stub.net.datagrams import Datagram
from kernel_stub.net.inet import (
    IPPROTO_UDP,
    InetSocket,
    aimed_at,
    hears,
    is_bound_to_any,
    source_of,
)
from kernel_stub.net.queues import Chunk, Credentials, UdpQueue
from kernel_stub.net.sockets import (
    MSG_PEEK,
    SOCK_DGRAM,
    Incoming,
    Outgoing,
)
from kernel_stub.vfs.modes import POLLOUT

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


LARGEST_DATAGRAM = 65_507
BROADCAST = b"\xff" * 4


class UdpSocket(InetSocket, Datagram):
    """UDP: what nobody receives, or what finds no room, vanishes."""

    sort = SOCK_DGRAM
    protocol = IPPROTO_UDP
    queue = UdpQueue
    largest = LARGEST_DATAGRAM
    broadcasts = False

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        if family_of(address) == AF_UNSPEC:
            self.peer_name = None
            return
        target = aimed_at(self.understood(address), self.family)
        if self._is_outside(target):
            out = self.go_out(target)
            out.connect(task, target, patience)
            self.name, self.peer_name = out.name(), target
            return
        self.comes_from(target)
        self.peer_name = target

    def _is_outside(self, target: InetName) -> bool:
        if target.host == BROADCAST and not self.broadcasts:
            raise Errno(EACCES)
        return self.is_outside(target)

    def send(self, task: Caller, message: Outgoing, patience: int | None) -> int:
        """What goes to the world outside does not pass the guest's ports."""
        target = self._wanted(message)
        if not target.port or not self._is_outside(target):
            return super().send(task, message, patience)
        given = None if message.address is None else target
        return self.go_out(target).send(task, message.data, given, patience)

    def receive(self, task: Caller, size: int, flags: int, patience: int | None) -> Incoming:
        if self.out is None or len(self.inbox):
            return super().receive(task, size, flags, patience)
        if not self.out.has_input():
            self.wait(task, "a message from outside", self._has_any, patience)
        data, source = self.out.receive(LARGEST_DATAGRAM, flags & MSG_PEEK)
        return Incoming(Chunk(data[:size], self.owner, source), len(data))

    def _has_any(self) -> bool:
        return bool(len(self.inbox)) or (self.out is not None and self.out.has_input())

    def target(self, task: Caller, message: Outgoing, patience: int | None) -> Datagram | None:
        wanted = self._wanted(message)
        if not wanted.port:
            raise Errno(EINVAL)
        self.bind_somewhere()
        found = self._receiver(wanted)
        if found is None:
            if self.peer_name == wanted:
                self.fails(ECONNREFUSED)
            return None
        return found if found.inbox.fits(len(message.data)) else None

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
        own = super().events(task) | POLLOUT
        return own if self.out is None else own | self.out.events()
