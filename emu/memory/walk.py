"""The page walk that the processor itself makes, from CR3, with the rights it checks.

Used for gates, descriptors, the TSS and the pushes of a delivery: implicit supervisor accesses,
whatever the CPL. It caches nothing, so a kernel may change its tables as it likes.
SDM 3A, "4-Level Paging and 5-Level Paging", "Determination of Access Rights".
"""

from __future__ import annotations

from typing import Final

from emu.memory.physical import PhysicalMemory
from emu.x86.paging import (
    ADDRESS_MASK,
    HUGE,
    INDEX_MASK,
    LEVEL_SHIFTS,
    NO_EXECUTE,
    PAGE_SIZE,
    PF_PRESENT,
    PF_WRITE,
    PRESENT,
    USER,
    WRITABLE,
)

_OFFSET: Final = PAGE_SIZE - 1


class WalkFault(Exception):
    """The walk for `address` failed; `error_code` is that of the #PF it makes."""

    def __init__(self, address: int, error_code: int) -> None:
        super().__init__(f"#PF at {address:#x}, error code {error_code:#x}")
        self.address = address
        self.error_code = error_code


def physical_address(ram: PhysicalMemory, cr3: int, address: int, write: bool = False) -> int:
    """The physical address behind the linear `address` for a supervisor access (with CR0.WP set).

    Raises:
        WalkFault: an entry is not present, or a write meets a read-only page.
    """
    words = ram.words
    table = cr3 & ADDRESS_MASK
    writable = WRITABLE
    for shift in LEVEL_SHIFTS:
        index = (table >> 3) + (address >> shift & INDEX_MASK)
        entry = words[index] if index < len(words) else 0
        if not entry & PRESENT:
            raise WalkFault(address, PF_WRITE if write else 0)
        writable &= entry
        if entry & HUGE and shift in (21, 30):
            mask = (1 << shift) - 1
            table = entry & ADDRESS_MASK & ~mask | address & mask & ~_OFFSET
            break
        table = entry & ADDRESS_MASK
    if write and not writable:
        raise WalkFault(address, PF_PRESENT | PF_WRITE)
    return table | address & _OFFSET


def read(ram: PhysicalMemory, cr3: int, address: int, size: int) -> bytes:
    """`size` bytes at the linear `address`, across pages. Raises WalkFault."""
    start = physical_address(ram, cr3, address)
    room = PAGE_SIZE - (address & _OFFSET)
    if size <= room:
        return bytes(ram.view[start : start + size])
    return bytes(ram.view[start : start + room]) + read(ram, cr3, address + room, size - room)


def write(ram: PhysicalMemory, cr3: int, address: int, data: bytes) -> None:
    """Writes `data` at the linear `address`, across pages. Raises WalkFault before any byte."""
    room = PAGE_SIZE - (address & _OFFSET)
    start = physical_address(ram, cr3, address, write=True)
    if len(data) > room:
        write(ram, cr3, address + room, data[room:])
        data = data[:room]
    ram.view[start : start + len(data)] = data


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
        if entry & HUGE and shift in (21, 30):
            break
        table = entry & ADDRESS_MASK
    return bool(rights) or not user
