"""Locked memory: pages that are brought in and stay, of mappings that are and of those to come.

Nothing is ever swapped out here, so a lock only says which pages are there at once, what advice is
refused, and what counts against RLIMIT_MEMLOCK; whose limit that is, system calls know.
mlock(2), mlockall(2).
"""

from __future__ import annotations

from kernel_stub.errno import ENOMEM, Errno
from kernel_stub.mm.advice import bring_in
from kernel_stub.mm.regions import LOCKED, LOCKED_ON_FAULT, Region
from kernel_stub.mm.space import AddressSpace

_BOTH = LOCKED | LOCKED_ON_FAULT


def locked_pages(space: AddressSpace, start: int = 0, end: int = 1 << 64) -> int:
    """How many pages from `start` up to `end` are locked."""
    found = space.regions.overlapping(start, end)
    return sum(region.part(start, end).pages for region in found if region.flags & LOCKED)


def lock(space: AddressSpace, start: int, size: int, on_fault: bool = False) -> None:
    """The pages are brought in (`on_fault`: when they are touched), and stay.

    Raises Errno(ENOMEM): there are holes, or pages that cannot be brought in.
    """
    end = space.regions.covered_until(start, start + size)
    space.mark(start, end, _BOTH if on_fault else LOCKED, _BOTH)
    if end < start + size:
        raise Errno(ENOMEM)
    if not on_fault:
        bring_in(space, start, size)


def unlock(space: AddressSpace, start: int, size: int) -> None:
    """The pages may be given back again. Raises Errno(ENOMEM)."""
    end = space.regions.covered_until(start, start + size)
    space.mark(start, end, 0, _BOTH)
    if end < start + size:
        raise Errno(ENOMEM)


def lock_all(space: AddressSpace, now: bool, future: bool, on_fault: bool) -> None:
    """Locks what is mapped, what will be, or both; without `future`, what comes is free."""
    marks = _BOTH if on_fault else LOCKED
    space.locks_to_come = marks if future else 0
    for region in list(space.regions) if now else []:
        if not region.is_kernels:
            space.mark(region.start, region.end, marks, _BOTH)
            populate_locked(space, region.start, region.end - region.start)


def unlock_all(space: AddressSpace) -> None:
    """Nothing is locked, nor will be."""
    space.locks_to_come = 0
    for region in list(space.regions):
        unlock(space, region.start, region.end - region.start)


def populate_locked(space: AddressSpace, start: int, size: int) -> None:
    """Brings in what is locked and does not wait for a fault; what cannot be is left to that."""
    for region in list(space.regions.overlapping(start, start + size)):
        if region.flags & _BOTH == LOCKED:
            bring_in_if_possible(space, region.part(start, start + size))


def bring_in_if_possible(space: AddressSpace, part: Region) -> None:
    """As MAP_POPULATE: nobody hears of what could not be brought in."""
    try:
        bring_in(space, part.start, part.end - part.start)
    except Errno:
        return
