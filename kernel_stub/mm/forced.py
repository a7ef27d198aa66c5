"""What a debugger reads and writes in the memory of another program, whatever its rights.

A page that the program may not write is copied for it alone first, so a file stays as it is.
Shared memory that is not writable is refused. It knows no tracer.
ptrace(2), "PTRACE_POKETEXT"; proc(5), "/proc/pid/mem".
"""

from __future__ import annotations

from typing import Final

from emu.x86.paging import (
    ADDRESS_MASK,
    NO_EXECUTE,
    PAGE_MASK,
    PAGE_SIZE,
    PF_USER,
    PF_WRITE,
    PRESENT,
    WRITABLE,
)
from kernel_stub.mm.flags import PROT_NONE, PROT_WRITE
from kernel_stub.mm.pages import entry_bits
from kernel_stub.mm.peek import page_content
from kernel_stub.mm.space import AddressSpace

_OFFSET: Final = PAGE_SIZE - 1


def read(space: AddressSpace, address: int, size: int) -> bytes:
    """Up to `size` bytes at `address`: as many as lie before the first that is not mapped."""
    parts = []
    while size > 0:
        part = min(size, PAGE_SIZE - (address & _OFFSET))
        found = _read_in_page(space, address, part)
        parts.append(found)
        if len(found) < part:
            break
        address, size = address + part, size - part
    return b"".join(parts)


def _read_in_page(space: AddressSpace, address: int, size: int) -> bytes:
    region = space.regions.find(address)
    if region is None:
        return b""
    offset, frame = address & _OFFSET, space.tables.entry(address) & ADDRESS_MASK
    if frame:
        return bytes(space.frames.physical.view[frame + offset : frame + offset + size])
    return page_content(space, region, address & PAGE_MASK)[offset : offset + size]


def write(space: AddressSpace, address: int, data: bytes) -> int:
    """Writes `data` at `address` up to the first byte that cannot be; returns how much."""
    done = 0
    while done < len(data):
        part = data[done : done + PAGE_SIZE - (address + done & _OFFSET)]
        if not _write_in_page(space, address + done, part):
            break
        done += len(part)
    return done


def _write_in_page(space: AddressSpace, address: int, data: bytes) -> bool:
    region = space.regions.find(address)
    if region is None or region.prot == PROT_NONE:
        return False
    if region.prot & PROT_WRITE:
        if not space.fault(address, PF_USER | PF_WRITE):
            return False
    elif region.shared is not None or not _own(space, address, region.prot):
        return False
    entry = space.tables.entry(address)
    frame, offset = entry & ADDRESS_MASK, address & _OFFSET
    space.frames.physical.view[frame + offset : frame + offset + len(data)] = data
    if space.frames.was_executable(frame):
        if entry & NO_EXECUTE:
            space.frames.changed(frame)
        else:
            space.frames.cpu.flush_code()
    return True


def _own(space: AddressSpace, address: int, prot: int) -> bool:
    """Gives the page at `address`, which may not be written, a frame that nobody shares."""
    if not space.tables.entry(address) & PRESENT and not space.fault(address, PF_USER):
        return False
    frame, physical = space.tables.entry(address) & ADDRESS_MASK, space.frames.physical
    if physical.is_shared(frame):
        copy = space.frames.filled(physical.view[frame : frame + PAGE_SIZE])
        space.pages.replace(address & PAGE_MASK, copy, entry_bits(prot) & ~WRITABLE)
    return True
