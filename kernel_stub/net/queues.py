"""What was sent and not yet received: bytes or records, and what travels beside them.

It wakes nobody and blocks nobody. unix(7): "Ancillary messages"; recv(2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from kernel_stub.net.addresses import Address
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.storage import LEAST_BUFFER, Buffers


class Credentials(NamedTuple):
    """Who sent something; SCM_CREDENTIALS."""

    pid: int
    uid: int
    gid: int


class Chunk:
    """What one send brought. `source`: the sender's address; `rights`: files in flight."""

    __slots__ = ("cost", "data", "rights", "sender", "source")

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
        self.cost = 0  # of the queue that holds it

    def can_grow_by(self, other: Chunk) -> bool:
        """Whether the bytes of `other` may be told as this one's."""
        if self.rights or other.rights or len(self.data) > LEAST_BUFFER:
            return False
        return (self.sender, self.source) == (other.sender, other.source)


class Queue:
    """Chunks in the order of their sending; `size` is in bytes, `used` what they cost.

    What waits in all queues of a machine counts in `memory`. When that is used up, each queue still
    takes LEAST_BUFFER bytes, so that every connection goes on.
    """

    merges = True  # small chunks of bytes become one
    overdraws = False  # as long as anything is left, a whole message goes in
    piece = 1 << 62  # the most bytes of one chunk

    def __init__(self, capacity: int, memory: Buffers) -> None:
        self.capacity = capacity
        self._memory = memory
        self.wanted = 0  # a reader waits for so many bytes: they must find room
        self.size = self.used = 0
        self._chunks: deque[Chunk] = deque()

    def cost(self, size: int) -> int:
        """What a chunk of `size` bytes costs."""
        return size

    @property
    def _left(self) -> int:
        return min(self.capacity - self.used, max(self._memory.left, LEAST_BUFFER - self.used))

    @property
    def room(self) -> int:
        """How many bytes may come now."""
        wanted = min(self.wanted - self.size, self._memory.left)
        left = self.piece if self.overdraws and self._left > 0 else self._left
        return max(min(max(left, wanted), self.piece), 0)

    def fits(self, size: int) -> bool:
        """Whether a message of `size` bytes may come now."""
        return self._left > 0 if self.overdraws else self.cost(size) <= self._left

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def first(self) -> Chunk:
        return self._chunks[0]

    def _count(self, chunk: Chunk, sign: int) -> None:
        self.used += sign * chunk.cost
        self._memory.buffered += sign * chunk.cost

    def add(self, chunk: Chunk) -> None:
        self.size += len(chunk.data)
        last = self._chunks[-1] if self.merges and self._chunks else None
        if last is not None and last.can_grow_by(chunk):
            self._count(last, -1)
            last.data += chunk.data
            chunk = last
        else:
            self._chunks.append(chunk)
        chunk.cost = self.cost(len(chunk.data))
        self._count(chunk, 1)

    def take(self, *, keep: bool) -> Chunk:
        """The first chunk as a whole; `keep` leaves it there."""
        if keep:
            return self._chunks[0]
        chunk = self._chunks.popleft()
        self.size -= len(chunk.data)
        self._count(chunk, -1)
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
                if self.merges:
                    self.used -= size
                    self._memory.buffered -= size
                    chunk.cost -= size
                return
            size -= len(chunk.data)
            self._count(self._chunks.popleft(), -1)

    def unread(self, chunk: Chunk) -> None:
        """Bytes that were taken come back: the program's buffer did not exist."""
        self._chunks.appendleft(chunk)
        self.size += len(chunk.data)
        chunk.cost = self.cost(len(chunk.data))
        self._count(chunk, 1)

    def clear(self) -> list[OpenFile]:
        """Forgets everything; returns the files that were in flight."""
        rights = [file for chunk in self._chunks for file in chunk.rights]
        for chunk in self._chunks:
            self._count(chunk, -1)
        self._chunks.clear()
        self.size = 0
        return rights


_HEAD: Final = 256  # Linux's struct sk_buff
_TAIL: Final = 320  # struct skb_shared_info, behind the bytes
_PAGE: Final = 4096
_LARGEST_LINEAR: Final = 4 * _PAGE - _TAIL


def _linear(size: int) -> int:
    """The memory of `size` bytes in one piece: a power of two, at least 512."""
    return max(1 << (size + _TAIL - 1).bit_length(), 512) + _HEAD


class MessageQueue(Queue):
    """Messages, each with the memory that Linux counts for it (its truesize)."""

    merges = False
    overdraws = True
    largest_linear = _LARGEST_LINEAR

    def cost(self, size: int) -> int:
        paged = min(max(-(-(size - self.largest_linear) // _PAGE) * _PAGE, 0), size)
        return _linear(size - paged) + paged


class UnixStreamQueue(MessageQueue):
    """Bytes that come in pieces which are not merged."""

    largest_linear = _PAGE - _TAIL
    piece = _PAGE - _TAIL + 8 * _PAGE


class UdpQueue(MessageQueue):
    """Messages that are lost where they do not fit."""

    overdraws = False
