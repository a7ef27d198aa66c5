"""Socket addresses: what a struct sockaddr says, and how it is written.

Facts of the three families that exist here. unix(7), ip(7), ipv6(7): "Address format".
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from kernel_stub.errno import EAFNOSUPPORT, EINVAL, Errno

AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 0, 1, 2, 10, 16
LONGEST_SOCKADDR: Final = 128
LONGEST_PATH: Final = 108
_FAMILY: Final = Struct("<H")
_IN: Final = Struct(">H4s8x")  # behind the family, in the order of the network
_IN6: Final = Struct(">HI16s")
_SCOPE: Final = Struct("<I")
IN_SIZE, IN6_SIZE, IN6_LEAST = 16, 28, 24
MAPPED: Final = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, an IPv4 address in IPv6
ANY_4, ANY_6 = bytes(4), bytes(16)
LOOPBACK_4, LOOPBACK_6 = b"\x7f\0\0\1", bytes(15) + b"\1"


class UnixName(NamedTuple):
    """A name of AF_UNIX: a path, an abstract name behind a NUL, or nothing."""

    name: bytes = b""


class InetName(NamedTuple):
    """A host of four bytes (IPv4) or sixteen (IPv6), and a port."""

    host: bytes
    port: int

    @property
    def is_any(self) -> bool:
        return not any(self.host)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine; to connect to "any" means that too."""
        return self.is_any or self.host[:1] == b"\x7f" * (len(self.host) == 4) or self.is_own_6

    @property
    def is_own_6(self) -> bool:
        return self.host == LOOPBACK_6

    def plain(self) -> InetName:
        """An IPv4 address that was written as IPv6, as IPv4."""
        return InetName(self.host[12:], self.port) if self.host[:12] == MAPPED else self

    def shown_to(self, family: int) -> InetName:
        """As a socket of `family` tells it."""
        if family == AF_INET6 and len(self.host) == len(ANY_4):
            return InetName(ANY_6 if self.is_any else MAPPED + self.host, self.port)
        return self


Address = UnixName | InetName


def family_of(data: bytes) -> int:
    """sa_family. Raises Errno(EINVAL): not even that is there."""
    if len(data) < _FAMILY.size:
        raise Errno(EINVAL)
    family: int = _FAMILY.unpack_from(data)[0]
    return family


def unix_name(data: bytes) -> UnixName:
    """The name in a struct sockaddr_un; a path ends with its NUL. Raises Errno(EINVAL)."""
    if len(data) > _FAMILY.size + LONGEST_PATH or family_of(data) != AF_UNIX:
        raise Errno(EINVAL)
    name = data[_FAMILY.size :]
    return UnixName(name if name[:1] == b"\0" else name.split(b"\0")[0])


def inet_name(data: bytes, family: int) -> InetName:
    """The address in a struct sockaddr_in or sockaddr_in6. Raises Errno."""
    found = family_of(data)
    if len(data) < (IN_SIZE if family == AF_INET else IN6_LEAST):
        raise Errno(EINVAL)
    if found != family:
        raise Errno(EAFNOSUPPORT)
    if family == AF_INET:
        port, host = _IN.unpack_from(data, _FAMILY.size)
        return InetName(host, port)
    port, _, host = _IN6.unpack_from(data, _FAMILY.size)
    return InetName(host, port)


def packed(address: Address, family: int) -> bytes:
    """`address` as the struct sockaddr of a socket of `family`."""
    head = _FAMILY.pack(family)
    if isinstance(address, UnixName):
        is_path = address.name[:1] not in (b"", b"\0")
        return head + address.name + b"\0" * is_path
    shown = address.shown_to(family)
    if family == AF_INET:
        return head + _IN.pack(shown.port, shown.host)
    return head + _IN6.pack(shown.port, 0, shown.host) + _SCOPE.pack(0)
