"""The packets that read a document in pieces, and files as the program sees them.

A document is made when its first byte is asked for, and kept until its end was read. Files can
only be read. File descriptors are the client's, few, and end with it.
gdb's manual, "General Query Packets": `qXfer`; "Host I/O Packets"; "File-I/O Remote Protocol
Extension": `struct stat`.
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from emu.gdb.codec import PACKET_SIZE, escape, from_hex, number
from emu.gdb.description import memory_map, target_xml
from emu.gdb.session import NONSENSE, PacketError, Session

_CHUNK: Final = (PACKET_SIZE - 64) // 2  # every byte may need an escape
_MOST_FILES: Final = 16

# File-I/O's numbers of errors, which are those of Linux. gdb's manual, "Errno Values".
ENOENT, EBADF, EACCES, EINVAL, EMFILE, EROFS, ENOSYS = 2, 9, 13, 22, 24, 30, 88
_KNOWN_ERRORS: Final = (1, ENOENT, 4, EBADF, EACCES, 14, 16, 17, 19, 20, 21, EINVAL, 23, EMFILE)
_UNKNOWN_ERROR: Final = 9999
_STAT: Final = struct.Struct(">7I3Q3I")
_REGULAR_READABLE: Final = 0o100444


# ---- documents


def _libraries(session: Session) -> bytes:
    rows = []
    main = ""
    for library in session.target.libraries():
        if not library.name:  # the program itself
            main = f' main-lm="{library.link_map:#x}"'
            continue
        rows.append(
            f'<library name={quoteattr(library.name)} lm="{library.link_map:#x}"'
            f' l_addr="{library.bias:#x}" l_ld="{library.dynamic:#x}" lmid="0x0"/>'
        )
    text = f'<library-list-svr4 version="1.0"{main}>{"".join(rows)}</library-list-svr4>'
    return text.encode("utf-8", "surrogateescape")


def _description(session: Session) -> bytes:
    return target_xml(session.layout)


# What a client may read: the object's name in qXfer, the annex that it must name, who makes it.
DOCUMENTS: Final[Mapping[bytes, tuple[bytes | None, Callable[[Session], bytes]]]] = {
    b"features": (b"target.xml", _description),
    b"auxv": (b"", lambda session: session.target.auxiliary_vector()),
    b"exec-file": (None, lambda session: session.target.executable()),
    b"memory-map": (b"", lambda session: memory_map(session.target.bits)),
    b"libraries-svr4": (None, _libraries),
}


def document(session: Session, text: bytes) -> bytes:
    """`qXfer:OBJECT:read:ANNEX:OFFSET,SIZE`."""
    parts = text.split(b":")
    if len(parts) != 4 or parts[1] != b"read" or parts[0] not in DOCUMENTS:
        return b""
    name, _, annex, where = parts
    wanted, make = DOCUMENTS[name]
    if wanted is not None and annex != wanted:
        return b"E00"
    first, comma, size = where.partition(b",")
    if not comma:
        raise PacketError(NONSENSE)
    offset, length = number(first), min(number(size), _CHUNK)
    if offset == 0 or name not in session.documents:
        session.require_program()
        session.documents[name] = make(session)
    whole = session.documents[name]
    piece = escape(whole[offset : offset + length])
    if offset + length >= len(whole):
        del session.documents[name]
        return b"l" + piece
    return b"m" + piece


# ---- files


def _failed(error: int) -> bytes:
    return b"F-1,%x" % (error if error in (*_KNOWN_ERRORS, EROFS) else _UNKNOWN_ERROR)


def choose_file_system(session: Session, text: bytes) -> bytes:
    """`vFile:setfs:PID`: there is one file system."""
    number(text)
    return b"F0"


def open_file(session: Session, text: bytes) -> bytes:
    """`vFile:open:NAME,FLAGS,MODE`: reading only."""
    parts = text.split(b",")
    if len(parts) != 3:
        raise PacketError(NONSENSE)
    path, flags = from_hex(parts[0]), number(parts[1])
    number(parts[2])
    if flags:
        return _failed(EROFS)
    free = [fd for fd in range(3, 3 + _MOST_FILES) if fd not in session.files]
    if not free:
        return _failed(EMFILE)
    try:
        session.files[free[0]] = session.target.read_file(path)
    except OSError as error:
        return _failed(error.errno or _UNKNOWN_ERROR)
    return b"F%x" % free[0]


def _opened(session: Session, text: bytes) -> bytes | None:
    return session.files.get(number(text))


def read_file(session: Session, text: bytes) -> bytes:
    """`vFile:pread:FD,COUNT,OFFSET`."""
    parts = text.split(b",")
    if len(parts) != 3:
        raise PacketError(NONSENSE)
    content = _opened(session, parts[0])
    count, offset = number(parts[1]), number(parts[2])
    if content is None:
        return _failed(EBADF)
    piece = content[offset : offset + min(count, _CHUNK)]
    return b"F%x;" % len(piece) + escape(piece)


def close_file(session: Session, text: bytes) -> bytes:
    """`vFile:close:FD`."""
    return _failed(EBADF) if session.files.pop(number(text), None) is None else b"F0"


def file_status(session: Session, text: bytes) -> bytes:
    """`vFile:fstat:FD`: a regular file of its size; other facts of it are not told."""
    content = _opened(session, text)
    if content is None:
        return _failed(EBADF)
    size, blocks = len(content), (len(content) + 511) // 512
    status = _STAT.pack(0, 0, _REGULAR_READABLE, 1, 0, 0, 0, size, 512, blocks, 0, 0, 0)
    return b"F%x;" % len(status) + escape(status)


def read_link(session: Session, text: bytes) -> bytes:
    """`vFile:readlink:NAME`."""
    try:
        target = session.target.read_link(from_hex(text))
    except OSError as error:
        return _failed(error.errno or _UNKNOWN_ERROR)
    return b"F%x;" % len(target) + escape(target)


def refuse_writing(session: Session, text: bytes) -> bytes:
    """`vFile:pwrite` and `vFile:unlink`: nothing is written for a client."""
    return _failed(EROFS)
