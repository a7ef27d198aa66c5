"""The packets that read and write registers and memory.

Registers travel in the layout's order, little-endian. Memory is read as far as it is there.
gdb's manual, "Packets": `g`, `G`, `p`, `P`, `m`, `M`, `x`, `X`.
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

from emu.gdb.codec import PACKET_SIZE, BadNumber, escape, from_hex, number, to_hex
from emu.gdb.registers import Register
from emu.gdb.session import FAULT, NONSENSE, OK, PacketError, Session
from emu.gdb.target import TargetRefusal


def _content(row: Register, value: int) -> bytes:
    return (value & (1 << row.bits) - 1).to_bytes(row.size, "little")


def _row(session: Session, text: bytes) -> Register:
    index = number(text)
    if index >= len(session.layout.rows):
        raise PacketError(NONSENSE)
    return session.layout.rows[index]


def _write(session: Session, row: Register, value: int) -> None:
    if session.registers()[row.name] == value:
        return
    session.forget()
    session.target.write_register(row.name, value)


def read_registers(session: Session, text: bytes) -> bytes:
    """`g`: all of them."""
    session.require_program()
    values = session.registers()
    return to_hex(b"".join(_content(row, values[row.name]) for row in session.layout.rows))


def write_registers(session: Session, text: bytes) -> bytes:
    """`G`: all of them; those that keep their value are not touched."""
    session.require_program()
    content = from_hex(text)
    if len(content) != session.layout.size:
        raise PacketError(NONSENSE)
    at = 0
    for row in session.layout.rows:
        _write(session, row, int.from_bytes(content[at : at + row.size], "little"))
        at += row.size
    return OK


def read_register(session: Session, text: bytes) -> bytes:
    """`p`: one."""
    session.require_program()
    row = _row(session, text)
    return to_hex(_content(row, session.registers()[row.name]))


def write_register(session: Session, text: bytes) -> bytes:
    """`P`: one."""
    session.require_program()
    which, _, digits = text.partition(b"=")
    row, content = _row(session, which), from_hex(digits)
    if len(content) != row.size:
        raise PacketError(NONSENSE)
    _write(session, row, int.from_bytes(content, "little"))
    return OK


def _range(text: bytes) -> tuple[int, int]:
    """ADDRESS,SIZE."""
    address, comma, size = text.partition(b",")
    if not comma:
        raise BadNumber(text)
    return number(address), number(size)


def _read(session: Session, text: bytes, most: int) -> bytes:
    session.require_program()
    address, size = _range(text)
    content = session.target.read(address, min(size, most))
    if size and not content:
        raise PacketError(FAULT)
    return content


def read_memory(session: Session, text: bytes) -> bytes:
    """`m`: in hexadecimal."""
    return to_hex(_read(session, text, PACKET_SIZE // 2))


def read_binary(session: Session, text: bytes) -> bytes:
    """`x`: as it is."""
    return b"b" + escape(_read(session, text, (PACKET_SIZE - 1) // 2))


def _write_memory(session: Session, head: bytes, content: bytes) -> bytes:
    session.require_program()
    address, size = _range(head)
    if size != len(content):
        raise PacketError(NONSENSE)
    session.forget()
    try:
        session.target.write(address, content)
    except TargetRefusal:
        raise PacketError(FAULT) from None
    return OK


def write_memory(session: Session, text: bytes) -> bytes:
    """`M`: from hexadecimal."""
    head, colon, digits = text.partition(b":")
    if not colon:
        raise PacketError(NONSENSE)
    return _write_memory(session, head, from_hex(digits))


def write_binary(session: Session, text: bytes) -> bytes:
    """`X`: as it is."""
    head, colon, content = text.partition(b":")
    if not colon:
        raise PacketError(NONSENSE)
    return _write_memory(session, head, content)
