"""A processor that only counts, files of bytes, and spaces made of them."""

from __future__ import annotations

from typing import Any

from emu.memory.physical import PhysicalMemory
from emu.x86.paging import PF_FETCH, PF_USER, PF_WRITE, PRESENT, WRITABLE
from kernel_stub.layout import USER_64, UserLayout
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.content import Status

PAGE = 4096
MIB = 1 << 20
READ, WRITE, FETCH = PF_USER, PF_USER | PF_WRITE, PF_USER | PF_FETCH


class FakeProcessor:
    """Remembers what it was asked to forget."""

    def __init__(self) -> None:
        self.tlb_flushes = 0
        self.code_flushes = 0
        self.dropped: list[tuple[int, int]] = []

    def flush_tlb(self) -> None:
        self.tlb_flushes += 1

    def flush_code(self) -> None:
        self.code_flushes += 1

    def drop_code(self, address: int, size: int) -> None:
        self.dropped.append((address, size))


class FakeFile:
    """An open file and its inode in one."""

    def __init__(self, content: bytes, path: bytes = b"/file", writable: bool = True) -> None:
        self.bytes = bytearray(content)
        self.mapped: Any = None
        self.path = path
        self.writable = writable
        self.reads: list[tuple[int, int]] = []

    @property
    def inode(self) -> FakeFile:
        return self

    @property
    def size(self) -> int:
        return len(self.bytes)

    def stat(self) -> Status:
        return Status(0xFE01, 42)

    def read_at(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, size))
        return bytes(self.bytes[offset : offset + size])

    def content(self, offset: int, size: int) -> bytes:
        data = self.read_at(offset, size)
        return data if self.mapped is None else bytes(self.mapped.over(offset, data))

    def write_at(self, task: object, offset: int, data: bytes) -> int:
        self.bytes[offset : offset + len(data)] = data
        return len(data)

    def clear(self, task: object, start: int, end: int) -> None:
        self.write_at(task, start, bytes(end - start))


def pages_of(count: int) -> bytes:
    """`count` pages, each filled with its number."""
    return b"".join(bytes([number & 0xFF]) * PAGE for number in range(count))


def a_space(size: int = 16 * MIB, layout: UserLayout = USER_64) -> AddressSpace:
    return AddressSpace(PhysicalMemory(size), FakeProcessor(), layout=layout)


def processor_of(space: AddressSpace) -> FakeProcessor:
    cpu = space.frames.cpu
    assert isinstance(cpu, FakeProcessor)
    return cpu


def touch(space: AddressSpace, address: int, size: int, access: int, need: int) -> None:
    """Faults as the processor does: at pages whose entry lacks a bit of `need`."""
    for page in range(address & -PAGE, address + size, PAGE):
        if space.tables.entry(page) & need != need:
            assert space.fault(page, access)


def peek(space: AddressSpace, address: int, size: int = 1) -> bytes:
    """What the program reads there."""
    touch(space, address, size, READ, PRESENT)
    return space.tables.read(address, size)


def poke(space: AddressSpace, address: int, content: bytes) -> None:
    """The program writes there."""
    touch(space, address, len(content), WRITE, PRESENT | WRITABLE)
    space.tables.write(address, content)
