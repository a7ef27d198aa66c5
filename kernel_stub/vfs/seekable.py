"""Files whose reads go on where the last one ended: /proc's views of a memory.

What stands at an offset, those who make one know. read(2), lseek(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_stub.vfs.inode import OpenFile

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class SeekableFile(OpenFile):
    """What is read from where the description stands, as `read_at` reads it there."""

    seekable = True

    def read(self, task: Caller, size: int) -> bytes:
        data = self.read_at(task, self.offset, size)
        self.offset += len(data)
        return data

    def unread(self, data: bytes) -> None:
        self.offset -= len(data)
