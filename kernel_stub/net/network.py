"""The network of one guest: who has which name and which port, and what is in flight.

Names are deterministic: ports and abstract names are given in order. It moves no bytes.
unix(7): "Autobind feature"; ip(7): ip_local_port_range, SO_REUSEADDR.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakSet

from kernel_stub.errno import EADDRINUSE, EADDRNOTAVAIL, ETOOMANYREFS, Errno
from kernel_stub.net.addresses import ANY_6, Address, InetName
from kernel_stub.vfs.files import drop, hold
from kernel_stub.vfs.inode import Attributes, OpenFile
from kernel_stub.vfs.modes import RLIMIT_NOFILE

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

SOCKETS_DEVICE: Final = 8
FIRST_EPHEMERAL, LAST_EPHEMERAL = 32768, 60999
MOST_AUTOBOUND: Final = 1 << 20
DEFAULT_FLIGHTS: Final = 1024


class PortHolder(Protocol):
    """A socket, as far as ports go."""

    name: Address | None

    @property
    def protocol(self) -> int: ...

    def clashes(self, other: Any, wanted: InetName) -> bool:
        """Whether `other` has the port already, so that this one cannot have `wanted`."""


class Network:
    """`reaches_out`: connections may leave the guest (`--net`)."""

    def __init__(self, reaches_out: bool = False) -> None:
        self.reaches_out = reaches_out
        self.abstract: dict[bytes, object] = {}
        self._sockets: WeakSet[Any] = WeakSet()
        self._ports: dict[tuple[int, int], list[PortHolder]] = {}  # protocol, port
        self._next_port = FIRST_EPHEMERAL
        self._autobound = 0
        self._in_flight = 0

    def attributes(self, task: Caller, mode: int) -> Attributes:
        attributes: Attributes = task.fs.root.storage.fresh(task, mode, SOCKETS_DEVICE)
        return attributes

    # ---- /proc/net

    def joined_by(self, socket: Any) -> None:
        """`socket` was made."""
        self._sockets.add(socket)

    def listing(self, table: bytes) -> bytes:
        """The text of a file of /proc/net: a row for each open socket that stands there."""
        from kernel_stub.net.listing import HEADS

        sockets = sorted(self._sockets, key=lambda socket: int(socket.number))
        rows = [row for one in sockets if (row := one.row(table)) is not None]
        return HEADS[table] + b"".join(row.text(number) for number, row in enumerate(rows))

    # ---- abstract names

    def free_abstract_name(self) -> bytes:
        """A name that nobody has: five digits behind the NUL."""
        for _ in range(MOST_AUTOBOUND):
            self._autobound = (self._autobound + 1) % MOST_AUTOBOUND
            name = b"\0%05x" % self._autobound
            if name not in self.abstract:
                return name
        raise Errno(EADDRINUSE)

    # ---- ports

    def holders(self, protocol: int, port: int) -> list[PortHolder]:
        return self._ports.get((protocol, port), [])

    def take_port(self, socket: PortHolder, wanted: InetName) -> InetName:
        """Gives `socket` the port that it wants, or any. Raises Errno(EADDRINUSE)."""
        if wanted.port:
            if any(socket.clashes(other, wanted) for other in self._of(socket, wanted.port)):
                raise Errno(EADDRINUSE)
            return self._give(socket, wanted)
        for port in self._ephemeral():
            if not self._of(socket, port):
                return self._give(socket, InetName(wanted.host, port))
        raise Errno(EADDRNOTAVAIL)

    def _of(self, socket: PortHolder, port: int) -> list[PortHolder]:
        return self._ports.get((socket.protocol, port), [])

    def _ephemeral(self) -> Iterator[int]:
        for _ in range(FIRST_EPHEMERAL, LAST_EPHEMERAL + 1):
            yield self._next_port
            self._next_port += 1
            if self._next_port > LAST_EPHEMERAL:
                self._next_port = FIRST_EPHEMERAL

    def _give(self, socket: PortHolder, name: InetName) -> InetName:
        self.joins(socket, name)
        return name

    def joins(self, socket: PortHolder, name: InetName) -> None:
        """`socket` has the port of `name`, whoever else has it: it was accepted there."""
        self._ports.setdefault((socket.protocol, name.port), []).append(socket)

    def leaves(self, socket: PortHolder) -> None:
        """The port of `socket` is free for others."""
        if isinstance(socket.name, InetName):
            key = (socket.protocol, socket.name.port)
            left = [other for other in self._ports.get(key, []) if other is not socket]
            self._ports[key] = left
            if not left:
                del self._ports[key]

    # ---- files in flight

    def take_off(self, task: Caller, file: OpenFile) -> None:
        """`file` is in a message now. Raises Errno(ETOOMANYREFS)."""
        soft, _ = task.limits.get(RLIMIT_NOFILE, (DEFAULT_FLIGHTS, DEFAULT_FLIGHTS))
        if 0 <= soft < self._in_flight:
            raise Errno(ETOOMANYREFS)
        self._in_flight += 1
        hold(file)

    def landed(self, task: Caller, file: OpenFile) -> None:
        """`file` was received, or never will be."""
        self._in_flight -= 1
        drop(task, file)


def covers(bound: InetName, wanted: InetName, v6_only: bool) -> bool:
    """Whether who is bound to `bound` hears what is sent to `wanted`."""
    if bound.host == wanted.host:
        return True
    if not bound.is_any:
        return False
    return len(bound.host) == len(wanted.host) or (bound.host == ANY_6 and not v6_only)
