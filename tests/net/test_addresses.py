"""Socket addresses: what a struct sockaddr says, there and back."""

from __future__ import annotations

import socket
import struct
from typing import Final

import pytest

from kernel_stub.errno import EAFNOSUPPORT, EINVAL, Errno
from kernel_stub.net.addresses import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    ANY_4,
    ANY_6,
    LOOPBACK_4,
    LOOPBACK_6,
    InetName,
    UnixName,
    inet_name,
    packed,
    unix_name,
)

IN: Final = struct.pack("<H", AF_INET) + struct.pack(">H", 8080) + LOOPBACK_4 + bytes(8)
IN6: Final = struct.pack("<H", AF_INET6) + struct.pack(">HI", 80, 0) + LOOPBACK_6 + bytes(4)
UNIX: Final = struct.pack("<H", AF_UNIX)


@pytest.mark.parametrize(
    ("family", "data", "name"),
    [
        (AF_INET, IN, InetName(LOOPBACK_4, 8080)),
        (AF_INET6, IN6, InetName(LOOPBACK_6, 80)),
    ],
)
def test_an_internet_address_is_read_and_written_alike(
    family: int, data: bytes, name: InetName
) -> None:
    assert inet_name(data, family) == name
    assert packed(name, family) == data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"", UNIX),
        (b"/run/it", UNIX + b"/run/it\0"),
        (b"\0abstract\0too", UNIX + b"\0abstract\0too"),
    ],
)
def test_a_unix_name_is_read_and_written_alike(name: bytes, data: bytes) -> None:
    assert unix_name(data) == UnixName(name)
    assert packed(UnixName(name), AF_UNIX) == data


@pytest.mark.parametrize(
    ("family", "data", "error"),
    [
        (AF_INET, b"", EINVAL),
        (AF_INET, IN[:8], EINVAL),
        (AF_INET, IN6, EAFNOSUPPORT),
        (AF_INET6, IN, EINVAL),
        (AF_INET6, IN6[:20], EINVAL),
    ],
)
def test_what_is_too_short_or_of_another_family_is_refused(
    family: int, data: bytes, error: int
) -> None:
    with pytest.raises(Errno) as refused:
        inet_name(data, family)
    assert refused.value.number == error


@pytest.mark.parametrize("data", [b"\1", struct.pack("<H", AF_INET) + b"/x", UNIX + bytes(109)])
def test_a_bad_unix_name_is_refused(data: bytes) -> None:
    with pytest.raises(Errno) as refused:
        unix_name(data)
    assert refused.value.number == EINVAL


def test_ipv4_in_ipv6_is_one_address() -> None:
    mapped = InetName(socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1"), 7)
    assert mapped.plain() == InetName(LOOPBACK_4, 7)
    assert InetName(LOOPBACK_4, 7).shown_to(AF_INET6) == mapped
    assert InetName(ANY_4, 7).shown_to(AF_INET6) == InetName(ANY_6, 7)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        (LOOPBACK_4, True),
        (b"\x7f\7\7\7", True),
        (ANY_4, True),
        (LOOPBACK_6, True),
        (ANY_6, True),
        (b"\x0a\0\0\1", False),
        (b"\xff" * 4, False),
        (b"\x7f" + bytes(15), False),
    ],
)
def test_the_loopback_is_this_machine(host: bytes, is_here: bool) -> None:
    assert InetName(host, 1).is_loopback is is_here
