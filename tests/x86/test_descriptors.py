"""Descriptors, packed as Linux has them in its GDT; the TSS and what it holds."""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.x86 import descriptors
from emu.x86.descriptors import SEGMENT, SYSTEM, TSS
from tests import golden

ACCESSED: Final = 1 << 40


def gdt(model: str) -> list[int]:
    return [golden.number(entry) for entry in golden.machine(model)["gdt"]]


# index in Linux's GDT, and how this project makes the same entry
LINUX: Final = (
    (0, 0),
    (1, descriptors.code_segment(0, long=False)),
    (2, descriptors.code_segment(0, long=True)),
    (3, descriptors.data_segment(0)),
    (4, descriptors.code_segment(3, long=False)),
    (5, descriptors.data_segment(3)),
    (6, descriptors.code_segment(3, long=True)),
)


@pytest.mark.parametrize("model", golden.VENDORS)
@pytest.mark.parametrize(("index", "descriptor"), LINUX)
def test_a_segment_is_what_linux_has_in_its_gdt(index: int, descriptor: int, model: str) -> None:
    assert descriptor == gdt(model)[index]


@pytest.mark.parametrize("model", golden.VENDORS)
def test_the_tss_descriptor_is_what_linux_has_in_its_gdt(model: str) -> None:
    task = golden.machine(model)["tr"]
    made = SYSTEM.pack(
        base=golden.number(task["base"]),
        limit=golden.number(task["limit"]),
        type=descriptors.TYPE_TSS_BUSY,
        present=1,
    )
    low, high = gdt(model)[8:10]
    assert made == high << 64 | low


# descriptor, attribute bits of its cache, last byte that it allows: caches from golden states
CACHES: Final = (
    (descriptors.code_segment(3, long=True), 0x00AF_FB00, 0xFFFF_FFFF),
    (descriptors.code_segment(3, long=False), 0x00CF_FB00, 0xFFFF_FFFF),
    (descriptors.code_segment(0, long=True), 0x00AF_9B00, 0xFFFF_FFFF),
    (descriptors.data_segment(3), 0x00CF_F300, 0xFFFF_FFFF),
    (SEGMENT.pack(limit=0x7F, type=3, s=1, present=1), 0x0000_9300, 0x7F),
    (SEGMENT.pack(limit=0, type=3, s=1, present=1, granularity=1), 0x0080_9300, 0xFFF),
    (SEGMENT.pack(base=0xFFFF_FFFF, type=3, s=1, present=1), 0x0000_9300, 0),
)


@pytest.mark.parametrize(("descriptor", "attributes", "limit"), CACHES)
def test_a_segment_cache_keeps_the_attributes_and_the_limit_in_bytes(
    descriptor: int, attributes: int, limit: int
) -> None:
    assert descriptors.attributes(descriptor) == attributes
    assert descriptors.effective_limit(descriptor) == limit


@pytest.mark.parametrize(
    ("bit", "field"),
    [
        (descriptors.ATTRIBUTE_LONG, "long"),
        (descriptors.ATTRIBUTE_BIG, "default_big"),
    ],
)
def test_an_attribute_bit_is_its_descriptor_field(bit: int, field: str) -> None:
    assert descriptors.attributes(SEGMENT.pack(**{field: 1})) == bit


@pytest.mark.parametrize("dpl", range(4))
def test_the_attributes_hold_the_dpl(dpl: int) -> None:
    attributes = descriptors.attributes(SEGMENT.pack(dpl=dpl))
    assert attributes >> descriptors.ATTRIBUTE_DPL_SHIFT == dpl


def test_made_segments_are_accessed_so_that_no_load_writes_the_gdt() -> None:
    made = [descriptor for _, descriptor in LINUX if descriptor]
    assert all(descriptor & ACCESSED for descriptor in made)


@pytest.mark.parametrize("model", golden.VENDORS)
def test_the_tss_gives_back_the_stacks_of_linux(model: str) -> None:
    tss: dict[str, Any] = golden.machine(model)["tss"]
    rsps = [golden.number(tss[name]) for name in ("rsp0", "rsp1", "rsp2")]
    iomap = golden.number(tss["iomap_base"])
    image = TSS.pack(*rsps, *tss["ist"], iomap)
    assert len(image) == descriptors.TSS_SIZE
    words = {offset: int.from_bytes(image[offset : offset + 8], "little") for offset in range(96)}
    assert [words[descriptors.TSS_RSP0 + 8 * i] for i in range(3)] == rsps
    assert [words[descriptors.TSS_IST1 + 8 * i] for i in range(7)] == tss["ist"]
    assert int.from_bytes(image[descriptors.TSS_IOMAP_BASE :], "little") == iomap


def test_the_reserved_bytes_of_a_tss_are_zero() -> None:
    ones = TSS.pack(*[(1 << 64) - 1] * 10, 0xFFFF)
    reserved = (*range(4), *range(28, 36), *range(92, 102))
    assert [i for i, byte in enumerate(ones) if not byte] == list(reserved)


@pytest.mark.parametrize(("index", "descriptor"), LINUX)
def test_a_segment_is_decoded_into_the_fields_of_its_layout(index: int, descriptor: int) -> None:
    assert descriptors.decode(descriptor)._asdict() == SEGMENT.unpack(descriptor), index
