"""Segment and system descriptors, the selectors' bits, and the 64-bit TSS.

A `Layout` serves whoever writes a GDT and whoever loads a segment. It does not know which
descriptors exist. SDM 3A, "Segment Descriptors", "System Descriptor Types", "64-Bit Task State
Segment".
"""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import Final, NamedTuple

from emu.x86.layout import Layout

RPL: Final = 3
TABLE_INDICATOR: Final = 1 << 2

SEGMENT: Final = Layout(
    "segment descriptor",
    8,
    limit=((0, 16), (48, 4)),
    base=((16, 24), (56, 8)),
    type=(40, 4),
    s=(44, 1),
    dpl=(45, 2),
    present=(47, 1),
    avl=(52, 1),
    long=(53, 1),
    default_big=(54, 1),
    granularity=(55, 1),
)

SYSTEM: Final = Layout(
    "system descriptor",
    16,
    limit=((0, 16), (48, 4)),
    base=((16, 24), (56, 8), (64, 32)),
    type=(40, 4),
    dpl=(45, 2),
    present=(47, 1),
    granularity=(55, 1),
)

TYPE_CODE: Final = 0b1011  # execute/read, accessed
TYPE_READ_ONLY_DATA: Final = 0b0001  # accessed
TYPE_DATA: Final = 0b0011  # read/write, accessed
TYPE_CODE_BIT: Final = 0b1000
TYPE_CONFORMING: Final = 0b0100
TYPE_READABLE: Final = 0b0010  # of code
TYPE_LDT: Final = 0b0010  # of a system descriptor
TYPE_TSS_BUSY: Final = 0b1011
FLAT_LIMIT: Final = 0xFFFFF

# What a segment cache keeps of a descriptor's high doubleword, beside base and limit.
ATTRIBUTES_MASK: Final = 0x00FFFF00
ATTRIBUTE_LONG: Final = 1 << 21
ATTRIBUTE_BIG: Final = 1 << 22
ATTRIBUTE_DPL_SHIFT: Final = 13


class SegmentFields(NamedTuple):
    """A segment descriptor taken apart."""

    limit: int
    base: int
    type: int
    s: int
    dpl: int
    present: int
    avl: int
    long: int
    default_big: int
    granularity: int


@cache
def decode(descriptor: int) -> SegmentFields:
    """The fields of the packed segment `descriptor`."""
    return SegmentFields(**SEGMENT.unpack(descriptor))


def code_segment(dpl: int, long: bool) -> int:
    """A flat code segment: 64-bit if `long`, else 32-bit."""
    return SEGMENT.pack(
        limit=FLAT_LIMIT,
        type=TYPE_CODE,
        s=1,
        dpl=dpl,
        present=1,
        long=int(long),
        default_big=int(not long),
        granularity=1,
    )


def data_segment(dpl: int) -> int:
    """A flat writable data segment."""
    return SEGMENT.pack(
        limit=FLAT_LIMIT, type=TYPE_DATA, s=1, dpl=dpl, present=1, default_big=1, granularity=1
    )


def attributes(descriptor: int) -> int:
    """The attribute bits of a descriptor as a segment cache holds them."""
    return descriptor >> 32 & ATTRIBUTES_MASK


def effective_limit(descriptor: int) -> int:
    """The last offset in bytes that the descriptor allows."""
    limit = SEGMENT.get(descriptor, "limit")
    return limit << 12 | 0xFFF if SEGMENT.get(descriptor, "granularity") else limit


# The 64-bit TSS: where the stacks of a crossing stand.
TSS_SIZE: Final = 104
TSS_RSP0: Final = 4  # rsp0, rsp1, rsp2: eight bytes each
TSS_IST1: Final = 36  # ist1 .. ist7: eight bytes each
TSS_IOMAP_BASE: Final = 102
TSS: Final = Struct("<4x3Q8x7Q10xH")  # rsp0..2, ist1..7, iomap base
assert TSS.size == TSS_SIZE
