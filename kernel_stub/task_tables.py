"""The tables that the CPU reads for the task that runs: the I/O bitmap of the TSS, and the LDT.

A kernel sets them when a task asks for them, and when another task gets the CPU. What a task may
ask for, it does not know. Where no task asked, there is nothing to do, and no memory is used.
SDM 1, "I/O Permission Bit Map"; SDM 2A, "LLDT"; Linux: iopl(2), ioperm(2), modify_ldt(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emu.cpu.state import Segment
from emu.x86 import descriptors, registers
from emu.x86.paging import PAGE_SIZE, page_up
from kernel_stub import layout
from kernel_stub.boot import loaded_data

if TYPE_CHECKING:
    from kernel_stub.boot import KernelHalf
    from kernel_stub.mm.ldt import LocalTable
    from kernel_stub.task import Task

EVERY_PORT: Final = 3  # the level of iopl(2) that has an effect
_NONE: Final = b"\xff" * 8  # what stands behind a bitmap
_PRESENT: Final = 0x8000


class TaskTables:
    """The bitmap and the LDT of the task on the CPU. The state block must be loaded."""

    def __init__(self, half: KernelHalf) -> None:
        self._half = half
        self._has_bitmaps = False
        self._iomap_base = layout.IO_BITMAP_NONE
        self._ldt_size = 0

    def follow(self, task: Task) -> None:
        """The CPU sees the ports and the LDT of `task` from now on."""
        self._follow_ports(task.io_level, task.io_bitmap)
        self._follow_ldt(task.space.ldt)

    # ---- ports

    def _follow_ports(self, level: int, bitmap: bytes | None) -> None:
        if level == EVERY_PORT:
            base = layout.IO_BITMAP_ALL
        elif bitmap is not None:
            base = layout.IO_BITMAP
        else:
            base = layout.IO_BITMAP_NONE
        if base != layout.IO_BITMAP_NONE and not self._has_bitmaps:
            self._map_bitmaps()
        if base == layout.IO_BITMAP and bitmap is not None:
            self._half.tables.write(layout.TSS_BASE + layout.IO_BITMAP, bitmap)
        if base != self._iomap_base:
            at = layout.TSS_BASE + descriptors.TSS_IOMAP_BASE
            self._half.tables.write(at, base.to_bytes(2, "little"))
            self._iomap_base = base

    def _map_bitmaps(self) -> None:
        """The rest of the TSS. Its first page, with the stacks, was there from the start."""
        self._half.map_data(layout.TSS_BASE + PAGE_SIZE, page_up(layout.TSS_LIMIT) - PAGE_SIZE)
        for bitmap in (layout.IO_BITMAP, layout.IO_BITMAP_ALL):
            self._half.tables.write(layout.TSS_BASE + bitmap + layout.IO_BITMAP_SIZE, _NONE)
        self._has_bitmaps = True

    # ---- the LDT

    def _follow_ldt(self, table: LocalTable) -> None:
        """LLDT with a descriptor of `table`, or with a null selector where there is none."""
        if not table.size and not self._ldt_size:
            return
        limit = max(table.size - 1, 0)
        descriptor = descriptors.SYSTEM.pack(
            base=layout.LDT_BASE,
            limit=limit,
            type=descriptors.TYPE_LDT,
            present=int(table.size > 0),
        )
        at = layout.GDT_BASE + layout.LDT_SELECTOR
        self._half.tables.write(at, descriptor.to_bytes(descriptors.SYSTEM.size, "little"))
        attributes = _PRESENT | descriptors.TYPE_LDT << 8
        segment = Segment(layout.LDT_SELECTOR, layout.LDT_BASE, limit, attributes)
        if not table.size:
            segment = Segment(0, 0, 0, descriptors.TYPE_LDT << 8)
        state = self._half.machine.engine.state
        state.set_segment(registers.LDTR, segment)
        self._ldt_size = table.size
        for number in (registers.DS, registers.ES):
            selector = state.selector(number)
            if selector & descriptors.TABLE_INDICATOR:
                state.set_segment(number, loaded_data(selector, table.entry(selector >> 3)))
