"""The LDT of an address space: it grows, is read, belongs to one space, and gives memory back."""

from __future__ import annotations

from emu.x86.paging import USER
from kernel_stub.layout import LDT_BASE
from kernel_stub.mm.ldt import LDT_ENTRIES, LDT_ENTRY_SIZE
from tests.kernel.fakes import PAGE, a_space, processor_of

FIRST, OTHER = 0x00CF_F300_0000_FFFF, 0x00CF_FB00_1234_FFFF


def test_a_space_begins_without_a_table_and_without_memory_for_one() -> None:
    space = a_space()
    free = space.frames.physical.frames_free
    assert (space.ldt.size, space.ldt.read(PAGE), space.ldt.entry(0)) == (0, b"", 0)
    assert space.frames.physical.frames_free == free


def test_what_was_written_stands_in_the_guests_memory_out_of_reach_of_ring_3() -> None:
    space = a_space()
    space.ldt.write(3, FIRST)
    found = space.tables.read(LDT_BASE + 3 * LDT_ENTRY_SIZE, LDT_ENTRY_SIZE)
    assert int.from_bytes(found, "little") == FIRST == space.ldt.entry(3)
    assert not space.tables.entry(LDT_BASE) & USER


def test_the_table_ends_with_its_highest_entry_and_never_shrinks() -> None:
    space = a_space()
    sizes = []
    for index in (3, 1, 512, 0, LDT_ENTRIES - 1):
        space.ldt.write(index, FIRST)
        sizes.append(space.ldt.size // LDT_ENTRY_SIZE)
    assert sizes == [4, 4, 513, 513, LDT_ENTRIES]
    assert len(space.ldt.read(1 << 20)) == LDT_ENTRIES * LDT_ENTRY_SIZE


def test_entries_between_are_0() -> None:
    space = a_space()
    space.ldt.write(1023, OTHER)
    assert space.ldt.read(1023 * LDT_ENTRY_SIZE) == bytes(1023 * LDT_ENTRY_SIZE)


def test_two_spaces_have_two_tables_at_one_address() -> None:
    one, two = a_space(), a_space()
    one.ldt.write(0, FIRST)
    two.ldt.write(0, OTHER)
    assert (one.ldt.entry(0), two.ldt.entry(0)) == (FIRST, OTHER)


def test_a_space_that_ends_gives_the_frames_of_its_table_back() -> None:
    space = a_space()
    space.ldt.write(0, FIRST)
    free = space.frames.physical.frames_free
    space.ldt.write(LDT_ENTRIES - 1, FIRST)
    assert space.frames.physical.frames_free == free - 15
    flushes = processor_of(space).tlb_flushes
    space.release()
    its_page, page_tables, root = 1, 3, 1
    assert space.frames.physical.frames_free == free + its_page + page_tables + root
    assert (space.ldt.size, processor_of(space).tlb_flushes) == (0, flushes + 1)
