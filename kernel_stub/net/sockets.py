"""Sockets: what every kind has in common, and the open description in front of one.

A kind of socket overrides what it can do; what it does not, is refused as Linux refuses it. How
bytes travel, streams.py and datagrams.py know; names are unix.py's and inet.py's.
socket(2), shutdown(2), send(2), recv(2); socket(7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kernel_stub.errno import EAGAIN, EINVAL, ENOTTY, EOPNOTSUPP, Errno
from kernel_stub.net.addresses import Address
from kernel_stub.net.queues import Chunk, Credentials, Queue
from kernel_stub.vfs.inode import NOTHING, Inode, OpenFile
from kernel_stub.vfs.modes import (
    O_NONBLOCK,
    O_RDWR,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLRDHUP,
    S_IFSOCK,
)
from kernel_stub.vfs.pulses import Pulses

if TYPE_CHECKING:
    from kernel_stub.net.listing import InetRow, UnixRow
    from kernel_stub.net.network import Network
    from kernel_stub.vfs.caller import Caller

SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET = 1, 2, 3, 5
SHUT_RD, SHUT_WR, SHUT_RDWR = range(3)
RECEIVE, SEND, BOTH = 1, 2, 3  # what shutdown(2) ended: bits
DEFAULT_BUFFER: Final = 212_992

SIOCATMARK: Final = 0x8905
MSG_OOB: Final = 0x1
MSG_PEEK: Final = 0x2
MSG_TRUNC: Final = 0x20
MSG_DONTWAIT: Final = 0x40
MSG_WAITALL: Final = 0x100
MSG_NOSIGNAL: Final = 0x4000


class Outgoing(NamedTuple):
    """One message to send. `address`: a struct sockaddr, None where the program gave none."""

    data: bytes
    flags: int = 0
    address: bytes | None = None
    rights: tuple[OpenFile, ...] = ()
    sender: Credentials | None = None


class Incoming(NamedTuple):
    """What was received, and how long it was before it was cut."""

    chunk: Chunk
    length: int


class Socket(Inode):
    """One socket. `error` is SO_ERROR: what went wrong and nobody was told yet.

    `patience` is for how many nanoseconds a call may wait: 0 not at all, None for ever.
    """

    family: int
    sort: int  # SOCK_*
    protocol = 0
    queue: type[Queue] = Queue

    def __init__(self, network: Network, task: Caller) -> None:
        super().__init__(network.attributes(task, S_IFSOCK | 0o777))
        self.network = network
        self.options: dict[Any, Any] = {}
        self.receive_timeout: int | None = None
        self.send_timeout: int | None = None
        self.inbox = self.queue(DEFAULT_BUFFER, task.fs.root.storage)
        self.shut = self.error = 0
        self.passes_credentials = False
        self.name: Address | None = None
        self.peer_name: Address | None = None
        self.owner = Credentials(task.pid, task.uid, task.gid)
        self.peer_owner: Credentials | None = None
        self.is_listening = self.is_closed = False
        self.pulses = Pulses()
        network.joined_by(self)

    # ---- what kinds do

    def bind(self, task: Caller, address: bytes) -> None:
        raise Errno(EOPNOTSUPP)

    def listen(self, task: Caller, backlog: int) -> None:
        raise Errno(EOPNOTSUPP)

    def accept(self, task: Caller, patience: int | None) -> Socket:
        raise Errno(EOPNOTSUPP)

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        raise Errno(EOPNOTSUPP)

    def send(self, task: Caller, message: Outgoing, patience: int | None) -> int:
        raise Errno(EOPNOTSUPP)

    def receive(self, task: Caller, size: int, flags: int, patience: int | None) -> Incoming:
        raise Errno(EOPNOTSUPP)

    def shutdown(self, task: Caller, how: int) -> None:
        """shutdown(2), of a kind that is connected or need not be."""
        raise Errno(EOPNOTSUPP)

    def row(self, table: bytes) -> UnixRow | InetRow | None:
        """Its row in a file of /proc/net; None: it stands in another, or in none."""
        return None

    def closed(self, task: Caller) -> None:
        """Its last descriptor was closed."""
        self.is_closed = True
        for file in self.inbox.clear():
            self.network.landed(task, file)

    def events(self, task: Caller) -> int:
        """The events of poll(2) that every kind has."""
        events = POLLERR if self.error else 0
        events |= POLLIN if len(self.inbox) else 0
        events |= POLLIN | POLLRDHUP if self.shut & RECEIVE else 0
        return events | (POLLHUP if self.shut == BOTH else 0)

    def outside(self, events: int) -> Mapping[int, int]:
        """The host's descriptors that matter to whoever watches it for `events`."""
        return NOTHING

    def at_mark(self) -> bool:
        """SIOCATMARK: whether the next byte is behind an urgent one. Raises Errno(ENOTTY)."""
        raise Errno(ENOTTY)

    # ---- what all need

    def take_error(self) -> int:
        error, self.error = self.error, 0
        return error

    def require_no_error(self) -> None:
        """Raises Errno: what went wrong before; it is told once."""
        if self.error:
            raise Errno(self.take_error())

    def fails(self, error: int) -> None:
        """Something went wrong that the program hears of later."""
        self.error = error
        self.pulses.wake_all()

    def wait(
        self,
        task: Caller,
        what: str,
        ready: Callable[[], bool],
        patience: int | None,
        events: int = POLLIN,
    ) -> None:
        """Waits until `ready`, for `events` outside if it is there; then the call is made again.

        Raises Errno(EAGAIN).
        """
        if patience != 0:
            task.kernel.block(task, what, ready, patience, self.outside(events))
        raise Errno(EAGAIN)


class SocketFile(OpenFile):
    """An open socket."""

    def __init__(self, socket: Socket, flags: int) -> None:
        super().__init__(socket, flags | O_RDWR)
        self.socket = socket

    def patience(self, timeout: int | None, flags: int = 0) -> int | None:
        """How long a call may wait that has `timeout` and MSG_* `flags`."""
        return 0 if self.flags & O_NONBLOCK or flags & MSG_DONTWAIT else timeout

    def read(self, task: Caller, size: int) -> bytes:
        socket = self.socket
        chunk, _ = socket.receive(task, size, 0, self.patience(socket.receive_timeout))
        for file in chunk.rights:  # read(2) has no place for them
            self.socket.network.landed(task, file)
        return chunk.data

    def unread(self, data: bytes) -> None:
        self.socket.inbox.unread(Chunk(data, self.socket.owner))

    def write(self, task: Caller, data: bytes) -> int:
        patience = self.patience(self.socket.send_timeout)
        return self.socket.send(task, Outgoing(data), patience)

    def poll(self, task: Caller) -> int:
        return self.socket.events(task)

    @property
    def pulses(self) -> Pulses:
        return self.socket.pulses

    def pulse(self, task: Caller, events: int) -> int:
        return self.socket.pulses.latest(events)

    def outside(self, task: Caller, events: int) -> Mapping[int, int]:
        return self.socket.outside(events)

    def waiting(self) -> int:
        socket = self.socket
        if socket.is_listening:
            raise Errno(EINVAL)
        if socket.sort == SOCK_STREAM or not len(socket.inbox):
            return socket.inbox.size
        return len(socket.inbox.first.data)

    def control(self, task: Caller, request: int, argument: bytes | int) -> bytes | int:
        if request == SIOCATMARK:
            return int(self.socket.at_mark()).to_bytes(4, "little")
        return super().control(task, request, argument)

    def release(self, task: Caller) -> None:
        self.socket.pulses.listeners.pop(self, None)
        self.socket.closed(task)
