"""The guest's RAM: one anonymous host mapping, handed out in zeroed frames of one page.

It knows physical addresses only; linear addresses and permissions belong to pagetables.py.
A frame is counted: `share` lets a second page use it, `free` gives one use back. A frame may be
kept under a name, for whoever wants the same content again; where RAM ends, those go first.
"""

from __future__ import annotations

import mmap
from collections.abc import Hashable
from typing import Final, NamedTuple

from emu.errors import MemorySizeError, OutOfFrames
from emu.x86.paging import PAGE_SIZE

MINIMUM_SIZE: Final = 4 << 20
MAXIMUM_SIZE: Final = 64 << 30
DEFAULT_SIZE: Final = 1 << 30


class Kept(NamedTuple):
    """Which frames were used at one moment."""

    next: int
    free: list[int]
    uses: dict[int, int]
    named: dict[Hashable, int]


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
        self._named: dict[Hashable, int] = {}

    def allocate(self) -> int:
        """The physical address of a zeroed frame that nobody uses.

        Raises:
            OutOfFrames: RAM is used up.
        """
        if not self._free and self._next < self.size:
            self._next += PAGE_SIZE
            return self._next - PAGE_SIZE
        if not self._free:
            self.forget()
            if not self._free:
                raise OutOfFrames(f"the guest's {self.size >> 20} MiB of memory are used up")
        frame = self._free.pop()
        self.view[frame : frame + PAGE_SIZE] = _ZERO_PAGE
        return frame

    def keep(self, name: Hashable, frame: int) -> None:
        """`frame` stays as it is, also when no page uses it, until RAM is used up."""
        self.share(frame)
        self._named[name] = frame

    def named(self, name: Hashable) -> int | None:
        """The frame that is kept under `name`."""
        return self._named.get(name)

    def forget(self, name: Hashable | None = None) -> None:
        """The frame under `name` is kept no more; without one, none is."""
        for one in list(self._named) if name is None else [name]:
            self.free(self._named.pop(one))

    def share(self, frame: int) -> None:
        """One more page uses `frame`."""
        self._uses[frame] = self._uses.get(frame, 1) + 1

    def is_shared(self, frame: int) -> bool:
        """Whether more than one page uses `frame`."""
        return frame in self._uses

    def uses(self, frame: int) -> int:
        """How many pages use `frame`; that it is kept under a name counts too."""
        return self._uses.get(frame, 1)

    def free(self, frame: int) -> None:
        """One page less uses `frame`; the last use gives it back."""
        assert frame not in self._free[-1:], f"frame {frame:#x} was given back twice"
        uses = self._uses.pop(frame, 1) - 1
        if uses > 1:
            self._uses[frame] = uses
        if not uses:
            self._free.append(frame)

    @property
    def used(self) -> int:
        """Above this address no frame was ever handed out."""
        return self._next

    def kept(self) -> Kept:
        """Which frames are used, and how often: for `restore`."""
        return Kept(self._next, list(self._free), dict(self._uses), dict(self._named))

    def restore(self, kept: Kept) -> None:
        """The frames of `kept` are used again; what stands in them is the caller's to restore."""
        self._next = kept.next
        self._free, self._uses = list(kept.free), dict(kept.uses)
        self._named = dict(kept.named)

    @property
    def frames_free(self) -> int:
        """How many frames `allocate` can still hand out."""
        return len(self._free) + (self.size - self._next) // PAGE_SIZE


_ZERO_PAGE: Final = bytes(PAGE_SIZE)
_LAZY: Final = getattr(mmap, "MAP_NORESERVE", 0)
