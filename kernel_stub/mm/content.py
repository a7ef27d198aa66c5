"""Bytes of the kernel's own that programs see as a mapped file: a vDSO.

It fulfils what regions ask of a file; it is in no file system. vdso(7).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Status(NamedTuple):
    """What /proc/pid/maps shows of it."""

    st_dev: int = 0
    st_ino: int = 0


class ContentFile:
    """A read-only file, and its own inode. `path` is the name in /proc/pid/maps."""

    writable = False
    mapped: Any = None

    def __init__(self, path: bytes, content: bytes) -> None:
        self.path = path
        self.size = len(content)
        self._content = content

    @property
    def inode(self) -> ContentFile:
        return self

    def stat(self) -> Status:
        return Status()

    def read_at(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]

    content = read_at

    def write_at(self, task: Any, offset: int, data: bytes) -> int:
        raise AssertionError("a file that is never mapped shared is never written back")

    def clear(self, task: Any, start: int, end: int) -> None:
        raise AssertionError("a file that is never mapped shared gets no holes")
