"""The error code of faults that name a selector or a gate, and of page faults, in words.

SDM 3A, "Error Code"; for #PF see paging.py.
"""

from __future__ import annotations

from typing import Final

from emu.x86 import paging, vectors
from emu.x86.layout import Layout

EXT: Final = 1 << 0  # an event from outside the program
IDT: Final = 1 << 1  # the index is into the IDT
TI: Final = 1 << 2  # the index is into the LDT

SELECTOR: Final = Layout("selector error code", 4, ext=(0, 1), idt=(1, 1), ti=(2, 1), index=(3, 13))
PAGE_FAULT: Final = Layout(
    "page-fault error code",
    4,
    present=(0, 1),
    write=(1, 1),
    user=(2, 1),
    reserved=(3, 1),
    fetch=(4, 1),
)
# The exceptions whose error code names a selector or a gate.
WITH_SELECTOR: Final = (vectors.TS, vectors.NP, vectors.SS, vectors.GP)


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
    if code & paging.PF_RESERVED:
        return f"{who} {what} of a page whose tables have reserved bits set"
    why = "that forbids it" if code & paging.PF_PRESENT else "that is not present"
    return f"{who} {what} of a page {why}"


def decode(vector: int, code: int) -> dict[str, int]:
    """The fields of the error code of `vector`, by the manual's names; none if it has no fields."""
    if vector == vectors.PF:
        return PAGE_FAULT.unpack(code)
    if vector in WITH_SELECTOR:
        return SELECTOR.unpack(code)
    return {}


def describe(vector: int, code: int) -> str:
    """The error code of `vector` in words, e.g. `gate 0x20 of the IDT`."""
    if vector == vectors.PF:
        return describe_page_fault(code)
    if vector not in WITH_SELECTOR:
        return "always 0" if vector in (vectors.DF, vectors.AC) else "no selector"
    text = _describe_selector(code)
    return f"{text}, met while an event from outside was delivered" if code & EXT else text


def _describe_selector(code: int) -> str:
    index = SELECTOR.get(code, "index")
    if code & IDT:
        return f"gate {index:#x} of the IDT"
    if code & TI:
        return f"selector {code & 0xFFFC:#x} of the LDT"
    return f"selector {code & 0xFFFC:#x} of the GDT" if index else "no selector"
