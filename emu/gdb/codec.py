"""Bytes on the wire to packets and back: framing, checksums, escapes, runs, acknowledgements.

It is total: whatever comes in, each byte becomes part of a packet, is reported as damage, or is
dropped, and no more than one packet is ever kept. It does not know what a packet means.
gdb's manual, "Remote Serial Protocol": "Overview"; "Notification Packets"; "Interrupts".
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, NamedTuple

PACKET_SIZE: Final = 0x4000  # bytes between `$` and `#`, both ways
INTERRUPT_BYTE: Final = 0x03

_OPEN, _CLOSE, _ESCAPE = b"$", b"#", 0x7D
_ESCAPED: Final = re.compile(rb"[#$}*]")
_RUN: Final = re.compile(rb"(.)\1{3,96}", re.DOTALL)
_UNUSABLE_COUNTS: Final = (ord("#"), ord("$"), ord("+"), ord("-"))
_RUN_BASE: Final = 29  # what is added to a count to make it a printable character
_HEX: Final = re.compile(rb"[0-9a-fA-F]+")
_SINGLES: Final = re.compile(rb"[+\-\x03$]")


class Kind(Enum):
    """What a piece of the stream is."""

    PACKET = auto()
    ACK = auto()
    NACK = auto()
    INTERRUPT = auto()
    DAMAGED = auto()  # a packet whose checksum is wrong, or that is too long


class Received(NamedTuple):
    """One piece of the stream. Only a packet has a payload, unescaped."""

    kind: Kind
    payload: bytes = b""


_BY_BYTE: Final = {
    ord("+"): Received(Kind.ACK),
    ord("-"): Received(Kind.NACK),
    INTERRUPT_BYTE: Received(Kind.INTERRUPT),
}


class BadNumber(ValueError):
    """What should be a hexadecimal number, or bytes in hexadecimal, is none."""


class Decoder:
    """The stream from a client, cut into pieces."""

    def __init__(self) -> None:
        self._pending = b""  # starts with `$`, or is empty

    def feed(self, received: bytes) -> list[Received]:
        """The pieces that `received` completes."""
        pieces: list[Received] = []
        stream = self._pending + received
        at = 0
        while True:
            found = _SINGLES.search(stream, at)
            if found is None:
                self._pending = b""
                return pieces
            at = found.end()
            single = _BY_BYTE.get(stream[found.start()])
            if single is not None:
                pieces.append(single)
                continue
            end = self._packet(stream, found.start(), pieces)
            if end is None:
                self._pending = stream[found.start() :]
                return pieces
            at = end

    def _packet(self, stream: bytes, start: int, pieces: list[Received]) -> int | None:
        """The packet at `start` goes to `pieces`: where it ends; None if more is to come."""
        close = stream.find(_CLOSE, start + 1)
        length = (close if close >= 0 else len(stream)) - start - 1
        again = stream.find(_OPEN, start + 1, start + 1 + length)
        if again >= 0:  # a new packet begins inside: the client gave the first one up
            pieces.append(Received(Kind.DAMAGED))
            return again
        if length > PACKET_SIZE:
            pieces.append(Received(Kind.DAMAGED))
            return start + 1 + length
        if close < 0 or len(stream) < close + 3:
            return None
        body, checksum = stream[start + 1 : close], stream[close + 1 : close + 3]
        if _HEX.fullmatch(checksum) and int(checksum, 16) == sum(body) & 0xFF:
            pieces.append(Received(Kind.PACKET, unescape(body)))
        else:
            pieces.append(Received(Kind.DAMAGED))
        return close + 3


def frame(body: bytes) -> bytes:
    """`body`, whose binary parts are escaped, as a packet on the wire; long runs are shortened."""
    body = shorten(body)
    return b"$%b#%02x" % (body, sum(body) & 0xFF)


def escape(content: bytes) -> bytes:
    """Binary `content` as it stands in a packet."""
    return _ESCAPED.sub(lambda found: bytes((_ESCAPE, found[0][0] ^ 0x20)), content)


def unescape(body: bytes) -> bytes:
    """The content of a packet's body. An escape that nothing follows stands for nothing."""
    if _ESCAPE not in body:
        return body
    head, *rest = body.split(b"}")
    pieces = [head]
    rest.reverse()
    while rest:
        part = rest.pop()
        if not part and rest:  # `}}`: the second is what is escaped
            pieces.append(bytes((_ESCAPE ^ 0x20,)))
            part = rest.pop()
            pieces.append(part)
        elif part:
            pieces.append(bytes((part[0] ^ 0x20,)) + part[1:])
    return b"".join(pieces)


def shorten(body: bytes) -> bytes:
    """`body` with runs of four equal bytes and more as a byte, `*` and a count."""
    return _RUN.sub(_run, body)


def _run(found: re.Match[bytes]) -> bytes:
    whole, byte = found[0], found[1]
    count = len(whole) - 1
    if byte in b"}*":
        return whole
    while count + _RUN_BASE in _UNUSABLE_COUNTS:
        count -= 1
    return b"%b*%c%b" % (byte, count + _RUN_BASE, byte * (len(whole) - 1 - count))


def expand(body: bytes) -> bytes:
    """The reverse of `shorten`, as a client does it. A run of nothing is left as it is."""
    return re.sub(rb"(.)\*([ -~])", lambda f: f[1] * (f[2][0] - _RUN_BASE + 1), body, flags=re.S)


def number(text: bytes) -> int:
    """A hexadecimal number, at most 64 bits. Raises BadNumber."""
    if not _HEX.fullmatch(text) or len(text.lstrip(b"0")) > 16:
        raise BadNumber(text)
    return int(text, 16)


def from_hex(text: bytes) -> bytes:
    """Bytes in hexadecimal. Raises BadNumber."""
    if len(text) % 2 or (text and not _HEX.fullmatch(text)):
        raise BadNumber(text)
    return bytes.fromhex(text.decode("ascii"))


def to_hex(content: bytes) -> bytes:
    """Bytes as hexadecimal digits."""
    return content.hex().encode("ascii")
