"""The processor's walk for its own accesses: supervisor rights, huge pages, exact error codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.memory import walk
from emu.memory.pagetables import PageTables
from emu.memory.physical import MINIMUM_SIZE, PhysicalMemory
from emu.memory.walk import Translations, WalkFault
from emu.x86.paging import (
    HUGE,
    LEVEL_SHIFTS,
    NO_EXECUTE,
    PAGE_SIZE,
    PRESENT,
    USER,
    WRITABLE,
)
from tests.memory.by_hand import slot

PAGE: Final = 0xFFFF_8880_4020_1000
DATA: Final = WRITABLE | NO_EXECUTE
HUGE_2M: Final = 0xFFFF_8880_4000_0000
HUGE_1G: Final = 0xFFFF_8880_8000_0000


@pytest.fixture
def space(ram: PhysicalMemory) -> PageTables:
    tables = PageTables(ram)
    tables.map(PAGE, ram.allocate(), DATA)
    ram.allocate()  # so that the next page's frame is no neighbour
    tables.map(PAGE + PAGE_SIZE, ram.allocate(), DATA)
    return tables


def error_code(ram: PhysicalMemory, root: int, address: int, write: bool) -> int:
    with pytest.raises(WalkFault) as caught:
        walk.physical_address(ram, root, address, write)
    assert caught.value.address == address
    return caught.value.error_code


@pytest.mark.parametrize("offset", [0, 1, 0xFFF])
def test_the_walk_finds_what_the_tables_map(
    ram: PhysicalMemory, space: PageTables, offset: int
) -> None:
    assert walk.physical_address(ram, space.root, PAGE + offset) == space.translate(PAGE + offset)


@pytest.mark.parametrize(("write", "code"), [(False, 0), (True, 2)])
@pytest.mark.parametrize("level", range(4))
def test_an_entry_that_is_not_present_fails_at_each_level(
    ram: PhysicalMemory, space: PageTables, level: int, write: bool, code: int
) -> None:
    ram.words[slot(ram, space.root, PAGE, level)] &= ~PRESENT
    assert error_code(ram, space.root, PAGE, write) == code


@pytest.mark.parametrize("level", range(4))
def test_a_write_needs_the_right_at_each_level_and_a_read_does_not(
    ram: PhysicalMemory, space: PageTables, level: int
) -> None:
    ram.words[slot(ram, space.root, PAGE, level)] &= ~WRITABLE
    assert error_code(ram, space.root, PAGE, write=True) == 3
    assert walk.physical_address(ram, space.root, PAGE) == space.translate(PAGE)


@pytest.mark.parametrize("write", [False, True])
def test_the_processors_own_access_is_a_supervisors_on_user_pages_too(
    ram: PhysicalMemory, space: PageTables, write: bool
) -> None:
    space.protect(PAGE, DATA | USER)
    assert walk.physical_address(ram, space.root, PAGE, write) == space.translate(PAGE)


def put(ram: PhysicalMemory, root: int, address: int, level: int, entry: int) -> None:
    ram.words[slot(ram, root, address, level)] = entry


@pytest.mark.parametrize("offset", [0, 0x1234, 0x1F_FFFF])
def test_a_page_of_2_mib_keeps_21_bits_of_the_address(
    ram: PhysicalMemory, space: PageTables, offset: int
) -> None:
    put(ram, space.root, HUGE_2M, 2, 0x20_0000 | PRESENT | HUGE)
    assert walk.physical_address(ram, space.root, HUGE_2M + offset) == 0x20_0000 + offset
    assert error_code(ram, space.root, HUGE_2M + offset, write=True) == 3


@pytest.mark.parametrize("offset", [0, 0x1234_5678 & 0x3F_FFFF])
def test_a_page_of_1_gib_keeps_30_bits_of_the_address(
    ram: PhysicalMemory, space: PageTables, offset: int
) -> None:
    put(ram, space.root, HUGE_1G, 1, PRESENT | HUGE | WRITABLE)
    assert walk.physical_address(ram, space.root, HUGE_1G + offset, write=True) == offset


def test_bit_7_of_a_last_level_entry_makes_no_huge_page(
    ram: PhysicalMemory, space: PageTables
) -> None:
    ram.words[slot(ram, space.root, PAGE, 3)] |= HUGE  # PAT there
    assert walk.physical_address(ram, space.root, PAGE + 5) == space.translate(PAGE) + 5


def test_tables_beyond_ram_are_not_present(ram: PhysicalMemory, space: PageTables) -> None:
    ram.words[slot(ram, space.root, PAGE, 1)] = MINIMUM_SIZE | PRESENT | WRITABLE
    assert error_code(ram, space.root, PAGE, write=False) == 0
    assert error_code(ram, MINIMUM_SIZE, PAGE, write=False) == 0


def test_the_low_bits_of_cr3_are_no_address(ram: PhysicalMemory, space: PageTables) -> None:
    cr3 = space.root | 0x18  # PWT, PCD
    assert walk.physical_address(ram, cr3, PAGE) == space.translate(PAGE)


@pytest.mark.parametrize("offset", [0, PAGE_SIZE - 8, PAGE_SIZE - 7, PAGE_SIZE - 1])
def test_bytes_are_written_and_read_across_pages(
    ram: PhysicalMemory, space: PageTables, offset: int
) -> None:
    data = bytes(range(1, 9))
    walk.write(ram, space.root, PAGE + offset, data)
    assert walk.read(ram, space.root, PAGE + offset, 8) == data
    assert space.read(PAGE + offset, 8) == data


@pytest.mark.parametrize("bits", [None, NO_EXECUTE], ids=["not mapped", "read-only"])
def test_a_write_that_fails_on_its_second_page_writes_nothing(
    ram: PhysicalMemory, space: PageTables, bits: int | None
) -> None:
    if bits is None:
        space.unmap(PAGE + PAGE_SIZE)
    else:
        space.protect(PAGE + PAGE_SIZE, bits)
    with pytest.raises(WalkFault) as caught:
        walk.write(ram, space.root, PAGE + PAGE_SIZE - 4, b"12345678")
    assert caught.value.address == PAGE + PAGE_SIZE
    assert not any(space.read(PAGE, PAGE_SIZE))


def test_a_read_fails_at_the_page_that_is_missing(ram: PhysicalMemory, space: PageTables) -> None:
    with pytest.raises(WalkFault) as caught:
        walk.read(ram, space.root, PAGE + 2 * PAGE_SIZE - 4, 8)
    assert (caught.value.address, caught.value.error_code) == (PAGE + 2 * PAGE_SIZE, 0)


CODE: Final = USER | PRESENT
Change = Callable[[PhysicalMemory, PageTables], None]


def clear(level: int, bits: int) -> Change:
    def change(ram: PhysicalMemory, space: PageTables) -> None:
        ram.words[slot(ram, space.root, PAGE, level)] &= ~bits

    return change


def add(level: int, bits: int) -> Change:
    def change(ram: PhysicalMemory, space: PageTables) -> None:
        ram.words[slot(ram, space.root, PAGE, level)] |= bits

    return change


# what is changed of a user's executable page, then: may ring 3, may ring 0 fetch from it?
FETCHES: Final = (
    ("nothing", add(3, 0), True, True),
    *((f"NX at level {n}", add(n, NO_EXECUTE), False, False) for n in range(4)),
    *((f"not present at level {n}", clear(n, PRESENT), False, False) for n in range(4)),
    *((f"supervisor at level {n}", clear(n, USER), False, True) for n in range(4)),
    *((f"read-only at level {n}", clear(n, WRITABLE), True, True) for n in range(4)),
)


@pytest.mark.parametrize(
    ("change", "user", "kernel"), [row[1:] for row in FETCHES], ids=[row[0] for row in FETCHES]
)
def test_a_fetch_finds_a_page_by_its_rights(
    ram: PhysicalMemory, space: PageTables, change: Change, user: bool, kernel: bool
) -> None:
    space.protect(PAGE, CODE)
    change(ram, space)
    assert walk.is_executable(ram, space.root, PAGE, user=True) is user
    assert walk.is_executable(ram, space.root, PAGE, user=False) is kernel


def test_a_fetch_finds_a_huge_page(ram: PhysicalMemory, space: PageTables) -> None:
    put(ram, space.root, HUGE_2M, 2, 0x20_0000 | PRESENT | HUGE)
    assert walk.is_executable(ram, space.root, HUGE_2M + 0x12_3456, user=False)
    assert not walk.is_executable(ram, space.root, HUGE_2M + 0x12_3456, user=True)


# ---- translations that are kept


@pytest.fixture
def kept(ram: PhysicalMemory, space: PageTables) -> Translations:
    made = Translations(ram)
    for write in (False, True):
        made.physical_address(space.root, PAGE, write)
    return made


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("offset", [0, 5, 0xFFF])
def test_a_kept_translation_is_that_of_the_walk(
    kept: Translations, space: PageTables, write: bool, offset: int
) -> None:
    for _ in range(2):
        found = kept.physical_address(space.root, PAGE + offset, write)
        assert found == space.translate(PAGE + offset)


def test_a_page_that_was_remapped_is_noticed(
    kept: Translations, ram: PhysicalMemory, space: PageTables
) -> None:
    frame = ram.allocate()
    space.map(PAGE, frame, DATA)
    assert kept.physical_address(space.root, PAGE) == frame


@pytest.mark.parametrize(("bits", "read"), [(None, False), (NO_EXECUTE, True)])
def test_a_page_that_was_taken_away_or_protected_is_noticed(
    kept: Translations, space: PageTables, bits: int | None, read: bool
) -> None:
    if bits is None:
        space.unmap(PAGE)
    else:
        space.protect(PAGE, bits)
    with pytest.raises(WalkFault):
        kept.physical_address(space.root, PAGE, write=True)
    if read:
        kept.physical_address(space.root, PAGE)
        return
    with pytest.raises(WalkFault):
        kept.physical_address(space.root, PAGE)


def test_a_read_keeps_no_right_to_write(ram: PhysicalMemory, space: PageTables) -> None:
    made = Translations(ram)
    space.protect(PAGE, NO_EXECUTE)
    made.physical_address(space.root, PAGE)
    with pytest.raises(WalkFault):
        made.physical_address(space.root, PAGE, write=True)


def test_another_cr3_has_translations_of_its_own(
    kept: Translations, ram: PhysicalMemory, space: PageTables
) -> None:
    other = PageTables(ram)
    with pytest.raises(WalkFault):
        kept.physical_address(other.root, PAGE)
    other.map(PAGE, 0x5000, DATA)
    assert kept.physical_address(other.root, PAGE) == 0x5000
    assert kept.physical_address(space.root, PAGE) == space.translate(PAGE)


@pytest.mark.parametrize("level", [1, 2])
def test_a_huge_page_is_kept_with_its_whole_offset(
    ram: PhysicalMemory, space: PageTables, level: int
) -> None:
    page = {1: HUGE_1G, 2: HUGE_2M}[level]
    put(ram, space.root, page, level, PRESENT | HUGE | WRITABLE)
    made = Translations(ram)
    for offset in (0x1234, 0x5678, 0x1235):
        assert made.physical_address(space.root, page + offset) == offset


@pytest.mark.parametrize("offset", [0, 8, 1, 7, PAGE_SIZE - 8, PAGE_SIZE - 4])
def test_a_word_is_read_wherever_it_stands(
    kept: Translations, space: PageTables, offset: int
) -> None:
    space.write(PAGE + offset, bytes(range(1, 9)))
    assert kept.read_word(space.root, PAGE + offset) == 0x0807_0605_0403_0201


@pytest.mark.parametrize("offset", [0, PAGE_SIZE - 8, PAGE_SIZE - 3])
def test_bytes_are_written_through_a_kept_translation(
    kept: Translations, space: PageTables, offset: int
) -> None:
    kept.write(space.root, PAGE + offset, b"12345678")
    assert space.read(PAGE + offset, 8) == b"12345678"


def test_a_kept_write_that_fails_on_its_second_page_writes_nothing(
    kept: Translations, space: PageTables
) -> None:
    space.unmap(PAGE + PAGE_SIZE)
    with pytest.raises(WalkFault):
        kept.write(space.root, PAGE + PAGE_SIZE - 4, b"12345678")
    assert not any(space.read(PAGE, PAGE_SIZE))


@pytest.mark.parametrize("level", range(4))
def test_the_entries_of_a_walk_end_with_the_one_that_is_missing(
    ram: PhysicalMemory, space: PageTables, level: int
) -> None:
    assert len(walk.entries(ram, space.root, PAGE)) == len(LEVEL_SHIFTS)
    ram.words[slot(ram, space.root, PAGE, level)] &= ~PRESENT
    found = walk.entries(ram, space.root, PAGE)
    assert len(found) == level + 1
    assert not found[-1] & PRESENT
