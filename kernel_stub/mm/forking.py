"""What a child's memory has of its parent's: everything but what madvise(2) says otherwise.

Which space is made for it, and how a page is copied when somebody writes, it does not know.
fork(2), madvise(2): MADV_DONTFORK, MADV_WIPEONFORK; mlock(2).
"""

from __future__ import annotations

from typing import Any

from emu.errors import OutOfFrames
from kernel_stub.mm.regions import LEFT_BY_FORK, LOCKED, LOCKED_ON_FAULT, WIPED_BY_FORK


def copy_content(parent: Any, child: Any) -> None:
    """Fills `child`, a new space, with what its `parent` has.

    Raises OutOfFrames; then nothing is left of `child`.
    """
    child.stack_limit, child.data_limit = parent.stack_limit, parent.data_limit
    child.size_limit, child.read_implies_exec = parent.size_limit, parent.read_implies_exec
    child.vdso_base = parent.vdso_base
    child.runs(parent.program)
    child.break_start, child.break_end = parent.break_start, parent.break_end
    try:
        for region in parent.regions:
            if region.flags & LEFT_BY_FORK:
                continue
            twin = region.copy(region.start, region.end)
            twin.flags &= ~(LOCKED | LOCKED_ON_FAULT)
            if twin.shared is not None:
                twin.shared.retain(twin.pages)
            child.regions.insert(twin)
            if not twin.flags & WIPED_BY_FORK:
                private = twin.shared is None
                parent.pages.share_with(child.pages, twin.start, twin.end, private)
        child.ldt.copy(parent.ldt)
    except OutOfFrames:
        child.release()
        raise
    finally:
        parent.frames.cpu.flush_tlb()
