"""AF_UNIX: sockets whose names are paths, or abstract.

unix(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_stub.errno import (
    EADDRINUSE,
    ECONNREFUSED,
    EINVAL,
    EISCONN,
    ENOTCONN,
    EPERM,
    EPIPE,
    EPROTOTYPE,
    Errno,
)
from kernel_stub.net.addresses import AF_UNIX, AF_UNSPEC, UnixName, family_of, unix_name
from kernel_stub.net.datagrams import Datagram
from kernel_stub.net.listing import UnixRow
from kernel_stub.net.queues import Chunk, MessageQueue, Queue, UnixStreamQueue
from kernel_stub.net.sockets import (
    DEFAULT_BUFFER,
    RECEIVE,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    Outgoing,
    Socket,
)
from kernel_stub.net.streams import Stream, join
from kernel_stub.vfs.access import require
from kernel_stub.vfs.modes import POLLOUT, S_IFSOCK, W_OK
from kernel_stub.vfs.names import make_node
from kernel_stub.vfs.nodes import SocketNode
from kernel_stub.vfs.walk import Walk

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

MOST_MESSAGES = 10  # net.unix.max_dgram_qlen
_OVERHEAD = 32  # of a message, beside its bytes
_FAMILY_ALONE = 2


class UnixSocket(Socket):
    """What has a name of AF_UNIX."""

    family = AF_UNIX
    node: SocketNode | None = None

    def bind(self, task: Caller, address: bytes) -> None:
        if len(address) == _FAMILY_ALONE and family_of(address) == AF_UNIX:
            return self.bind_somewhere()
        name = unix_name(address)
        if not name.name:
            raise Errno(EINVAL)
        if name.name[:1] == b"\0":
            self._bind_abstract(name)
        else:
            self._bind_path(task, name)
        return None

    def bind_somewhere(self) -> None:
        """A free abstract name, if it has none."""
        if self.name is None:
            self._bind_abstract(UnixName(self.network.free_abstract_name()))

    def _bind_abstract(self, name: UnixName) -> None:
        if self.name is not None:
            raise Errno(EINVAL)
        if name.name in self.network.abstract:
            raise Errno(EADDRINUSE)
        self.network.abstract[name.name] = self
        self.name = name

    def _bind_path(self, task: Caller, name: UnixName) -> None:
        place = Walk(task, task.fs.cwd).to(name.name, follow=False)
        if place.inode is not None:
            raise Errno(EADDRINUSE)
        if self.name is not None:
            raise Errno(EINVAL)
        node = make_node(task, place, S_IFSOCK | 0o777)
        assert isinstance(node, SocketNode), "the kind that was asked for"
        node.bound, self.node, self.name = self, node, name

    def find(self, task: Caller, address: bytes) -> UnixSocket:
        """The socket at `address`, of the same sort as this one. Raises Errno."""
        name = unix_name(address).name
        if len(address) <= _FAMILY_ALONE:
            raise Errno(EINVAL)
        found: Any = self.network.abstract.get(name)
        if name[:1] != b"\0":
            inode = Walk(task, task.fs.cwd).to(name, follow=True).found()
            require(task, inode, W_OK)
            found = inode.bound if isinstance(inode, SocketNode) else None
        if not isinstance(found, UnixSocket):
            raise Errno(ECONNREFUSED)
        if found.sort != self.sort:
            raise Errno(EPROTOTYPE)
        return found

    def row(self, table: bytes) -> UnixRow | None:
        if table != b"unix" or self.is_closed:
            return None
        name = self.name if isinstance(self.name, UnixName) else None
        connected = self.peer_owner is not None
        return UnixRow(self.sort, self.is_listening, connected, self.number, name)

    def forget_name(self) -> None:
        """It was closed: its name leads nowhere."""
        if self.node is not None:
            self.node.bound = None
        elif isinstance(self.name, UnixName) and self.network.abstract.get(self.name.name) is self:
            del self.network.abstract[self.name.name]


class UnixStream(UnixSocket, Stream):
    """SOCK_STREAM of AF_UNIX."""

    sort = SOCK_STREAM
    queue: type[Queue] = UnixStreamQueue

    def listen(self, task: Caller, backlog: int) -> None:
        if self.name is None:
            raise Errno(EINVAL)
        super().listen(task, backlog)

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        listener = self.find(task, address)
        assert isinstance(listener, UnixStream), "of the same sort"
        if not listener.is_listening or listener.shut & RECEIVE:
            raise Errno(ECONNREFUSED)
        if not listener.has_place():
            self.wait(task, "a socket to accept", listener.has_place, patience)
        if self.peer is not None:
            raise Errno(EISCONN)
        if self.is_listening:
            raise Errno(EINVAL)
        listener.take_in(task, self)

    def closed(self, task: Caller) -> None:
        self.forget_name()
        super().closed(task)


class UnixRecords(UnixStream):
    """SOCK_SEQPACKET of AF_UNIX."""

    sort = SOCK_SEQPACKET
    queue = MessageQueue
    has_records = True
    unconnected_receive = ENOTCONN

    def require_sendable(self, message: Outgoing) -> None:
        """A connected socket of records overlooks an address."""
        connected = message._replace(address=None) if self.peer is not None else message
        super().require_sendable(connected)


class UnixDatagram(UnixSocket, Datagram):
    """SOCK_DGRAM of AF_UNIX: no message is lost; whoever sends too many, waits."""

    sort = SOCK_DGRAM
    queue = MessageQueue
    largest = DEFAULT_BUFFER - _OVERHEAD
    peer: UnixDatagram | None = None

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        if family_of(address) == AF_UNSPEC:
            self.peer = self.peer_name = self.peer_owner = None
            return
        found = self.find(task, address)
        assert isinstance(found, UnixDatagram), "of the same sort"
        if not found.hears(self):
            raise Errno(EPERM)
        self.peer, self.peer_name, self.peer_owner = found, found.name, found.owner

    def hears(self, sender: UnixDatagram) -> bool:
        return self.peer is None or self.peer is sender

    def target(self, task: Caller, message: Outgoing, patience: int | None) -> Datagram | None:
        found = self._addressed(task, message)
        if not found.hears(self):
            raise Errno(EPERM)
        if found.shut & RECEIVE:
            raise Errno(EPIPE)
        place = _Place(found, self, len(message.data))
        if not place.is_there():
            self.wait(task, "room in a socket", place.is_there, patience)
        return found

    def _addressed(self, task: Caller, message: Outgoing) -> UnixDatagram:
        if message.address is not None:
            found = self.find(task, message.address)
            assert isinstance(found, UnixDatagram), "of the same sort"
            return found
        if self.peer is None:
            raise Errno(ENOTCONN)
        if self.peer.is_closed:
            self.peer = self.peer_name = None
            raise Errno(ECONNREFUSED)
        return self.peer

    def took(self, chunk: Chunk) -> None:
        if self.peer is not None:
            self.peer.pulses.wake_writers()

    def shutdown(self, task: Caller, how: int) -> None:
        self.shut |= how
        self.pulses.wake_all()

    def events(self, task: Caller) -> int:
        has_room = self.peer is None or _Place(self.peer, self, 0).is_there()
        return super().events(task) | (POLLOUT if has_room else 0)

    def closed(self, task: Caller) -> None:
        self.forget_name()
        super().closed(task)


class _Place:
    """What a sender waits for: room for its message, or that nobody takes it any more."""

    def __init__(self, target: UnixDatagram, sender: UnixDatagram, size: int) -> None:
        self.target = target
        self.sender = sender
        self.size = size

    def is_there(self) -> bool:
        target = self.target
        if target.is_closed or target.shut & RECEIVE:
            return True
        is_mutual = target.peer is self.sender
        return (is_mutual or len(target.inbox) <= MOST_MESSAGES) and target.inbox.fits(self.size)


def make_pair(first: Socket, second: Socket) -> None:
    """socketpair(2)."""
    if isinstance(first, UnixDatagram) and isinstance(second, UnixDatagram):
        for end, other in ((first, second), (second, first)):
            end.peer, end.peer_name, end.peer_owner = other, UnixName(), other.owner
    elif isinstance(first, Stream) and isinstance(second, Stream):
        join(first, second)
