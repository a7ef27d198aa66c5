"""What was sent and not yet received: bytes or records, and what travels beside them.

It wakes nobody and blocks nobody. unix(7): "Ancillary messages"; recv(2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from kernel_stub.net.addresses import Address
from kernel_stub.vfs.inode import OpenFile


class Credentials(NamedTuple):
    """Who sent something; SCM_CREDENTIALS."""

    pid: int
    uid: int
    gid: int


class Chunk:
    """What one send brought. `source`: the sender's address; `rights`: files in flight."""

    __slots__ = ("data", "rights", "sender", "source")

    def __init__(
        self,
        data: bytes,
        sender: Credentials,
        source: Address | None = None,
        rights: Sequence[OpenFile] = (),
    ) -> None:
        self.data = data
        self.sender = sender
        self.source = source
        self.rights = tuple(rights)


class Queue:
    """Chunks in the order of their sending; `size` is in bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.wanted = 0  # a reader waits for so many bytes: they must find room
        self.size = 0
        self._chunks: deque[Chunk] = deque()

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def room(self) -> int:
        return max(max(self.capacity, self.wanted) - self.size, 0)

    @property
    def first(self) -> Chunk:
        return self._chunks[0]

    def add(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self.size += len(chunk.data)

    def take(self, *, keep: bool) -> Chunk:
        """The first chunk as a whole; `keep` leaves it there."""
        if keep:
            return self._chunks[0]
        chunk = self._chunks.popleft()
        self.size -= len(chunk.data)
        return chunk

    def take_bytes(self, size: int, *, keep: bool, by_sender: bool) -> Chunk:
        """At most `size` bytes, as far as one chunk's rights (and, if asked, sender) go."""
        first = self._chunks[0]
        pieces, used, rights = [], 0, first.rights
        for index, chunk in enumerate(self._chunks):
            changes = rights or chunk.rights or (by_sender and chunk.sender != first.sender)
            if used == size or (index and changes):
                break
            piece = chunk.data[: size - used]
            pieces.append(piece)
            used += len(piece)
        if not keep:
            self._drop(used)
        return Chunk(b"".join(pieces), first.sender, first.source, rights)

    def _drop(self, size: int) -> None:
        self.size -= size
        self._chunks[0].rights = ()
        while size or (self._chunks and not self._chunks[0].data):
            chunk = self._chunks[0]
            if len(chunk.data) > size:
                chunk.data = chunk.data[size:]
                return
            size -= len(chunk.data)
            self._chunks.popleft()

    def unread(self, chunk: Chunk) -> None:
        """Bytes that were taken come back: the program's buffer did not exist."""
        self._chunks.appendleft(chunk)
        self.size += len(chunk.data)

    def clear(self) -> list[OpenFile]:
        """Forgets everything; returns the files that were in flight."""
        rights = [file for chunk in self._chunks for file in chunk.rights]
        self._chunks.clear()
        self.size = 0
        return rights
