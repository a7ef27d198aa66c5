"""The frames that user pages lie in, and which of them the processor may have translated.

The processor notices a store of the guest into code, but not what the kernel writes into a frame
from Python. So frames that ever were executable are remembered here, and translations are dropped
when one of them becomes executable again with a new content. It does not know addresses.
SDM 3A, "Self-Modifying Code"; Linux kernel documentation, "Cache and TLB Flushing Under Linux".
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from emu.memory.physical import PhysicalMemory
from emu.x86.paging import PAGE_SIZE


class Processor(Protocol):
    """What memory management asks of the processor."""

    def flush_tlb(self) -> None:
        """Forgets every translated address: page tables lost a right or a page."""

    def flush_code(self) -> None:
        """Forgets all translated code."""

    def drop_code(self, address: int, size: int) -> None:
        """Forgets code translated from `size` bytes at the linear `address`, mapped executable."""


class Frames:
    """One machine's frames for user pages; all address spaces share it."""

    def __init__(self, physical: PhysicalMemory, cpu: Processor) -> None:
        self.physical = physical
        self.cpu = cpu
        self._executable: set[int] = set()
        self._stale: set[int] = set()

    def fresh(self) -> int:
        """A zeroed frame with one user. Raises OutOfFrames."""
        frame = self.physical.allocate()
        if frame in self._executable:
            self._stale.add(frame)
        return frame

    def filled(self, content: bytes | memoryview) -> int:
        """A fresh frame that begins with `content`. Raises OutOfFrames."""
        frame = self.fresh()
        self.physical.view[frame : frame + len(content)] = content
        return frame

    def of_file(self, name: Hashable, content: bytes) -> int:
        """A frame that shows `content`, the page of a file that `name` tells; it must not change.

        Pages of the same content under one name share it, and so what was translated from it.
        Raises OutOfFrames.
        """
        physical = self.physical
        frame = physical.named(name)
        if frame is not None:
            if physical.mapping[frame : frame + PAGE_SIZE] == content:
                physical.share(frame)
                return frame
            physical.forget(name)
        frame = self.filled(content)
        physical.keep(name, frame)
        return frame

    def free(self, frame: int) -> None:
        """One page less uses `frame`."""
        self.physical.free(frame)

    def becomes_executable(self, frame: int) -> None:
        """A page with the right to execute is about to show `frame`."""
        if frame in self._stale:
            self._stale.clear()
            self.cpu.flush_code()
        self._executable.add(frame)

    def was_executable(self, frame: int) -> bool:
        """Whether the processor may hold code translated from `frame`."""
        return frame in self._executable

    def changed(self, frame: int) -> None:
        """The kernel wrote into `frame`, which no page shows as executable now."""
        if frame in self._executable:
            self._stale.add(frame)
