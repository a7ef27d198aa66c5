"""copy_in and copy_out: the only way from a handler to the guest's memory.

A page that is not there yet is faulted in as the kernel's own copy routines do; an address that
the program may not use is EFAULT. It does not know what the bytes mean.
Linux kernel documentation, "Memory Management APIs": "User Space Memory Access".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from emu.memory.pagetables import NotMapped
from emu.x86.paging import PAGE_MASK, PAGE_SIZE, PF_USER, PF_WRITE, USER, WRITABLE
from kernel_stub.errno import EFAULT, ENAMETOOLONG, EOVERFLOW, Errno

if TYPE_CHECKING:
    from kernel_stub.mm import AddressSpace

_WRITE_BITS: Final = USER | WRITABLE


class UserMemory:
    """The memory of one address space as handlers see it."""

    def __init__(self, space: AddressSpace) -> None:
        self.space = space

    def copy_in(self, address: int, size: int) -> bytes:
        """`size` bytes of the guest at `address`; of none, no address is bad.

        Raises Errno(EFAULT).
        """
        if not size:
            return b""
        while True:
            try:
                return self.space.tables.read(address, size, USER)
            except NotMapped as missing:
                self._fault_in(missing, PF_USER)
                self._bring_in(missing.address, address + size, PF_USER)

    def copy_out(self, address: int, data: bytes | memoryview) -> None:
        """Writes `data` at `address`, all of it or nothing. Raises Errno(EFAULT)."""
        while True:
            try:
                self.space.tables.write(address, data, _WRITE_BITS)
            except NotMapped as missing:
                self._fault_in(missing, PF_USER | PF_WRITE)
                self._bring_in(missing.address, address + len(data), PF_USER | PF_WRITE)
            else:
                self.space.wrote(address, len(data))
                return

    def copy_in_some(self, address: int, size: int) -> bytes:
        """The bytes at `address`, of `size` as many as lie before the first that is bad."""
        try:
            return self.copy_in(address, size)
        except Errno:
            return b"".join(self._readable_pages(address, size))

    def _readable_pages(self, address: int, size: int) -> Iterator[bytes]:
        with suppress(Errno):
            while size > 0:
                part = min(size, PAGE_SIZE - address % PAGE_SIZE)
                yield self.copy_in(address, part)
                address, size = address + part, size - part

    def copy_out_some(self, address: int, data: bytes) -> int:
        """Writes `data` at `address` up to the first bad address; returns how much."""
        done = 0
        with suppress(Errno):
            self.copy_out(address, data)
            return len(data)
        with suppress(Errno):
            while done < len(data):
                part = data[done : done + PAGE_SIZE - (address + done) % PAGE_SIZE]
                self.copy_out(address + done, part)
                done += len(part)
        return done

    def _fault_in(self, missing: NotMapped, access: int) -> None:
        if not self.space.fault(missing.address, access | missing.error_code):
            raise Errno(EFAULT)

    def _bring_in(self, start: int, end: int, access: int) -> None:
        """The pages that follow `start` too, one after the other. Raises Errno(EFAULT)."""
        need = _WRITE_BITS if access & PF_WRITE else USER
        for page in range((start & PAGE_MASK) + PAGE_SIZE, end, PAGE_SIZE):
            try:
                self.space.tables.translate(page, need)
            except NotMapped as missing:
                self._fault_in(missing, access)

    def copy_in_string(self, address: int, limit: int = 4096) -> bytes:
        """The NUL-terminated string at `address` without its NUL.

        Raises Errno(EFAULT), or Errno(ENAMETOOLONG) past `limit` bytes.
        """
        parts = []
        while limit > 0:
            size = min(PAGE_SIZE - (address & PAGE_SIZE - 1), limit)
            piece = self.copy_in(address, size)
            end = piece.find(0)
            if end >= 0:
                parts.append(piece[:end])
                return b"".join(parts)
            parts.append(piece)
            address += size
            limit -= size
        raise Errno(ENAMETOOLONG)

    def unpack(self, layout: Struct, address: int) -> tuple[Any, ...]:
        """The fields of the structure `layout` at `address`."""
        return layout.unpack(self.copy_in(address, layout.size))

    def pack(self, layout: Struct, address: int, *values: Any) -> None:
        """Writes the structure `layout` with `values` at `address`.

        Raises Errno(EOVERFLOW) where a value does not fit, as a 64-bit time in 32 bits.
        """
        try:
            packed = layout.pack(*values)
        except struct.error:
            raise Errno(EOVERFLOW) from None
        self.copy_out(address, packed)
