"""The page `[vvar]`: how far each clock is ahead of the time-stamp counter, for the vDSO to read.

One frame of the kernel's, shown read-only in front of each program's vDSO. The kernel renews it
while no program runs, so it needs no lock. It does not know what a clock is. vdso(7).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from emu.x86.paging import PAGE_SIZE
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.backing import SharedPages
from kernel_stub.mm.flags import MAP_FIXED, MAP_PRIVATE, PROT_READ

NAME: Final = b"[vvar]"
VVAR: Final = Struct("<I4xQQ")  # mode, padding; what to add for the wall clocks, for the others
OFFSETS: Final = {"VVAR_MODE": 0, "VVAR_WALL": 8, "VVAR_UPTIME": 16}
ASK_THE_KERNEL: Final = 0
COUNTER: Final = 1


class ClockPage:
    """The clocks of one kernel. Until a program maps the page, it is only remembered."""

    def __init__(self) -> None:
        self.values = (ASK_THE_KERNEL, 0, 0)
        self._pages: SharedPages | None = None
        self._content: memoryview | None = None

    def publish(self, mode: int, wall: int, uptime: int) -> None:
        """From now on the clocks are so far ahead, or with ASK_THE_KERNEL nobody can tell."""
        self.values = mode, wall, uptime
        if self._content is not None:
            VVAR.pack_into(self._content, 0, *self.values)

    def show(self, space: AddressSpace, address: int) -> None:
        """Maps the page at `address` of `space`. Raises OutOfFrames, Errno."""
        if self._pages is None:
            self._pages = space.shared_files.anonymous(1)
            self._pages.retain(1)  # the kernel's own use
            frame = self._pages.frame(0)
            assert frame is not None
            self._content = space.frames.physical.view[frame : frame + PAGE_SIZE]
            self.publish(*self.values)
        space.mmap(address, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, name=NAME)
        region = space.regions.find(address)
        assert region is not None
        region.shared = self._pages
        self._pages.retain(region.pages)
