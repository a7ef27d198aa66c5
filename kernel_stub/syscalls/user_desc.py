"""struct user_desc: how a program describes a segment, and the descriptor that it becomes.

A program says base, limit and some bits; that the segment is one of ring 3 and no 64-bit code
follows from here. Who may ask for which, the calls decide. set_thread_area(2), modify_ldt(2).
"""

from __future__ import annotations

from typing import Final

from emu.x86.descriptors import SEGMENT

# The bits of its last word.
SEG_32BIT: Final = 1 << 0
CONTENTS: Final = 3 << 1
CODE: Final = 2 << 1
CONFORMING: Final = 3 << 1
READ_EXEC_ONLY: Final = 1 << 3
LIMIT_IN_PAGES: Final = 1 << 4
SEG_NOT_PRESENT: Final = 1 << 5
USEABLE: Final = 1 << 6
ALL_BITS: Final = (1 << 7) - 1
_LONGEST: Final = (1 << 20) - 1


def is_empty(base: int, limit: int, bits: int) -> bool:
    """Whether it says "no segment" as modify_ldt(2) writes it."""
    return (base, limit, bits & ALL_BITS) == (0, 0, READ_EXEC_ONLY | SEG_NOT_PRESENT)


def descriptor(base: int, limit: int, bits: int) -> int:
    """The segment descriptor that a struct user_desc asks for."""
    writable = 0 if bits & READ_EXEC_ONLY else 1
    return SEGMENT.pack(
        limit=limit & _LONGEST,
        base=base,
        type=1 | writable << 1 | (bits & CONTENTS) << 1,
        s=1,
        dpl=3,
        present=int(not bits & SEG_NOT_PRESENT),
        avl=int(bool(bits & USEABLE)),
        default_big=int(bool(bits & SEG_32BIT)),
        granularity=int(bool(bits & LIMIT_IN_PAGES)),
    )


def user_desc(found: int) -> tuple[int, int, int]:
    """Base, limit and bits of a struct user_desc that describes the descriptor `found`."""
    fields = SEGMENT.unpack(found)
    bits = (
        fields["default_big"] * SEG_32BIT
        | (fields["type"] >> 2 & 3) << 1
        | (not fields["type"] & 2) * READ_EXEC_ONLY
        | fields["granularity"] * LIMIT_IN_PAGES
        | (not fields["present"]) * SEG_NOT_PRESENT
        | fields["avl"] * USEABLE
    )
    return fields["base"], fields["limit"], bits
