"""The urgent byte of a TCP stream: one at a time, outside of the bytes, with a mark among them.

tcp(7): "MSG_OOB", "SIOCATMARK"; recv(2).
"""

from __future__ import annotations


class Urgent:
    """A byte that was sent with MSG_OOB. `ahead`: bytes that come before its mark."""

    def __init__(self, byte: bytes, ahead: int) -> None:
        self.ahead = ahead
        self._byte = byte

    @property
    def is_there(self) -> bool:
        """Whether nobody has read it."""
        return bool(self._byte)

    def take(self, *, keep: bool) -> bytes:
        """The byte; `keep` leaves it there. Empty, if it was read."""
        byte = self._byte
        self._byte = byte if keep else b""
        return byte

    def passes(self, size: int) -> None:
        """So many bytes before the mark were read."""
        self.ahead -= size
