"""The guest's RAM: one anonymous host mapping, handed out in zeroed frames of one page.

It knows physical addresses only; linear addresses and permissions belong to pagetables.py.
A frame is counted: `share` lets a second page use it, `free` gives one use back.
"""

from __future__ import annotations

import mmap
from typing import Final

from emu.errors import MemorySizeError, OutOfFrames
from emu.x86.paging import PAGE_SIZE

MINIMUM_SIZE: Final = 4 << 20
MAXIMUM_SIZE: Final = 64 << 30
DEFAULT_SIZE: Final = 1 << 30


class PhysicalMemory:
    """RAM of `size` bytes at physical address 0. Frame 0 is never handed out.

    Raises:
        MemorySizeError: the size is no whole number of pages, or out of bounds.
    """

    def __init__(self, size: int) -> None:
        if size % PAGE_SIZE:
            raise MemorySizeError(f"memory of {size} bytes is no whole number of 4096-byte pages")
        if not MINIMUM_SIZE <= size <= MAXIMUM_SIZE:
            raise MemorySizeError(
                f"memory of {size >> 20} MiB is out of bounds: choose from "
                f"{MINIMUM_SIZE >> 20} MiB to {MAXIMUM_SIZE >> 30} GiB"
            )
        self.size = size
        try:
            self.mapping = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _LAZY)
        except OSError as error:
            raise MemorySizeError(f"the host refuses {size >> 20} MiB of memory: {error}") from None
        self.view: Final = memoryview(self.mapping)
        self.words: Final = self.view.cast("Q")
        self._next = PAGE_SIZE
        self._free: list[int] = []
        self._uses: dict[int, int] = {}

    def allocate(self) -> int:
        """The physical address of a zeroed frame that nobody uses.

        Raises:
            OutOfFrames: RAM is used up.
        """
        if self._free:
            frame = self._free.pop()
            self.view[frame : frame + PAGE_SIZE] = _ZERO_PAGE
            return frame
        frame = self._next
        if frame >= self.size:
            raise OutOfFrames(f"the guest's {self.size >> 20} MiB of memory are used up")
        self._next = frame + PAGE_SIZE
        return frame

    def share(self, frame: int) -> None:
        """One more page uses `frame`."""
        self._uses[frame] = self._uses.get(frame, 1) + 1

    def is_shared(self, frame: int) -> bool:
        """Whether more than one page uses `frame`."""
        return frame in self._uses

    def free(self, frame: int) -> None:
        """One page less uses `frame`; the last use gives it back."""
        assert frame not in self._free[-1:], f"frame {frame:#x} was given back twice"
        uses = self._uses.pop(frame, 1) - 1
        if uses > 1:
            self._uses[frame] = uses
        if not uses:
            self._free.append(frame)

    @property
    def frames_free(self) -> int:
        """How many frames `allocate` can still hand out."""
        return len(self._free) + (self.size - self._next) // PAGE_SIZE


_ZERO_PAGE: Final = bytes(PAGE_SIZE)
_LAZY: Final = getattr(mmap, "MAP_NORESERVE", 0)
