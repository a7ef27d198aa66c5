"""The lines of /proc/pid/maps. proc(5)."""

from __future__ import annotations

from typing import Final

from emu.x86.paging import PAGE_SIZE
from kernel_stub.layout import VSYSCALL_PAGE
from kernel_stub.mm.flags import MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE
from kernel_stub.mm.regions import Region, Regions

_NAME_COLUMN: Final = 73
# What Linux adds for 64-bit programs: no region, and no page is there.
VSYSCALL_LINE: Final = (
    b"%x-%x --xp 00000000 00:00 0 " % (VSYSCALL_PAGE, VSYSCALL_PAGE + PAGE_SIZE)
).ljust(_NAME_COLUMN) + b"[vsyscall]\n"


def maps_text(regions: Regions) -> bytes:
    """One line for each region."""
    return b"".join(line_of(region) + b"\n" for region in regions)


def line_of(region: Region) -> bytes:
    """The line of `region`, without its end."""
    device, number = 0, 0
    if region.file is not None:
        status = region.file.inode.stat()
        device, number = status.st_dev, status.st_ino
    major, minor = device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00
    line = b"%08x-%08x %s %08x %02x:%02x %d " % (
        region.start,
        region.end,
        _rights(region),
        region.offset,
        major,
        minor,
        number,
    )
    return line.ljust(_NAME_COLUMN) + region.name if region.name else line


def _rights(region: Region) -> bytes:
    return bytes(
        (
            ord("r") if region.prot & PROT_READ else ord("-"),
            ord("w") if region.prot & PROT_WRITE else ord("-"),
            ord("x") if region.prot & PROT_EXEC else ord("-"),
            ord("s") if region.flags & MAP_SHARED else ord("p"),
        )
    )
