"""Where segments come to lie, page by page."""

from __future__ import annotations

import pytest

from emu.load.elf import read_elf_bytes
from emu.load.place import Mapping, alignment, extent, mappings
from tests.load.elves import Header, elf

# (segment, its mapping with a bias of 0)
ROWS: tuple[tuple[Header, Mapping], ...] = (
    (
        Header(vaddr=0x400000, offset=0, filesz=0x1000, flags=5),
        Mapping(0x400000, 0x401000, 0x401000, 0, 5, 0x401000),
    ),
    (
        Header(vaddr=0x400010, offset=0x10, filesz=0x20, flags=4),
        Mapping(0x400000, 0x401000, 0x401000, 0, 4, 0x401000),
    ),
    (
        Header(vaddr=0x400010, offset=0x10, filesz=0x20, memsz=0x40, flags=6),
        Mapping(0x400000, 0x401000, 0x401000, 0, 6, 0x400030),
    ),
    (
        Header(vaddr=0x400FF0, offset=0xFF0, filesz=0x20, memsz=0x3000, flags=6),
        Mapping(0x400000, 0x402000, 0x404000, 0, 6, 0x401010),
    ),
    (
        Header(vaddr=0x400000, offset=0x10, filesz=0, memsz=0x1800, flags=6),
        Mapping(0x400000, 0x400000, 0x402000, 0x10, 6, 0x400000),
    ),
    (
        Header(vaddr=0x400800, offset=0x800, filesz=0, memsz=0x1000, flags=6),
        Mapping(0x400000, 0x401000, 0x402000, 0, 6, 0x400800),
    ),
)


@pytest.mark.parametrize(("header", "mapping"), ROWS)
def test_a_segment_becomes_pages(header: Header, mapping: Mapping) -> None:
    image = read_elf_bytes(elf(header, tail=bytes(0x4000)), "it")
    assert mappings(image, 0) == [mapping]


def test_a_bias_moves_every_address_but_no_offset() -> None:
    image = read_elf_bytes(elf(Header(vaddr=0x1000, offset=0), type=3, tail=bytes(0x2000)), "it")
    assert mappings(image, 0x5000) == [Mapping(0x6000, 0x7000, 0x7000, 0, 5, 0x7000)]


def test_the_extent_goes_from_the_first_page_to_the_last() -> None:
    headers = (Header(vaddr=0x402010, offset=0x10), Header(vaddr=0x400010, offset=0x10))
    assert extent(read_elf_bytes(elf(*headers), "it")) == (0x400000, 0x403000)


def test_only_what_may_move_has_an_alignment() -> None:
    headers = (Header(vaddr=0, align=0x1000), Header(vaddr=0x200000, align=0x200000))
    assert alignment(read_elf_bytes(elf(*headers, type=3), "it")) == 0x200000
    assert alignment(read_elf_bytes(elf(*headers, type=2), "it")) == 1
