"""The rows of /proc/net/unix, tcp and udp. It knows their columns, not where the values come from.

proc(5): /proc/net/tcp, /proc/net/udp, /proc/net/unix.
"""

from __future__ import annotations

from struct import iter_unpack
from typing import Final, NamedTuple

from kernel_stub.net.addresses import InetName, UnixName

_UDP: Final = b"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
_REST: Final = b"   uid  timeout inode ref pointer drops"
_TCP6: Final = b"  sl  local_address                         remote_address                        "
_MIDDLE: Final = b"st tx_queue rx_queue tr tm->when retrnsmt"
# The first line of each file; there are no raw sockets, but whoever lists sockets asks for them.
HEADS: Final = {
    b"unix": b"Num       RefCount Protocol Flags    Type St Inode Path\n",
    b"tcp": b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
    b"   uid  timeout inode".ljust(149)
    + b"\n",
    b"tcp6": _TCP6 + _MIDDLE + b"   uid  timeout inode\n",
    b"udp": (_UDP + _REST).ljust(127) + b"\n",
    b"udp6": _TCP6 + _MIDDLE + _REST + b"\n",
    b"raw": (_UDP + _REST).ljust(127) + b"\n",
    b"raw6": _TCP6 + _MIDDLE + _REST + b"\n",
}
ESTABLISHED, CLOSED, LISTENING = 0x01, 0x07, 0x0A
UNCONNECTED, CONNECTED = 1, 3
_ACCEPTS: Final = 0x10000


class UnixRow(NamedTuple):
    """A socket of AF_UNIX."""

    sort: int
    is_listening: bool
    is_connected: bool
    inode: int
    name: UnixName | None

    def text(self, _number: int) -> bytes:
        state = CONNECTED if self.is_connected else UNCONNECTED
        numbers = (2 + self.is_connected, 0, _ACCEPTS * self.is_listening, self.sort, state)
        row = b"0000000000000000: %08X %08X %08X %04X %02X %5d" % (*numbers, self.inode)
        name = self.name.name if self.name is not None else b""
        return row + b" " * bool(name) + name.replace(b"\0", b"@") + b"\n"


class InetRow(NamedTuple):
    """A socket of TCP or UDP. `waiting`: bytes that nobody has read."""

    local: InetName
    remote: InetName
    state: int
    waiting: int
    uid: int
    inode: int
    is_datagram: bool

    def text(self, number: int) -> bytes:
        ends = (_shown(self.local), _shown(self.remote))
        row = b"%4d: %s %s %02X 00000000:%08X" % (number, *ends, self.state, self.waiting)
        row += b" 00:00000000 00000000 %5d        0 %d" % (self.uid, self.inode)
        if self.is_datagram:
            return (b" " + row + b" 2 0000000000000000 0").ljust(127) + b"\n"
        return (row + b" 1 0000000000000000 100 0 0 10 0").ljust(149) + b"\n"


def _shown(name: InetName) -> bytes:
    """Words of the host's byte order, as Linux prints them."""
    words = b"".join(b"%08X" % word for (word,) in iter_unpack("<I", name.host))
    return words + b":%04X" % name.port
