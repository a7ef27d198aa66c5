"""An address space: mmap, munmap, mprotect and brk, with memory that exists from the touch on.

Linux's rules without address randomisation. What a region is backed by was decided by the caller;
which system call asked, it does not know. Memory is promised only as far as RAM goes: a mapping
that could not be filled is refused at once (as Linux with vm.overcommit_memory=2, but for
MAP_STACK, MAP_GROWSDOWN and MAP_NORESERVE).
mmap(2), munmap(2), mprotect(2), brk(2).
"""

from __future__ import annotations

from typing import Any, Final

from emu.errors import OutOfFrames
from emu.memory.pagetables import PageTables
from emu.memory.physical import PhysicalMemory
from emu.x86.paging import PAGE_MASK, PAGE_SHIFT, page_up
from kernel_stub.errno import EACCES, EEXIST, EFAULT, EINVAL, ENOMEM, EPERM, Errno
from kernel_stub.layout import LOWEST_MAPPING, STACK_LIMIT, USER_64, UserLayout
from kernel_stub.mm.backing import SharedFiles
from kernel_stub.mm.coherence import Mappings
from kernel_stub.mm.faults import FaultResult, resolve
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_SHARED,
    MAP_STACK,
    PROT_EXEC,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.mm.forking import copy_content
from kernel_stub.mm.frames import Frames, Processor
from kernel_stub.mm.ldt import LocalTable
from kernel_stub.mm.maps import maps_text
from kernel_stub.mm.pages import Pages, entry_bits
from kernel_stub.mm.regions import KEPT_FLAGS, MappedFile, Region, Regions

UNLIMITED: Final = 1 << 64
# One part in 32 of RAM is kept from further processes: those that are there still copy pages.
_RESERVE_SHIFT: Final = 5
_RIGHTS: Final = PROT_READ | PROT_WRITE | PROT_EXEC


class AddressSpace:
    """The memory of one program. `tables.root` is what CR3 holds while it runs.

    `layout` says where things are sought; `stack_limit`, `data_limit` and `size_limit` are
    RLIMIT_STACK, RLIMIT_DATA and RLIMIT_AS; with `read_implies_exec` (a personality), all that is
    readable is executable. A second space of one machine is made `beside` the first.
    """

    def __init__(
        self,
        physical: PhysicalMemory,
        cpu: Processor,
        kernel_half: PageTables | None = None,
        layout: UserLayout = USER_64,
        beside: AddressSpace | None = None,
    ) -> None:
        self.frames: Frames = beside.frames if beside else Frames(physical, cpu)
        self.shared_files: SharedFiles = beside.shared_files if beside else SharedFiles(self.frames)
        self.mappings: Mappings = beside.mappings if beside else Mappings(self.shared_files)
        self.mappings.add(self)
        self.pages = Pages(self.frames)
        self.tables = self.pages.tables
        if kernel_half is not None:
            self.tables.adopt(kernel_half)
        self.ldt = LocalTable(self.tables, self.frames)
        self.regions = Regions()
        self.layout = layout
        self.stack_limit = STACK_LIMIT
        self.data_limit = UNLIMITED
        self.size_limit = UNLIMITED
        self.read_implies_exec = False
        self.locks_to_come = 0  # marks of every new region: LOCKED, perhaps LOCKED_ON_FAULT
        self.break_start = self.break_end = 0
        self.users = 1  # tasks
        self.barriers = 0  # membarrier(2): what its program registered
        self.program: Any = None  # the inode that runs here; nobody may write to it
        self.vdso_base = 0  # where the kernel's shared object is mapped; 0: not, or not known

    # --- what the processor and copy_in, copy_out ask ---

    def fault(self, address: int, error_code: int) -> FaultResult:
        """Answers a #PF at `address`; the result is true if the access can be repeated."""
        return resolve(self.regions, self.pages, self.stack_limit, address, error_code)

    def futex_key(self, address: int, private: bool = False) -> tuple[object, ...]:
        """What names the futex at `address` to all who share it; `private`: to this space alone.

        Raises Errno(EFAULT), if nothing can be shared there.
        """
        if private:
            return self, address
        region = self.regions.find(address)
        if region is None or region.prot == PROT_NONE:
            raise Errno(EFAULT)
        if region.shared is not None:
            return region.shared, address - region.start + region.offset
        return self, address, MAP_SHARED  # the same word, but who waits privately is not there

    def wrote(self, address: int, size: int) -> None:
        """The kernel wrote `size` bytes into the guest's memory at `address`."""
        self.pages.wrote(address, size)

    def maps_text(self) -> bytes:
        """What /proc/pid/maps tells."""
        return maps_text(self.regions)

    # --- what mmap(2) and its kin do ---

    def mmap(
        self,
        address: int,
        length: int,
        prot: int,
        flags: int,
        file: MappedFile | None = None,
        offset: int = 0,
        name: bytes = b"",
        layout: UserLayout | None = None,
        task: Any = None,
    ) -> int:
        """Maps `length` bytes of `file` from `offset`, or of zeroes; returns where.

        A file that is mapped shared is written back in the name of `task`.

        Raises Errno: EINVAL, ENOMEM, EEXIST, EPERM as mmap(2).
        """
        layout = layout or self.layout
        size = page_up(length)
        if not length or offset & ~PAGE_MASK:
            raise Errno(EINVAL)
        if self.regions.is_full or size > layout.task_size:
            raise Errno(ENOMEM)
        if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE):
            self._check_fixed(address, size, flags, layout)
        else:
            address = self.choose(address, size, layout)
        kept = flags & KEPT_FLAGS | self.locks_to_come
        kept |= MAP_NORESERVE if flags & MAP_STACK else 0  # few pages of a thread's are touched
        region = Region(address, address + size, self.rights(prot), kept, file, None, offset, name)
        replaced = self.regions.pages_within(address, address + size)
        self.require_room(region.pages - replaced, region.is_data)
        self._check_commit(region)
        self.munmap(address, size)
        if file is not None:
            self.mappings.watch(file.inode)
        if flags & MAP_SHARED:
            self._share(region, task)
        self.regions.insert(region)
        return address

    def _share(self, region: Region, task: Any) -> None:
        """Gives `region` the pages that every other mapping of its file has too."""
        if region.file is None:
            region.shared = self.shared_files.anonymous(region.pages)
        else:
            region.shared = self.shared_files.pages_of(region.file.inode, task)
        region.shared.retain(region.pages)

    def _check_fixed(self, address: int, size: int, flags: int, layout: UserLayout) -> None:
        if address & ~PAGE_MASK:
            raise Errno(EINVAL)
        if address + size > self.layout.task_size:
            raise Errno(ENOMEM)
        if address < LOWEST_MAPPING:
            raise Errno(EPERM)
        if flags & MAP_FIXED_NOREPLACE and self.regions.overlapping(address, address + size):
            raise Errno(EEXIST)

    def choose(self, hint: int, size: int, layout: UserLayout | None = None) -> int:
        """Where to map `size` bytes: at the page of `hint` if that is free.

        Raises Errno(ENOMEM).
        """
        layout = layout or self.layout
        hint = hint & PAGE_MASK
        if LOWEST_MAPPING <= hint <= layout.task_size - size and self.is_free(hint, size):
            return hint
        found = self.regions.find_gap(size, layout)
        if found is None:
            raise Errno(ENOMEM)
        return found

    def is_free(self, start: int, size: int) -> bool:
        """Whether nothing is mapped there, nor needs it free."""
        above = self.regions.above(start)
        return not self.regions.overlapping(start, start + size) and (
            above is None or start + size <= above.lowest
        )

    def rights(self, prot: int) -> int:
        """The rights that a request for `prot` gives in this space."""
        prot &= _RIGHTS
        if self.read_implies_exec and prot & PROT_READ:
            prot |= PROT_EXEC
        return prot

    def _check_commit(self, new: Region) -> None:
        """Refuses `new`, which replaces what is there, if RAM cannot fill it.

        Raises Errno(ENOMEM).
        """
        if not new.is_committed:
            return
        replaced = 0
        for region in self.regions.overlapping(new.start, new.end):
            if region.is_committed:
                replaced += region.part(new.start, new.end).pages
        self.check_promise(new.pages - replaced)

    def require_room(self, more: int, is_data: bool) -> None:
        """Raises Errno(ENOMEM): RLIMIT_AS or RLIMIT_DATA (0: none) has no room for `more` pages."""
        if self.regions.size + more > self.size_limit >> PAGE_SHIFT:
            raise Errno(ENOMEM)
        if is_data and self.data_limit and self.regions.data + more > self.data_limit >> PAGE_SHIFT:
            raise Errno(ENOMEM)

    def check_promise(self, more: int) -> None:
        """Refuses to promise `more` pages more than RAM has. Raises Errno(ENOMEM)."""
        if more > 0 and self.regions.committed + more > self.frames.physical.size >> PAGE_SHIFT:
            raise Errno(ENOMEM)

    def munmap(self, address: int, size: int) -> None:
        """Unmaps `size` bytes, a multiple of the page size, at `address`."""
        if not size:
            return
        for region in self.regions.remove(address, address + size):
            self.pages.drop(region.start, region.end)
            if region.shared is not None:
                self.shared_files.release(region.shared, region.pages)

    def mprotect(self, address: int, size: int, prot: int) -> None:
        """Gives `size` bytes at `address` the rights `prot`. Raises Errno: ENOMEM, EACCES."""
        if self.regions.is_full:
            raise Errno(ENOMEM)  # it might cut one in two
        prot = self.rights(prot)
        end = self.regions.covered_until(address, address + size)
        if prot & PROT_WRITE and any(r.is_kernels for r in self.regions.overlapping(address, end)):
            raise Errno(EACCES)
        self._check_new_rights(address, end, prot)
        for region in self.regions.remove(address, end):
            if region.prot != prot:
                self._protect(region, prot)
            self.regions.insert(region)
        if end < address + size:
            raise Errno(ENOMEM)

    def _check_new_rights(self, start: int, end: int, prot: int) -> None:
        """The pages that mprotect to `prot` makes writable find room and RAM. Raises Errno."""
        promised = data = 0
        for region in self.regions.overlapping(start, end):
            part = region.part(start, end)
            part.set_rights(prot)
            promised += part.pages * (part.is_committed and not region.is_committed)
            data += part.pages * (part.is_data and not region.is_data)
        if data:
            self.require_room(data, is_data=True)
        self.check_promise(promised)

    def _protect(self, region: Region, prot: int) -> None:
        region.set_rights(prot)
        if prot == PROT_NONE:
            self.pages.hide(region.start, region.end)
        else:
            self.pages.protect(region.start, region.end, entry_bits(prot))

    def mark(self, start: int, end: int, marks: int, unmarks: int = 0) -> None:
        """Gives the regions from `start` up to `end` the flags `marks`, and takes `unmarks`."""
        for region in self.regions.remove(start, end):
            region.flags = region.flags & ~unmarks | marks
            self.regions.insert(region)

    def set_break(self, address: int) -> int:
        """brk(2) as the kernel does it: moves the end of the heap if possible; returns the end."""
        if address < self.break_start:
            return self.break_end
        old, new = page_up(self.break_end), page_up(address)
        if new < old:
            self.munmap(new, old - new)
        elif new > old and not self._grow_heap(old, new):
            return self.break_end
        self.break_end = address
        return address

    def _grow_heap(self, old: int, new: int) -> bool:
        if new - self.break_start > self.data_limit or not self.is_free(old, new - old):
            return False
        flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        try:
            self.mmap(old, new - old, PROT_READ | PROT_WRITE, flags, name=b"[heap]")
        except Errno:
            return False
        return True

    def fork(self, kernel_half: PageTables) -> AddressSpace:
        """Another space with the same content: private pages are copied when one is written.

        Raises Errno(ENOMEM).
        """
        physical = self.frames.physical
        try:
            if physical.frames_free < physical.size >> PAGE_SHIFT + _RESERVE_SHIFT:
                raise OutOfFrames
            other = AddressSpace(physical, self.frames.cpu, kernel_half, self.layout, beside=self)
            copy_content(self, other)
        except OutOfFrames:
            raise Errno(ENOMEM) from None
        return other

    def runs(self, program: Any) -> None:
        """`program`, an inode, runs here from now on; None: nothing does any more."""
        for inode, change in ((self.program, -1), (program, 1)):
            if inode is not None:
                inode.running += change
        self.program = program

    def release(self) -> None:
        """Ends it: shared file pages are written back, every frame is given back."""
        self.runs(None)
        self.munmap(0, self.layout.task_size)
        self.ldt.release()
        self.tables.release()
