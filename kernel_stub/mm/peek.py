"""What a page would hold if it were touched: for a debugger, which must not touch it.

No page is made and no fault is counted, so a program that is looked at runs as one that is not.
It knows what regions are backed by; pages that are there already are not its business.
"""

from __future__ import annotations

from emu.x86.paging import ADDRESS_MASK, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from kernel_stub.mm.flags import PROT_NONE
from kernel_stub.mm.regions import Region
from kernel_stub.mm.space import AddressSpace


def peek(space: AddressSpace, address: int, size: int) -> bytes:
    """Up to `size` bytes at `address`, not beyond its page; none where a touch would be a fault."""
    region = space.regions.find(address)
    if region is None or region.prot == PROT_NONE:
        return b""
    page, offset = address & PAGE_MASK, address & ~PAGE_MASK
    content = page_content(space, region, page)
    return content[offset : offset + size]


def page_content(space: AddressSpace, region: Region, page: int) -> bytes:
    """What the page at `page`, which nobody has touched, would hold."""
    index = region.page_index(page)
    if region.shared is not None and region.shared.has(index):
        frame = region.shared.frame(index)
        assert frame is not None, "a page that is in memory has a frame"
        frame &= ADDRESS_MASK
        return bytes(space.frames.physical.view[frame : frame + PAGE_SIZE])
    inode = region.file.inode if region.file is not None else None
    if inode is None:
        return bytes(PAGE_SIZE)
    if index << PAGE_SHIFT >= inode.size:
        return b""
    return inode.content(index << PAGE_SHIFT, PAGE_SIZE).ljust(PAGE_SIZE, b"\0")
