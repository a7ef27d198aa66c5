"""What /proc tells of memory: a process's mappings and pages, and the machine's RAM.

proc(5): /proc/pid/smaps, /proc/pid/statm, /proc/pid/status, /proc/pid/pagemap, /proc/meminfo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emu.x86.paging import PAGE_SIZE
from kernel_stub.errno import EINVAL, Errno
from kernel_stub.layout import USER_64
from kernel_stub.mm import usage
from kernel_stub.mm.flags import MAP_GROWSDOWN, PROT_EXEC, PROT_WRITE
from kernel_stub.mm.maps import line_of
from kernel_stub.mm.regions import Region
from kernel_stub.mm.usage import Usage
from kernel_stub.vfs.inode import Inode
from kernel_stub.vfs.seekable import SeekableFile
from kernel_stub.vfs.storage import new_offset

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

_KILO: Final = 1024
_ENTRY: Final = 8  # bytes of pagemap for each page
_PAGES: Final = USER_64.task_size // PAGE_SIZE
_ROLLUP: Final = b"%08x-%08x ---p 00000000 00:00 0 "
_NAME_COLUMN: Final = 73


def _rows(used: Usage) -> list[tuple[bytes, int]]:
    """The rows of smaps that count, in bytes; what this kernel does not have is 0."""
    page = PAGE_SIZE
    rows = [
        (b"Rss", used.resident * page),
        (b"Pss", used.proportional),
        (b"Pss_Dirty", used.proportional_dirty),
        (b"Shared_Clean", used.shared_clean * page),
        (b"Shared_Dirty", used.shared_dirty * page),
        (b"Private_Clean", used.private_clean * page),
        (b"Private_Dirty", used.private_dirty * page),
        (b"Referenced", used.referenced * page),
        (b"Anonymous", used.anonymous * page),
    ]
    absent = b"KSM LazyFree AnonHugePages ShmemPmdMapped FilePmdMapped Shared_Hugetlb "
    absent += b"Private_Hugetlb Swap SwapPss"
    rows += [(name, 0) for name in absent.split()]
    return [*rows, (b"Locked", used.locked * page)]


def _shown(rows: list[tuple[bytes, int]]) -> bytes:
    return b"".join(b"%-16s%8d kB\n" % (name + b":", size // _KILO) for name, size in rows)


def smaps(task: Caller) -> bytes:
    """Each mapping with what it takes."""
    space, texts = task.space, []
    for region in space.regions:
        sizes = [(b"Size", region.end - region.start)]
        sizes += [(b"KernelPageSize", PAGE_SIZE), (b"MMUPageSize", PAGE_SIZE)]
        rows = _shown(sizes + _rows(usage.of_region(space.pages, region)))
        last = b"THPeligible:           0\nVmFlags: %s\n" % usage.letters(region)
        texts.append(line_of(region) + b"\n" + rows + last)
    return b"".join(texts)


def smaps_rollup(task: Caller) -> bytes:
    """What all mappings take together."""
    space = task.space
    regions = list(space.regions)
    if not regions:
        return b""
    head = _ROLLUP % (regions[0].start, regions[-1].end)
    rows = _rows(usage.of_regions(space.pages, regions))
    return head.ljust(_NAME_COLUMN) + b"[rollup]\n" + _shown(rows)


def _pages(regions: list[Region]) -> int:
    return sum(region.pages for region in regions)


def _of_program(space: Any) -> list[Region]:
    """The mappings of code in the program's own file: the first file that is mapped."""
    files = [region for region in space.regions if region.file is not None]
    first = files[0].file.inode if files else None
    return [one for one in files if one.file.inode is first and one.prot & PROT_EXEC]


def _is_data(region: Region) -> bool:
    """Whether it is private and writable, or a stack."""
    return region.is_data or bool(region.flags & MAP_GROWSDOWN and region.prot & PROT_WRITE)


def statm(task: Caller) -> bytes:
    space = task.space
    used = usage.of_regions(space.pages, space.regions)
    shared = used.resident - used.anonymous
    text, data = _pages(_of_program(space)), _pages([r for r in space.regions if _is_data(r)])
    numbers = (space.regions.size, used.resident, shared, text, data)
    return b"%d %d %d %d 0 %d 0\n" % numbers


def status_rows(task: Caller) -> list[tuple[bytes, bytes]]:
    """The rows of /proc/pid/status about memory."""
    space = task.space
    used = usage.of_regions(space.pages, space.regions)
    stacks = [region for region in space.regions if region.flags & MAP_GROWSDOWN]
    code = [region for region in space.regions if region.prot & PROT_EXEC]
    own = _pages(_of_program(space))
    counted = {
        b"VmPeak": space.regions.size,
        b"VmSize": space.regions.size,
        b"VmLck": sum(r.pages for r in space.regions if usage.is_locked(r)),
        b"VmPin": 0,
        b"VmHWM": max(space.pages.most_resident, used.resident),
        b"VmRSS": used.resident,
        b"RssAnon": used.anonymous,
        b"RssFile": used.resident - used.anonymous,
        b"RssShmem": 0,
        b"VmData": _pages([region for region in space.regions if region.is_data]),
        b"VmStk": _pages(stacks),
        b"VmExe": own,
        b"VmLib": max(_pages(code) - own, 0),
        b"VmPTE": space.tables.count(),
        b"VmSwap": 0,
    }
    return [(name, b"%8d kB" % (n * PAGE_SIZE // _KILO)) for name, n in counted.items()]


def meminfo(task: Caller, total: int) -> bytes:
    """RAM of `total` bytes: what is free, and what programs take of it."""
    ram = task.kernel.physical
    total, free = total // _KILO, ram.frames_free * PAGE_SIZE // _KILO
    spaces = {id(leader.space): leader.space for leader in task.kernel.leaders()}
    used = [usage.of_regions(space.pages, space.regions) for space in spaces.values()]
    anonymous = sum(one.anonymous for one in used) * PAGE_SIZE // _KILO
    mapped = sum(one.resident - one.anonymous for one in used) * PAGE_SIZE // _KILO
    tables = sum(space.tables.count() for space in spaces.values()) * PAGE_SIZE // _KILO
    committed = sum(space.regions.committed for space in spaces.values()) * PAGE_SIZE // _KILO
    rows = {
        b"MemTotal": total,
        b"MemFree": free,
        b"MemAvailable": free,
        **dict.fromkeys(b"Buffers Cached SwapCached".split(), 0),
        b"Active": anonymous,
        b"Inactive": 0,
        b"Active(anon)": anonymous,
        **dict.fromkeys(b"Inactive(anon) Active(file) Inactive(file) Unevictable".split(), 0),
        b"Mlocked": sum(one.locked for one in used) * PAGE_SIZE // _KILO,
        **dict.fromkeys(b"SwapTotal SwapFree Dirty Writeback".split(), 0),
        b"AnonPages": anonymous,
        b"Mapped": mapped,
        **dict.fromkeys(b"Shmem KReclaimable Slab SReclaimable SUnreclaim".split(), 0),
        b"PageTables": tables,
        b"CommitLimit": total,
        b"Committed_AS": committed,
        b"VmallocTotal": 34359738367,
        b"VmallocUsed": 0,
        b"AnonHugePages": 0,
    }
    shown = [b"%-15s %8d kB\n" % (name + b":", size) for name, size in rows.items()]
    huge = (b"Total", b"Free", b"Rsvd", b"Surp")
    shown += [b"%-15s %8d\n" % (b"HugePages_" + name + b":", 0) for name in huge]
    return b"".join([*shown, b"Hugepagesize:       2048 kB\n"])


class Pagemap(SeekableFile):
    """An open pagemap: one entry for each page, as they are when they are read."""

    pollable = False
    in_pieces = True

    def __init__(self, inode: Inode, flags: int, whose: Caller) -> None:
        super().__init__(inode, flags)
        self.whose = whose

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        if offset % _ENTRY or size % _ENTRY:
            raise Errno(EINVAL)
        first = offset // _ENTRY
        count = max(min(size // _ENTRY, _PAGES - first), 0)
        space = self.whose.space
        return usage.pagemap(space.regions, space.pages, first, count, not task.uid)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        self.offset = new_offset(offset, whence, self.offset, 0)
        return self.offset
