"""/proc/PID/mem: the memory of a process as a file, whatever rights its pages have.

A description shows the address space that there was when it was opened. proc(5), "/proc/pid/mem".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EINVAL, EIO, Errno
from kernel_stub.mm import AddressSpace, forced
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.seekable import SeekableFile

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

_MASK64: Final = (1 << 64) - 1
_SEEK_SET, _SEEK_CUR = 0, 1
_MOST: Final = 1 << 24  # bytes that one read gives


class MemoryFile(SeekableFile):
    """An open /proc/PID/mem: its offsets are addresses."""

    pollable = False

    def __init__(self, inode: Inode, flags: int, space: AddressSpace) -> None:
        super().__init__(inode, flags)
        self.space = space

    def write(self, task: Caller, data: bytes) -> int:
        done = self.write_at(task, self.offset, data)
        self.offset += done
        return done

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        data = forced.read(self.space, offset & _MASK64, min(size, _MOST))
        if size and not data:
            raise Errno(EIO)
        return data

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        done = forced.write(self.space, offset & _MASK64, data)
        if data and not done:
            raise Errno(EIO)
        return done

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        if whence not in (_SEEK_SET, _SEEK_CUR):
            raise Errno(EINVAL)
        self.offset = offset + (self.offset if whence == _SEEK_CUR else 0)
        return self.offset
