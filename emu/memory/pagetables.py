"""One address space: four levels of page tables in the guest's RAM.

It maps, unmaps and translates; it does not know why a page exists, and never flushes the
processor's TLB: whoever takes a right away from a page does that (as a kernel does with INVLPG).
SDM 3A, "4-Level Paging and 5-Level Paging".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from emu.memory.physical import PhysicalMemory
from emu.x86.paging import (
    ADDRESS_MASK,
    INDEX_MASK,
    LEVEL_SHIFTS,
    PAGE_SHIFT,
    PAGE_SIZE,
    PF_PRESENT,
    PRESENT,
    USER,
    WRITABLE,
    is_canonical,
)

_ENTRY: Final = Struct("<Q")
_TABLE_BITS: Final = PRESENT | WRITABLE | USER  # the leaf alone decides
_OFFSET: Final = PAGE_SIZE - 1
_REGION_SHIFT: Final = LEVEL_SHIFTS[2]  # one last-level table maps 2 MiB


class NotMapped(Exception):
    """A walk ended at an entry that is not present, or lacks a right.

    `address` is the linear address, `error_code` the present bit of a #PF's error code.
    """

    def __init__(self, address: int, error_code: int) -> None:
        super().__init__(f"no mapping for {address:#x}")
        self.address = address
        self.error_code = error_code


def _index(address: int, shift: int) -> int:
    """Which entry of its table, of a level of LEVEL_SHIFTS, is for `address`."""
    return address >> shift & INDEX_MASK


class PageTables:
    """The tables below one CR3. `root` is what CR3 holds."""

    def __init__(self, physical: PhysicalMemory, root: int | None = None) -> None:
        self.physical = physical
        self.root = physical.allocate() if root is None else root
        self._leaves: dict[int, int] = {}  # address >> 21 -> physical address of its last table

    def _leaf_table(self, address: int, create: bool) -> int:
        """The physical address of the last-level table for `address`; 0 if there is none."""
        table = self._leaves.get(address >> 21)
        if table is not None:
            return table
        view = self.physical.view
        table = self.root
        for shift in LEVEL_SHIFTS[:3]:
            slot = table + 8 * (address >> shift & INDEX_MASK)
            (entry,) = _ENTRY.unpack_from(view, slot)
            if not entry & PRESENT:
                if not create:
                    return 0
                entry = self.physical.allocate() | _TABLE_BITS
                _ENTRY.pack_into(view, slot, entry)
            table = entry & ADDRESS_MASK
        self._leaves[address >> 21] = table
        return table

    def _slot(self, address: int) -> int:
        if not is_canonical(address):
            return 0
        table = self._leaf_table(address, create=False)
        return table and table + 8 * (address >> 12 & INDEX_MASK)

    def entry(self, address: int) -> int:
        """The last-level entry for `address`; 0 where nothing is mapped."""
        slot = self._slot(address)
        entry: int = _ENTRY.unpack_from(self.physical.view, slot)[0] if slot else 0
        return entry

    def map(self, address: int, frame: int, bits: int) -> None:
        """Maps the page at `address` to `frame` with the entry bits `bits` (PRESENT is implied)."""
        slot = self._leaf_table(address, create=True) + 8 * (address >> 12 & INDEX_MASK)
        _ENTRY.pack_into(self.physical.view, slot, frame | bits | PRESENT)

    def store(self, address: int, entry: int) -> None:
        """Writes the last-level entry for `address` as it is, present or not."""
        slot = self._leaf_table(address, create=True) + 8 * (address >> 12 & INDEX_MASK)
        _ENTRY.pack_into(self.physical.view, slot, entry)

    def repeat(self, start: int, end: int, size: int) -> None:
        """What is mapped in the `size` bytes from `start` is so in each `size` bytes up to `end`.

        `size` is what one entry of a table covers, and one table covers all. The tables below are
        shared: no memory is used, and what changes below one address changes below all.
        """
        table, shifts = self.root, iter(LEVEL_SHIFTS)
        while 1 << (shift := next(shifts)) > size:
            (above,) = _ENTRY.unpack_from(self.physical.view, table + 8 * _index(start, shift))
            table = above & ADDRESS_MASK
        first = table + 8 * _index(start, shift)
        last = table + 8 * _index(end - 1, shift) + 8
        entry = self.physical.view[first : first + 8].tobytes()
        self.physical.view[first:last] = entry * ((last - first) // 8)

    def unmap(self, address: int) -> int:
        """Removes the page at `address`; returns the entry that was there (0: none)."""
        slot = self._slot(address)
        if not slot:
            return 0
        entry: int = _ENTRY.unpack_from(self.physical.view, slot)[0]
        _ENTRY.pack_into(self.physical.view, slot, 0)
        return entry

    def protect(self, address: int, bits: int) -> None:
        """Gives the page at `address`, if it is present, the entry bits `bits`."""
        entry = self.entry(address)
        if entry & PRESENT:
            self.map(address, entry & ADDRESS_MASK, bits)

    def entries(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Each page from `start` up to `end` whose entry is not 0: its address and its entry.

        Only tables that this object has walked or made are seen. Entries may be changed meanwhile.
        """
        first, last = start >> _REGION_SHIFT, (end - 1) >> _REGION_SHIFT
        regions: Iterable[int] = range(first, last + 1)
        if last - first > len(self._leaves):
            regions = sorted(region for region in self._leaves if first <= region <= last)
        for region in regions:
            table = self._leaves.get(region)
            if table is None:
                continue
            base = region << _REGION_SHIFT
            low = max(start - base, 0) >> PAGE_SHIFT
            high = min(end - base, 1 << _REGION_SHIFT) + PAGE_SIZE - 1 >> PAGE_SHIFT
            entries = self.physical.view[table + 8 * low : table + 8 * high].tobytes()
            for index, (entry,) in enumerate(_ENTRY.iter_unpack(entries), low):
                if entry:
                    yield base + (index << PAGE_SHIFT), entry

    def count(self) -> int:
        """How many frames the tables of the lower half take, with the root, as far as known."""
        uppers = {address >> 9 for address in self._leaves}
        tops = {address >> 9 for address in uppers}
        lower = [address for address in self._leaves if address < 1 << 26]
        return len(lower) + len(uppers) + len(tops) + 1

    def release(self) -> None:
        """Gives back the frames of the tables of the lower half, and of the root."""
        for index in range(256):
            self._free_table(self.root + 8 * index, levels=3)
        self._leaves.clear()
        self.physical.free(self.root)

    def release_own(self, address: int) -> None:
        """Gives back the tables below the top-level entry of `address`, which is not shared."""
        top = LEVEL_SHIFTS[0]
        slot = self.root + 8 * (address >> top & INDEX_MASK)
        self._free_table(slot, levels=3)
        _ENTRY.pack_into(self.physical.view, slot, 0)
        gone = [leaf for leaf in self._leaves if leaf >> top - 21 == address >> top]
        for leaf in gone:
            del self._leaves[leaf]

    def _free_table(self, slot: int, levels: int) -> None:
        """Gives back the table that the entry at `slot` names, with `levels` of tables from it."""
        (entry,) = _ENTRY.unpack_from(self.physical.view, slot)
        if not entry & PRESENT or not levels:
            return
        table = entry & ADDRESS_MASK
        if levels > 1:
            for at, (below,) in enumerate(
                _ENTRY.iter_unpack(self.physical.view[table : table + PAGE_SIZE])
            ):
                if below & PRESENT:
                    self._free_table(table + 8 * at, levels - 1)
        self.physical.free(table)

    def adopt(self, other: PageTables, first_index: int = 256) -> None:
        """Shares the top-level entries of `other` from `first_index` on.

        A top-level entry that `other` gets later is not shared.
        """
        view = self.physical.view
        start, end = 8 * first_index, PAGE_SIZE
        view[self.root + start : self.root + end] = view[other.root + start : other.root + end]

    def translate(self, address: int, need: int = 0) -> int:
        """The physical address behind `address`; every bit of `need` must be set in the entry.

        Raises:
            NotMapped: the page is not present, or lacks a bit of `need`.
        """
        entry = self.entry(address)
        if not entry & PRESENT:
            raise NotMapped(address, 0)
        if entry & need != need:
            raise NotMapped(address, PF_PRESENT)
        return entry & ADDRESS_MASK | address & _OFFSET

    def read(self, address: int, size: int, need: int = 0) -> bytes:
        """`size` bytes at the linear address `address`, across pages.

        Raises:
            NotMapped: as `translate`, at the first page that fails.
        """
        view = self.physical.view
        if 0 < size <= PAGE_SIZE - (address & _OFFSET):
            start = self.translate(address, need)
            return bytes(view[start : start + size])
        parts = []
        for start, length in self._pieces(address, size, need):
            parts.append(view[start : start + length])
        return b"".join(parts)

    def write(self, address: int, data: bytes | memoryview, need: int = 0) -> None:
        """Writes `data` at the linear address `address`; the pages' W bits are not asked.

        Code that was translated from there is not dropped. Raises NotMapped before any byte is
        written.
        """
        view = self.physical.view
        done = 0
        for start, length in list(self._pieces(address, len(data), need)):
            view[start : start + length] = data[done : done + length]
            done += length

    def _pieces(self, address: int, size: int, need: int) -> list[tuple[int, int]]:
        """The physical pieces (start, length) behind `size` bytes at `address`."""
        pieces = []
        while size:
            length = min(size, PAGE_SIZE - (address & _OFFSET))
            pieces.append((self.translate(address, need), length))
            address += length
            size -= length
        return pieces
