"""ELF files made to order, good and bad, for the tests of the loader."""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

PT_LOAD, PT_INTERP, PT_GNU_STACK = 1, 3, 0x6474E551
CODE_BASE = 0x400000


class Header(NamedTuple):
    """One program header. `memsz` None: as long as in the file."""

    type: int = PT_LOAD
    flags: int = 5
    offset: int = 0
    vaddr: int = CODE_BASE
    filesz: int = 0x100
    memsz: int | None = None
    align: int = 0x1000

    def packed(self, bits: int) -> bytes:
        memsz = self.filesz if self.memsz is None else self.memsz
        where = (self.offset, self.vaddr, self.vaddr, self.filesz, memsz)
        if bits == 64:
            return pack("<2I6Q", self.type, self.flags, *where, self.align)
        return pack("<8I", self.type, *where, self.flags, self.align)


def elf(
    *headers: Header,
    bits: int = 64,
    type: int = 2,
    machine: int | None = None,
    order: int = 1,
    entry: int = CODE_BASE + 0x80,
    phnum: int | None = None,
    phentsize: int | None = None,
    phoff: int | None = None,
    tail: bytes = bytes(0x1000),
) -> bytes:
    """A file of these program headers, followed by `tail`."""
    headers = headers or (Header(),)
    table = b"".join(header.packed(bits) for header in headers)
    sign = "<" if order == 1 else ">"
    word, size = ("Q", 64) if bits == 64 else ("I", 52)
    ident = b"\x7fELF" + bytes([bits // 32, order, 1]) + bytes(9)
    fields = (
        type,
        machine if machine is not None else (62 if bits == 64 else 3),
        1,
        entry,
        size if phoff is None else phoff,
        0,
        0,
        size,
        len(table) // len(headers) if phentsize is None else phentsize,
        len(headers) if phnum is None else phnum,
        0,
        0,
        0,
    )
    return ident + pack(f"{sign}HHI3{word}I6H", *fields) + table + tail
