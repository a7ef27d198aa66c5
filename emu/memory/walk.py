"""The page walk that the processor itself makes, from CR3, with the rights it checks.

Used for gates, descriptors, the TSS and the pushes of a delivery: implicit supervisor accesses,
whatever the CPL. With `smap` (CR4.SMAP) they find no user page, whatever RFLAGS.AC. The functions
keep nothing, so a kernel may change its tables as it likes.
SDM 3A, "4-Level Paging and 5-Level Paging", "Determination of Access Rights".
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from emu.errors import EngineError
from emu.memory.physical import PhysicalMemory
from emu.x86.paging import (
    ADDRESS_MASK,
    HUGE,
    INDEX_MASK,
    LEVEL_SHIFTS,
    NO_EXECUTE,
    PAGE_SHIFT,
    PAGE_SIZE,
    PF_PRESENT,
    PF_USER,
    PF_WRITE,
    PRESENT,
    USER,
    WRITABLE,
)

_OFFSET: Final = PAGE_SIZE - 1
_MASK64: Final = (1 << 64) - 1
_HUGE_SHIFTS: Final = (21, 30)


class WalkFault(Exception):
    """The walk for `address` failed; `error_code` is that of the #PF it makes."""

    def __init__(self, address: int, error_code: int) -> None:
        super().__init__(f"#PF at {address:#x}, error code {error_code:#x}")
        self.address = address
        self.error_code = error_code


def physical_address(
    ram: PhysicalMemory, cr3: int, address: int, write: bool = False, smap: bool = False
) -> int:
    """The physical address behind the linear `address` for a supervisor access (with CR0.WP set).

    Raises:
        WalkFault: an entry is not present, a write meets a read-only page, or `smap` a user page.
        EngineError: the tables name memory that the machine does not have.
    """
    words = ram.words
    table = cr3 & ADDRESS_MASK
    rights = WRITABLE | USER
    for shift in LEVEL_SHIFTS:
        try:
            entry = words[(table >> 3) + (address >> shift & INDEX_MASK)]
        except IndexError:
            entry = 0  # a table beyond RAM
        if not entry & PRESENT:
            raise WalkFault(address, PF_WRITE if write else 0)
        rights &= entry
        table = entry & ADDRESS_MASK
        if entry & HUGE and shift in _HUGE_SHIFTS:
            mask = (1 << shift) - 1
            table = table & ~mask | address & mask & ~_OFFSET
            break
    if (write and not rights & WRITABLE) or (smap and rights & USER):
        raise WalkFault(address, PF_PRESENT | PF_WRITE if write else PF_PRESENT)
    if table >= ram.size:
        raise EngineError(f"the page tables map {address:#x} beyond RAM, to {table:#x}")
    return table | address & _OFFSET


def read(ram: PhysicalMemory, cr3: int, address: int, size: int, smap: bool = False) -> bytes:
    """`size` bytes at the linear `address`, across pages. Raises WalkFault."""
    start = physical_address(ram, cr3, address, smap=smap)
    room = PAGE_SIZE - (address & _OFFSET)
    if size <= room:
        return bytes(ram.view[start : start + size])
    rest = address + room & _MASK64  # linear addresses wrap
    return bytes(ram.view[start : start + room]) + read(ram, cr3, rest, size - room, smap)


def read_part(ram: PhysicalMemory, cr3: int, address: int, size: int) -> bytes:
    """The bytes at the linear `address`, as many of `size` as there are."""
    found = b""
    with suppress(WalkFault):
        while size > 0:
            part = min(size, PAGE_SIZE - (address & _OFFSET))
            found += read(ram, cr3, address, part)
            address, size = address + part & _MASK64, size - part
    return found


def write(ram: PhysicalMemory, cr3: int, address: int, data: bytes, smap: bool = False) -> None:
    """Writes `data` at the linear `address`, across pages, as pushes would: from the top down.

    Raises WalkFault before any byte.
    """
    room = PAGE_SIZE - (address & _OFFSET)
    if len(data) > room:
        physical_address(ram, cr3, address + room & _MASK64, write=True, smap=smap)
    start = physical_address(ram, cr3, address, write=True, smap=smap)
    if len(data) > room:
        write(ram, cr3, address + room & _MASK64, data[room:], smap)
        data = data[:room]
    ram.view[start : start + len(data)] = data


def user_fault(
    ram: PhysicalMemory, cr3: int, address: int, size: int, write: bool = False
) -> WalkFault | None:
    """The #PF of an access of ring 3 to `size` bytes at `address`: None if there is none."""
    need, kind = (USER | WRITABLE, PF_USER | PF_WRITE) if write else (USER, PF_USER)
    places = [address]
    if (address & _OFFSET) + size > PAGE_SIZE:
        places.append(address + size & _MASK64 & ~_OFFSET)
    for place in places:
        rights = USER | WRITABLE | PRESENT
        for entry in entries(ram, cr3, place):
            rights &= entry
        if not rights & PRESENT:
            return WalkFault(place, kind)
        if rights & need != need:
            return WalkFault(place, kind | PF_PRESENT)
    return None


class Translations:
    """The translations that a processor keeps, so that not every access walks four tables.

    One is used as long as its last entry is unchanged and CR3 is the same; a processor may go on
    using it even longer. `use_smap` says whether user pages can be found.
    SDM 3A, "Caching Translation Information".
    """

    def __init__(self, ram: PhysicalMemory) -> None:
        self.ram = ram
        self._cr3 = -1
        self._smap = False
        self._pages: dict[int, tuple[int, int, int]] = {}  # page -> slot, its entry, frame
        self._writable: dict[int, tuple[int, int, int]] = {}

    def use_smap(self, smap: bool) -> None:
        """From now on user pages are, or are not, out of reach: CR4.SMAP."""
        if smap != self._smap:
            self._smap = smap
            self._cr3 = -1

    def physical_address(self, cr3: int, address: int, write: bool = False) -> int:
        """As the function of the same name. Raises WalkFault."""
        if cr3 != self._cr3:
            self._cr3 = cr3
            self._pages.clear()
            self._writable.clear()
        pages = self._writable if write else self._pages
        known = pages.get(address >> PAGE_SHIFT)
        if known is not None and self.ram.words[known[0]] == known[1]:
            return known[2] | address & _OFFSET
        found = physical_address(self.ram, cr3, address, write, self._smap)
        slot = _leaf_slot(self.ram, cr3, address)
        pages[address >> PAGE_SHIFT] = slot, self.ram.words[slot], found & ~_OFFSET
        return found

    def read_word(self, cr3: int, address: int) -> int:
        """The eight bytes at the linear `address` as a number. Raises WalkFault."""
        if address & 7:
            return int.from_bytes(read(self.ram, cr3, address, 8, self._smap), "little")
        return self.ram.words[self.physical_address(cr3, address) >> 3]

    def write(self, cr3: int, address: int, content: bytes) -> None:
        """Writes `content` at the linear `address`. Raises WalkFault before any byte."""
        if PAGE_SIZE - (address & _OFFSET) < len(content):
            write(self.ram, cr3, address, content, self._smap)
            return
        start = self.physical_address(cr3, address, write=True)
        self.ram.view[start : start + len(content)] = content


def _leaf_slot(ram: PhysicalMemory, cr3: int, address: int) -> int:
    """The index in `ram.words` of the last entry that the walk for `address` reads."""
    table = cr3 & ADDRESS_MASK
    slot = 0
    for shift in LEVEL_SHIFTS:
        slot = (table >> 3) + (address >> shift & INDEX_MASK)
        if ram.words[slot] & HUGE and shift in _HUGE_SHIFTS:
            break
        table = ram.words[slot] & ADDRESS_MASK
    return slot


def is_executable(ram: PhysicalMemory, cr3: int, address: int, user: bool) -> bool:
    """Whether an instruction fetch from `address` at CPL 3 (`user`) or 0 finds a page."""
    words = ram.words
    table = cr3 & ADDRESS_MASK
    rights = USER
    for shift in LEVEL_SHIFTS:
        index = (table >> 3) + (address >> shift & INDEX_MASK)
        entry = words[index] if index < len(words) else 0
        if not entry & PRESENT or entry & NO_EXECUTE:
            return False
        rights &= entry
        if entry & HUGE and shift in _HUGE_SHIFTS:
            break
        table = entry & ADDRESS_MASK
    return bool(rights) or not user


def check_user_write(ram: PhysicalMemory, cr3: int, address: int, size: int) -> None:
    """Raises the WalkFault of a push of `size` bytes at `address` by ring 3, if it faults."""
    for place in (address + size - 1 & _MASK64, address):
        try:
            physical_address(ram, cr3, place, write=True)
        except WalkFault as fault:
            raise WalkFault(place, fault.error_code | PF_USER) from None
        if not all(entry & USER for entry in entries(ram, cr3, place)):
            raise WalkFault(place, PF_PRESENT | PF_WRITE | PF_USER)


def entries(ram: PhysicalMemory, cr3: int, address: int) -> list[int]:
    """The entries that the walk for `address` reads, the highest level first, up to a missing one.

    For whoever asks why an access was refused.
    """
    found: list[int] = []
    table = cr3 & ADDRESS_MASK
    for shift in LEVEL_SHIFTS:
        index = (table >> 3) + (address >> shift & INDEX_MASK)
        entry = ram.words[index] if index < len(ram.words) else 0
        found.append(entry)
        if not entry & PRESENT or (entry & HUGE and shift in _HUGE_SHIFTS):
            break
        table = entry & ADDRESS_MASK
    return found
