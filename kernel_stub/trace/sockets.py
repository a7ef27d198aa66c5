"""Sockets as strace writes them: addresses, options, messages and what travels beside them.

unix(7), ip(7), ipv6(7), socket(7), recvmsg(2), cmsg(3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

from kernel_stub.abi.messages import (
    CMSGHDR,
    MMSGHDR_SIZE,
    MSGHDR,
    SCM_CREDENTIALS,
    SCM_RIGHTS,
    SOL_SOCKET,
    Header,
    aligned,
)
from kernel_stub.errno import NAMES
from kernel_stub.net.addresses import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IN6_LEAST,
    IN_SIZE,
    InetName,
    inet_name,
)
from kernel_stub.net.options import CREDENTIALS, LEVELS, TIMEVAL, TWO_INTS
from kernel_stub.trace import names, talk_names, text
from kernel_stub.trace.kinds import Called, Kind, Later, descriptor, flags, one_of, signed

_MOST_SHOWN: Final = 32
_TITLED: Final = {
    (level, number): row.title for level, rows in LEVELS.items() for number, row in rows.items()
}


def _int(c: Called, address: int) -> int:
    return signed(int.from_bytes(c.read(address, 4), "little"))


# ---- addresses


def address(data: bytes) -> str:
    """A struct sockaddr."""
    family = int.from_bytes(data[:2], "little")
    head = f"{{sa_family={text.one_of(family, names.FAMILY, 'AF_')}"
    if family == AF_UNIX:
        return head + _unix(data[2:]) + "}"
    if family == AF_INET and len(data) >= IN_SIZE:
        name = inet_name(data, AF_INET)
        return f'{head}, sin_port=htons({name.port}), sin_addr=inet_addr("{_host(name)}")}}'
    if family == AF_INET6 and len(data) >= IN6_LEAST:
        name = inet_name(data, AF_INET6)
        shown = f'inet_pton(AF_INET6, "{_host(name)}", &sin6_addr), sin6_scope_id=0}}'
        return f"{head}, sin6_port=htons({name.port}), sin6_flowinfo=htonl(0), {shown}"
    return f"{head}, sa_data={text.quoted(data[2:])}}}"


def _host(name: InetName) -> str:
    host = ipaddress.ip_address(name.host)
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped else str(host)


def _unix(name: bytes) -> str:
    if not name:
        return ""
    if name[:1] == b"\0":
        return f", sun_path=@{text.quoted(name[1:])}"
    return f", sun_path={text.quoted(name.split(chr(0).encode())[0])}"


def _address_in(c: Called, i: int) -> str:
    size = c.values[i + 1]
    return address(c.read(c.values[i], size)) if 2 <= size <= 128 else text.address(c.values[i])


def _address_out(c: Called, i: int) -> str:
    """What the kernel stored, as far as there was room; the size stands behind it."""
    told = _int(c, c.values[i + 1])
    room = min(told, c.noted.get(i + 1, told))
    return address(c.read(c.values[i], room)) if room >= 2 else text.address(c.values[i])


def _size_before(c: Called, i: int) -> str:
    c.noted[i] = _int(c, c.values[i])
    raise Later


def _size_after(c: Called, i: int) -> str:
    before, after = c.noted.get(i), _int(c, c.values[i])
    return f"[{after}]" if before in (None, after) else f"[{before} => {after}]"


# ---- options


def _level(c: Called, i: int) -> str:
    return text.one_of(signed(c.values[i]), talk_names.SOCKET_LEVEL, "SOL_")


def _option(c: Called, i: int) -> str:
    value = signed(c.values[i])
    return _TITLED.get((c.values[i - 1], value)) or f"{value:#x} /* SO_??? */"


def _option_value(c: Called, i: int, size: int, *, is_read: bool) -> str:
    title = _TITLED.get((c.values[1], c.values[2]), "")
    data = c.read(c.values[i], size)
    if title == "SO_LINGER" and size >= TWO_INTS.size:
        return "{{l_onoff={}, l_linger={}}}".format(*TWO_INTS.unpack_from(data))
    if title == "SO_PEERCRED" and size >= CREDENTIALS.size:
        return _credentials(data)
    if title.endswith("TIMEO") and size >= TIMEVAL[c.task.abi.word].size:
        seconds, micros = TIMEVAL[c.task.abi.word].unpack_from(data)
        return f"{{tv_sec={seconds}, tv_usec={micros}}}"
    if size < 4:
        return text.address(c.values[i])
    value = signed(int.from_bytes(data[:4], "little"))
    if title == "SO_ERROR" and is_read and value:
        return f"[{NAMES.get(value, value)}]"
    return f"[{value}]"


def _option_in(c: Called, i: int) -> str:
    if _TITLED.get((c.values[1], c.values[2])) == "SO_LINGER" and c.values[4] < TWO_INTS.size:
        return text.address(c.values[i])
    return _option_value(c, i, c.values[4], is_read=False)


def _option_out(c: Called, i: int) -> str:
    return _option_value(c, i, _int(c, c.values[4]), is_read=True)


def _credentials(data: bytes) -> str:
    return "{{pid={}, uid={}, gid={}}}".format(*CREDENTIALS.unpack_from(data))


def _protocol(c: Called, i: int) -> str:
    if c.values[0] not in (AF_INET, AF_INET6):
        return str(signed(c.values[i]))
    return text.one_of(signed(c.values[i]), talk_names.PROTOCOL, "IPPROTO_")


# ---- messages


def _vector(c: Called, at: int, count: int, limit: int) -> str:
    """An array of struct iovec; `limit`: how many of the bytes mean something."""
    word, pieces = c.task.abi.word, []
    for n in range(min(count, _MOST_SHOWN)):
        base, size = c.word(at + 2 * word * n), c.word(at + word * (2 * n + 1))
        used = min(size, limit)
        data = c.read(base, min(used, c.limit + 1)) if used else b""
        shown = text.quoted(data, c.limit, used > c.limit)
        pieces.append(f"{{iov_base={shown}, iov_len={size}}}")
        limit -= used
    return "[" + ", ".join(pieces) + "]"


def _header(c: Called, at: int, size: int) -> str:
    """A struct msghdr whose vectors hold `size` bytes."""
    head = Header(*c.task.memory.unpack(MSGHDR[c.task.abi.word], at))
    name = "NULL"
    if head.name:
        known = head.name_size if 2 <= head.name_size <= 128 else 0
        name = address(c.read(head.name, known)) if known else text.address(head.name)
    parts = [f"msg_name={name}", f"msg_namelen={head.name_size}"]
    parts.append(f"msg_iov={_vector(c, head.vectors, head.vector_count, size)}")
    parts.append(f"msg_iovlen={head.vector_count}")
    if head.control and head.control_size:
        parts.append(f"msg_control={_control(c, head)}")
    parts.append(f"msg_controllen={head.control_size}")
    parts.append(f"msg_flags={text.bits(head.flags, talk_names.MESSAGE)}")
    return "{" + ", ".join(parts) + "}"


def _control(c: Called, head: Header) -> str:
    layout, rows, at = CMSGHDR[c.task.abi.word], [], 0
    content = c.read(head.control, min(head.control_size, 4096))
    while at + layout.size <= len(content):
        size, level, sort = layout.unpack_from(content, at)
        data = content[at + layout.size : at + size]
        rows.append(_control_message(c, size, level, sort, data))
        if size < layout.size:
            break
        at += aligned(size, c.task.abi.word)
    return "[" + ", ".join(rows) + "]"


def _control_message(c: Called, size: int, level: int, sort: int, data: bytes) -> str:
    shown = text.quoted(data)
    if level == SOL_SOCKET and sort == SCM_RIGHTS:
        numbers = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
        shown = "[" + ", ".join(descriptor(c, number) for number in numbers) + "]"
    elif level == SOL_SOCKET and sort == SCM_CREDENTIALS and len(data) >= CREDENTIALS.size:
        shown = _credentials(data)
    kind = text.one_of(sort, talk_names.CONTROL, "SCM_") if level == SOL_SOCKET else f"{sort:#x}"
    where = text.one_of(level, talk_names.SOCKET_LEVEL, "SOL_")
    return f"{{cmsg_len={size}, cmsg_level={where}, cmsg_type={kind}, cmsg_data={shown}}}"


def _message_in(c: Called, i: int) -> str:
    return _header(c, c.values[i], 1 << 32)


def _message_out(c: Called, i: int) -> str:
    return _header(c, c.values[i], c.result)


def _messages(c: Called, i: int) -> str:
    """An array of struct mmsghdr, as many as the result says."""
    step, word, rows = MMSGHDR_SIZE[c.task.abi.word], c.task.abi.word, []
    for n in range(min(c.result, _MOST_SHOWN)):
        at = c.values[i] + step * n
        size = _int(c, at + MSGHDR[word].size)
        rows.append(f"{{msg_hdr={_header(c, at, size)}, msg_len={size}}}")
    return "[" + ", ".join(rows) + "]"


def _received(c: Called, i: int) -> str:
    """Bytes that came: no more than there was room for, however long the message was."""
    size = min(c.result, c.values[i + 1])
    data = c.read(c.values[i], min(size, c.limit + 1))
    return text.quoted(data, c.limit, is_cut=size > c.limit)


# ---- offsets of splice(2) and sendfile(2)


def _offset(c: Called, i: int) -> str:
    wide = c.name != "sendfile" or c.task.abi.word == 8
    value = int.from_bytes(c.read(c.values[i], 8 if wide else 4), "little")
    return f"[{signed(value, 64 if wide else 32)}]"


def _offset_before(c: Called, i: int) -> str:
    shown = _offset(c, i)
    c.shown[i] = shown
    raise Later


def _offset_after(c: Called, i: int) -> str:
    before, after = c.shown[i], _offset(c, i)
    return before if before == after else f"{before} => {after}"


INPUTS: Final[Mapping[str, Kind]] = {
    "sockaddr_in": _address_in,
    "socklen": _size_before,
    "socket_option": _option,
    "socket_level": _level,
    "socket_option_in": _option_in,
    "socket_protocol": _protocol,
    "message_in": _message_in,
    "offset_in": _offset,
    "offset": _offset_before,
    "shutdown_how": one_of(talk_names.SHUTDOWN, "SHUT_"),
    "message_flags": flags(talk_names.MESSAGE),
    "accept_flags": flags(names.SOCKET),
    "splice_flags": flags(talk_names.SPLICE),
}
OUTPUTS: Final[Mapping[str, Kind]] = {
    "sockaddr": _address_out,
    "socklen": _size_after,
    "socket_option_out": _option_out,
    "message": _message_out,
    "messages": _messages,
    "received": _received,
    "offset": _offset_after,
}
