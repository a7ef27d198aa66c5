"""The error code of faults that name a selector or a gate, and of page faults, in words.

SDM 3A, "Error Code"; for #PF see paging.py.
"""

from __future__ import annotations

from typing import Final

from emu.x86 import paging
from emu.x86.layout import Layout

EXT: Final = 1 << 0  # an event from outside the program
IDT: Final = 1 << 1  # the index is into the IDT
TI: Final = 1 << 2  # the index is into the LDT

SELECTOR: Final = Layout("selector error code", 4, ext=(0, 1), idt=(1, 1), ti=(2, 1), index=(3, 13))


def gate(vector: int, external: int = 0) -> int:
    """The error code that names gate `vector` of the IDT."""
    return SELECTOR.pack(index=vector, idt=1, ext=external)


def selector(value: int, external: int = 0) -> int:
    """The error code that names the segment selector `value` (its RPL gives way)."""
    return value & 0xFFFC | external


def describe_page_fault(code: int) -> str:
    """E.g. `user write to a page that is not present`."""
    who = "user" if code & paging.PF_USER else "kernel"
    what = "fetch" if code & paging.PF_FETCH else "write" if code & paging.PF_WRITE else "read"
    why = "that forbids it" if code & paging.PF_PRESENT else "that is not present"
    return f"{who} {what} of a page {why}"
