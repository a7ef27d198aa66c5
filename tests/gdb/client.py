"""A small client of the remote protocol, for tests: it sends packets and reads replies.

It knows framing as a client does it, by the codec's own reverse functions; what packets mean it
does not know.
"""

from __future__ import annotations

import socket
from types import TracebackType

from emu.gdb.codec import escape, expand, unescape


class NoReply(Exception):
    """The server closed the connection, or sent what is no packet."""


class Client:
    """A connection to 127.0.0.1:`port`."""

    def __init__(self, port: int, patience: float = 60.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.acknowledges = True
        self.console = b""
        self._pending = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.socket.close()

    def raw(self, content: bytes) -> None:
        self.socket.sendall(content)

    def byte(self) -> bytes:
        """The next byte; raises NoReply at the end."""
        while not self._pending:
            try:
                self._pending = self.socket.recv(1 << 16)
            except ConnectionError:
                raise NoReply("the connection broke") from None
            if not self._pending:
                raise NoReply("the server closed the connection")
        first, self._pending = self._pending[:1], self._pending[1:]
        return first

    def send(self, payload: bytes) -> None:
        body = escape(payload).replace(b"}\x0a", b"*")  # a client escapes no `*`
        self.raw(b"$%b#%02x" % (body, sum(body) & 0xFF))

    def reply(self) -> bytes:
        """The next packet's content; acknowledgements in front of it are skipped."""
        while (byte := self.byte()) != b"$":
            if byte not in b"+-":
                raise NoReply(f"{byte!r} outside of a packet")
        body = b""
        while (byte := self.byte()) != b"#":
            body += byte
        checksum = int(self.byte() + self.byte(), 16)
        if checksum != sum(body) & 0xFF:
            raise NoReply(f"a wrong checksum for {body!r}")
        if self.acknowledges:
            self.raw(b"+")
        return unescape(expand(body))

    def ask(self, payload: bytes) -> bytes:
        """The reply to `payload`; text for the user, which comes before, goes to `console`."""
        self.send(payload)
        while (reply := self.reply())[:1] == b"O" and reply != b"OK":
            self.console += bytes.fromhex(reply[1:].decode())
        return reply
