"""Files in memory that may be sealed: what memfd_create(2) makes.

memfd_create(2); fcntl(2), "File Sealing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernel_stub.errno import EBUSY, EINVAL, EPERM, Errno
from kernel_stub.vfs.inode import BLOCK, Attributes
from kernel_stub.vfs.storage import Regular, Storage

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE = 1, 2, 4, 8
F_SEAL_FUTURE_WRITE, F_SEAL_EXEC = 0x10, 0x20
KNOWN: Final = 0x3F
NO_WRITE: Final = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE


class SealedFile(Regular):
    """A regular file that nobody may change any more, as far as its `seals` say."""

    def __init__(self, attributes: Attributes, storage: Storage, seals: int) -> None:
        super().__init__(attributes, storage)
        self.seals = seals

    def add_seals(self, seals: int) -> None:
        """F_ADD_SEALS. Raises Errno."""
        if seals & ~KNOWN:
            raise Errno(EINVAL)
        if self.seals & F_SEAL_SEAL:
            raise Errno(EPERM)
        mapped = self.mapped is not None and self.mapped.is_writable()
        if seals & F_SEAL_WRITE and not self.seals & F_SEAL_WRITE and mapped:
            raise Errno(EBUSY)
        if seals & F_SEAL_EXEC and self.own().st_mode & 0o111:
            seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
        self.seals |= seals

    def store(self, task: Caller, offset: int, data: bytes) -> int:
        if self.seals & NO_WRITE:
            raise Errno(EPERM)
        if self.seals & F_SEAL_GROW and offset + len(data) > self.size:
            data = data[: max(self.size // BLOCK * BLOCK - offset, 0)]  # page by page
            if not data:
                raise Errno(EPERM)
        return super().store(task, offset, data)

    def cut(self, task: Caller, size: int) -> None:
        seal = F_SEAL_SHRINK if size < self.size else F_SEAL_GROW if size > self.size else 0
        if self.seals & seal:
            raise Errno(EPERM)
        super().cut(task, size)

    def clear(self, task: Caller, start: int, end: int) -> None:
        if self.seals & NO_WRITE:
            raise Errno(EPERM)
        super().clear(task, start, end)

    def change_mode(self, task: Caller, mode: int) -> None:
        if self.seals & F_SEAL_EXEC and (self.own().st_mode ^ mode) & 0o111:
            raise Errno(EPERM)
        super().change_mode(task, mode)

    def may_map_writable(self) -> bool:
        return not self.seals & NO_WRITE
