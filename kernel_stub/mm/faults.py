"""A page fault of user memory, answered: the page is made, or the signal is named.

Memory exists from the first touch on. A private file page is read with its neighbours, as Linux
does ("fault-around"); anonymous pages are made ahead of a program that goes upwards through them.
Unlike Linux it makes a page writable at once where the region allows it, which spares the second
fault of a page that is first read.
SDM 3A, "Page-Fault Exceptions"; Linux kernel documentation, "Memory Management".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.errors import OutOfFrames
from emu.x86.paging import (
    ADDRESS_MASK,
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    PF_FETCH,
    PF_WRITE,
    PRESENT,
    WRITABLE,
)
from kernel_stub.abi.signals import BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGKILL, SIGSEGV
from kernel_stub.layout import LOWEST_MAPPING, STACK_GUARD_GAP
from kernel_stub.mm.flags import MAP_GROWSDOWN, PROT_EXEC, PROT_NONE, PROT_WRITE
from kernel_stub.mm.pages import Pages, entry_bits
from kernel_stub.mm.regions import Region, Regions

FAULT_AROUND: Final = 16  # pages of a file read at once; also the most that are made ahead
_WINDOW: Final = FAULT_AROUND * PAGE_SIZE


class FaultResult(NamedTuple):
    """What became of a page fault. It is true if the access can be repeated.

    Otherwise `signal` with `code` and `address` is what the program gets; SIGKILL says that the
    guest's memory is used up.
    """

    signal: int
    code: int
    address: int

    def __bool__(self) -> bool:
        return not self.signal


RESOLVED: Final = FaultResult(0, 0, 0)


def resolve(
    regions: Regions, pages: Pages, stack_limit: int, address: int, error_code: int
) -> FaultResult:
    """Makes the page at `address`, if an access with `error_code` to it is allowed."""
    region = regions.find(address) or _grow_stack(regions, stack_limit, address)
    if region is None:
        return FaultResult(SIGSEGV, SEGV_MAPERR, address)
    if not _is_allowed(region.prot, error_code):
        return FaultResult(SIGSEGV, SEGV_ACCERR, address)
    page, write = address & PAGE_MASK, bool(error_code & PF_WRITE)
    try:
        made = _populate_reclaiming(regions, region, pages, page, write)
    except OutOfFrames:
        return FaultResult(SIGKILL, 0, address)
    return RESOLVED if made else FaultResult(SIGBUS, BUS_ADRERR, address)


def _populate_reclaiming(
    regions: Regions, region: Region, pages: Pages, page: int, write: bool
) -> bool:
    """As `_populate`; where memory ends, pages that can be read again from files make room."""
    try:
        return _populate(region, pages, page, write)
    except OutOfFrames:
        for other in regions:
            if other.file is not None and other.shared is None and not other.is_committed:
                pages.drop(other.start, other.end)
        return _populate(region, pages, page, write)


def _is_allowed(prot: int, error_code: int) -> bool:
    if error_code & PF_WRITE:
        return bool(prot & PROT_WRITE)
    if error_code & PF_FETCH:
        return bool(prot & PROT_EXEC)
    return prot != PROT_NONE


def _grow_stack(regions: Regions, limit: int, address: int) -> Region | None:
    """The stack region above `address`, grown down to it; None where no stack may grow."""
    region = regions.above(address)
    if region is None or not region.flags & MAP_GROWSDOWN or region.prot == PROT_NONE:
        return None
    start = address & PAGE_MASK
    if region.end - start > limit or start < LOWEST_MAPPING:
        return None
    below = regions.below(start)
    if below is not None and below.prot != PROT_NONE and below.end + STACK_GUARD_GAP > start:
        return None
    regions.grow_down(region, start)
    return region


def _populate(region: Region, pages: Pages, page: int, write: bool) -> bool:
    """Makes `page` of `region` present; False if the file ends before it. Raises OutOfFrames."""
    entry = pages.tables.entry(page)
    if entry & PRESENT:
        if write and not entry & WRITABLE:
            _make_writable(region, pages, page, entry & ADDRESS_MASK)
        else:
            pages.frames.cpu.flush_tlb()
        return True
    if region.shared is not None:
        return _show_shared(region, pages, page, write)
    if region.file is not None:
        return _read_around(region, pages, page)
    _make_anonymous(region, pages, page)
    return True


def _make_writable(region: Region, pages: Pages, page: int, frame: int) -> None:
    """A store hit a page that only its frame's other users kept from being writable."""
    if region.shared is not None:
        region.shared.becomes_dirty(region.page_index(page))
    elif pages.frames.physical.is_shared(frame):
        content = pages.frames.physical.view[frame : frame + PAGE_SIZE]
        pages.replace(page, pages.frames.filled(content), entry_bits(region.prot))
        return
    pages.grant(page, entry_bits(region.prot))


def _show_shared(region: Region, pages: Pages, page: int, write: bool) -> bool:
    assert region.shared is not None
    index = region.page_index(page)
    if region.file is not None and not region.shared.has(index):
        region.file.inode.mapped.changes(index << PAGE_SHIFT, PAGE_SIZE)
    frame = region.shared.frame(index)
    if frame is None:
        return False
    bits = entry_bits(region.prot)
    if write:
        region.shared.becomes_dirty(index)
    else:
        bits &= ~WRITABLE
    pages.frames.physical.share(frame)
    pages.install(page, frame, bits)
    return True


def _read_around(region: Region, pages: Pages, page: int) -> bool:
    """Reads `page` of a private file mapping, and its neighbours in an aligned window.

    Pages that are in memory because the file is mapped shared too, are shown as they are.
    """
    assert region.file is not None
    inode = region.file.inode
    if region.page_index(page) << PAGE_SHIFT >= inode.size:
        return False
    start = max(page & -_WINDOW, region.start)
    end = min((page & -_WINDOW) + _WINDOW, region.end)
    content = inode.content(start - region.start + region.offset, end - start)
    bits = entry_bits(region.prot)
    entry, frames = pages.tables.entry, pages.frames
    device = None if bits & WRITABLE else _device(region)
    for done in range(0, len(content), PAGE_SIZE):
        if entry(start + done) & PRESENT:
            continue
        index = region.page_index(start + done)
        frame = None if inode.mapped is None else inode.mapped.shared_frame(index)
        if frame is not None:
            frames.physical.share(frame)
            pages.install(start + done, frame, bits & ~WRITABLE)
            continue
        piece = content[done : done + PAGE_SIZE]
        if device is None:
            frame = frames.filled(piece)
        else:
            frame = frames.of_file((*device, index), piece.ljust(PAGE_SIZE, b"\0"))
        pages.install(start + done, frame, bits)
    return True


def _device(region: Region) -> tuple[int, int]:
    """Device and inode of the file: with the page's index, what a page that is kept is named."""
    assert region.file is not None
    status = region.file.inode.stat()
    return status.st_dev, status.st_ino


def _make_anonymous(region: Region, pages: Pages, page: int) -> None:
    """Makes `page`, and some behind it if the last fault populated up to here."""
    region.run = min(2 * region.run, FAULT_AROUND) if page == region.ahead else 1
    end = min(page + region.run * PAGE_SIZE, region.end)
    region.ahead = end
    bits = entry_bits(region.prot)
    entry = pages.tables.entry
    pages.install(page, pages.frames.fresh(), bits)
    for address in range(page + PAGE_SIZE, end, PAGE_SIZE):
        if not pages.frames.physical.frames_free:
            break
        if not entry(address) & PRESENT:
            pages.install(address, pages.frames.fresh(), bits)
