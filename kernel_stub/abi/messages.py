"""Structures of sendmsg(2) and recvmsg(2), in both ABIs: messages, and what travels beside them.

Layouts only, keyed by the ABI's word size. sys/socket.h; cmsg(3), unix(7): "Ancillary messages".
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

SOL_SOCKET: Final = 1
SCM_RIGHTS, SCM_CREDENTIALS = 1, 2
# struct msghdr: name, namelen, iov, iovlen, control, controllen, flags.
MSGHDR: Final = {8: Struct("<QI4xQQQQI4x"), 4: Struct("<7I")}
# struct mmsghdr: the same, and how much was received.
MMSGHDR_SIZE: Final = {8: 64, 4: 32}
# struct cmsghdr: len, level, type.
CMSGHDR: Final = {8: Struct("<Qii"), 4: Struct("<Iii")}


class Header(NamedTuple):
    """A struct msghdr."""

    name: int
    name_size: int
    vectors: int
    vector_count: int
    control: int
    control_size: int
    flags: int


class Control(NamedTuple):
    """One control message."""

    level: int
    sort: int
    data: bytes


def aligned(size: int, word: int) -> int:
    """CMSG_ALIGN."""
    return -(-size // word) * word
