"""Bytes with holes: pages that were written, and zeros between them.

It knows neither how long a file is nor who pays for the pages. lseek(2): SEEK_DATA, SEEK_HOLE.
"""

from __future__ import annotations

from typing import Final

from kernel_stub.vfs.inode import BLOCK

_NOTHING: Final = bytes(BLOCK)


class Sparse:
    """The pages of one file by their index; what has no page is zeros."""

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def __len__(self) -> int:
        """How many bytes of memory it takes."""
        return len(self._pages) * BLOCK

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`."""
        pieces, end = [], offset + size
        while offset < end:
            index, start = divmod(offset, BLOCK)
            stop = min(BLOCK, start + end - offset)
            pieces.append(self._pages.get(index, _NOTHING)[start:stop])
            offset += stop - start
        return b"".join(pieces)

    def missing(self, offset: int, size: int) -> int:
        """How many bytes of memory a write would take."""
        indices = range(offset // BLOCK, -(-(offset + size) // BLOCK)) if size else range(0)
        return sum(BLOCK for index in indices if index not in self._pages)

    def write(self, offset: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            index, start = divmod(offset + done, BLOCK)
            piece = data[done : done + BLOCK - start]
            page = self._pages.get(index)
            if page is None:
                page = self._pages[index] = bytearray(BLOCK)
            page[start : start + len(piece)] = piece
            done += len(piece)

    def clear(self, start: int, end: int) -> None:
        """What lies from `start` up to `end` is zeros; whole pages of it take no memory."""
        first, last = -(-start // BLOCK), end // BLOCK
        for index in [index for index in self._pages if first <= index < last]:
            del self._pages[index]
        if first > last:
            self._zero(start, end)
            return
        self._zero(start, first * BLOCK)
        self._zero(last * BLOCK, end)

    def _zero(self, start: int, end: int) -> None:
        """Zeros within one page, if it is there."""
        page = self._pages.get(start // BLOCK)
        if page is not None and start < end:
            at = start % BLOCK
            page[at : at + end - start] = bytes(end - start)

    def next_data(self, offset: int) -> int | None:
        """The first offset from `offset` on that a page holds."""
        index = offset // BLOCK
        if index in self._pages:
            return offset
        later = min((page for page in self._pages if page > index), default=None)
        return None if later is None else later * BLOCK

    def next_hole(self, offset: int) -> int:
        """The first offset from `offset` on that no page holds."""
        index = offset // BLOCK
        if index not in self._pages:
            return offset
        while index in self._pages:
            index += 1
        return index * BLOCK
