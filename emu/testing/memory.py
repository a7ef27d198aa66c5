"""The guest's memory as a test sees it: pages mapped by declaration, read and written by address.

It knows one address space and places by symbol; which pages a machine starts with stands in
tables.py. SDM 3A, "4-Level Paging and 5-Level Paging".
"""

from __future__ import annotations

from typing import Final

from emu.cpu.engine import Engine
from emu.errors import UsageError
from emu.load.elf import PF_W, PF_X, Image
from emu.memory.pagetables import NotMapped, PageTables
from emu.memory.physical import PhysicalMemory
from emu.testing.states import Place
from emu.testing.symbols import Symbols
from emu.x86.paging import (
    NO_EXECUTE,
    PAGE_MASK,
    PAGE_SIZE,
    PRESENT,
    USER,
    WRITABLE,
    is_canonical,
    page_up,
)

_MASK64: Final = (1 << 64) - 1


class Memory:
    """One address space of the guest."""

    def __init__(self, physical: PhysicalMemory, engine: Engine, symbols: Symbols) -> None:
        self.tables = PageTables(physical)
        self.symbols = symbols
        self._physical = physical
        self._engine = engine

    def map(
        self,
        place: Place,
        size: int = PAGE_SIZE,
        *,
        user: bool = False,
        writable: bool = True,
        executable: bool = False,
    ) -> None:
        """Maps the pages of `size` bytes at `place`, zeroed. Pages that are there only change.

        Raises:
            UsageError: no symbol has that name, or the address is not canonical.
            OutOfFrames: the guest's memory is used up.
        """
        bits = USER * user | WRITABLE * writable | (0 if executable else NO_EXECUTE)
        self.map_bits(self.symbols.address(place), size, bits)

    def map_bits(self, start: int, size: int, bits: int) -> None:
        """As `map`, with the bits of a page-table entry."""
        if not is_canonical(start):
            raise UsageError(f"{start:#x} is no canonical address: no page can be there")
        for page in range(start & PAGE_MASK, page_up(start + size), PAGE_SIZE):
            if self.tables.entry(page) & PRESENT:
                self.tables.protect(page, bits)
            else:
                self.tables.map(page, self._physical.allocate(), bits)
        self._engine.flush_tlb()

    def unmap(self, place: Place, size: int = PAGE_SIZE) -> None:
        """Takes the pages of `size` bytes at `place` away."""
        start = self.symbols.address(place)
        for page in range(start & PAGE_MASK, page_up(start + size), PAGE_SIZE):
            self.tables.unmap(page)
        self._engine.flush_tlb()

    def read(self, place: Place, size: int = 8) -> bytes:
        """`size` bytes at `place`, whoever may read them. Raises UsageError: no page is there."""
        address = self.symbols.address(place)
        try:
            return self.tables.read(address, size)
        except NotMapped as error:
            raise UsageError(f"no page is mapped at {error.address:#x}") from None

    def read_word(self, place: Place) -> int:
        """The eight bytes at `place` as a number. Raises as `read`."""
        return int.from_bytes(self.read(place, 8), "little")

    def write(self, place: Place, content: bytes | int) -> None:
        """Writes bytes, or a number as eight of them, whoever may write there. Raises as `read`."""
        if isinstance(content, int):
            content = (content & _MASK64).to_bytes(8, "little")
        address = self.symbols.address(place)
        try:
            self.tables.write(address, content)
        except NotMapped as error:
            raise UsageError(f"no page is mapped at {error.address:#x}") from None
        self._engine.flush_code()

    def owner(self, address: int) -> str:
        """`user`, `kernel` or empty: who may use the page at `address`."""
        entry = self.tables.entry(address)
        if not entry & PRESENT:
            return ""
        return "user" if entry & USER else "kernel"

    def load(self, image: Image, content: bytes, bits: int, bias: int = 0) -> None:
        """Maps the segments of an ELF image, each with its own rights and `bits`.

        Raises:
            UsageError: something lies there already.
        """
        for segment in image.segments:
            start = segment.vaddr + bias
            for page in range(start & PAGE_MASK, page_up(start + segment.memsz), PAGE_SIZE):
                rights = bits | WRITABLE * bool(segment.flags & PF_W)
                rights |= 0 if segment.flags & PF_X else NO_EXECUTE
                self._add_page(page, rights, image.name)
            part = content[segment.offset : segment.offset + segment.filesz]
            self.tables.write(start, part)

    def _add_page(self, page: int, rights: int, name: str) -> None:
        """A page that two segments of one image share has the rights of both."""
        entry = self.tables.entry(page)
        if not entry & PRESENT:
            self.tables.map(page, self._physical.allocate(), rights)
            return
        both = (entry | rights) & (USER | WRITABLE) | entry & rights & NO_EXECUTE
        self.tables.protect(page, both)
