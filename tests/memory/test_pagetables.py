"""An address space maps, unmaps and translates pages, and reads and writes across them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.memory.pagetables import NotMapped, PageTables
from emu.memory.physical import PhysicalMemory
from emu.x86.paging import (
    ADDRESS_MASK,
    INDEX_MASK,
    LEVEL_SHIFTS,
    NO_EXECUTE,
    PAGE_SIZE,
    PRESENT,
    USER,
    WRITABLE,
)
from tests.memory.by_hand import slot

# Pages that differ from the first only in the index of one level, and the two ends of memory.
PAGES: Final = (
    0x0000_0000_0000_1000,
    0x0000_0000_0000_2000,
    0x0000_0000_0020_1000,
    0x0000_0000_4000_1000,
    0x0000_0080_0000_1000,
    0x0000_7FFF_FFFF_F000,
    0xFFFF_8000_0000_0000,
    0xFFFF_FFFF_FFFF_F000,
)
PAGE: Final = 0x40_0000


@pytest.fixture
def space(ram: PhysicalMemory) -> PageTables:
    return PageTables(ram)


def test_a_mapped_page_stands_in_the_tables_where_the_processor_looks(
    space: PageTables, ram: PhysicalMemory
) -> None:
    frames = {page: ram.allocate() for page in PAGES}
    for page, frame in frames.items():
        space.map(page, frame, USER | NO_EXECUTE)
    for page, frame in frames.items():
        expected = frame | PRESENT | USER | NO_EXECUTE
        assert ram.words[slot(ram, space.root, page)] == space.entry(page) == expected


@pytest.mark.parametrize("page", PAGES)
def test_an_address_translates_to_its_frame_and_offset(
    space: PageTables, ram: PhysicalMemory, page: int
) -> None:
    frame = ram.allocate()
    space.map(page, frame, 0)
    assert space.translate(page) == frame
    assert space.translate(page + 0xFFF) == frame + 0xFFF


@pytest.mark.parametrize("page", PAGES)
def test_what_was_never_mapped_is_not_there(space: PageTables, page: int) -> None:
    assert space.entry(page) == 0
    assert space.unmap(page) == 0
    with pytest.raises(NotMapped) as caught:
        space.translate(page + 5)
    assert (caught.value.address, caught.value.error_code) == (page + 5, 0)


def test_a_query_makes_no_table(space: PageTables, ram: PhysicalMemory) -> None:
    free = ram.frames_free
    for page in PAGES:
        space.entry(page)
        space.unmap(page)
        space.protect(page, USER)
    assert ram.frames_free == free


def test_pages_of_one_region_share_their_tables(space: PageTables, ram: PhysicalMemory) -> None:
    space.map(PAGE, 0x1000, 0)
    free = ram.frames_free
    space.map(PAGE + PAGE_SIZE, 0x1000, 0)
    assert ram.frames_free == free
    space.map(PAGE + (1 << 21), 0x1000, 0)
    assert ram.frames_free == free - 1


@pytest.mark.parametrize(("size", "times"), [(1 << 12, 512), (1 << 21, 512), (1 << 30, 4)])
def test_what_is_mapped_can_be_repeated_without_memory(
    space: PageTables, ram: PhysicalMemory, size: int, times: int
) -> None:
    start = 0xFFFF_FF00_0000_0000
    space.map(start, 0x5000, 0)
    free = ram.frames_free
    space.repeat(start, start + size * times, size)
    assert ram.frames_free == free
    assert all(space.translate(start + size * i + 7) == 0x5007 for i in range(times))
    assert space.entry(start + size * times) == 0
    space.map(start + size * (times - 1), 0x6000, 0)
    assert space.translate(start) == (0x5000 if size == PAGE_SIZE else 0x6000)


def test_tables_above_the_page_grant_everything_so_that_the_page_decides(
    space: PageTables, ram: PhysicalMemory
) -> None:
    space.map(PAGE, ram.allocate(), 0)
    table = space.root
    for shift in LEVEL_SHIFTS[:3]:
        entry = ram.words[(table + 8 * (PAGE >> shift & INDEX_MASK)) >> 3]
        assert entry & ~ADDRESS_MASK == PRESENT | WRITABLE | USER
        table = entry & ADDRESS_MASK


def test_unmapping_gives_the_entry_back_and_leaves_nothing(
    space: PageTables, ram: PhysicalMemory
) -> None:
    frame = ram.allocate()
    space.map(PAGE, frame, USER)
    assert space.unmap(PAGE) == frame | USER | PRESENT
    assert space.entry(PAGE) == 0
    with pytest.raises(NotMapped):
        space.translate(PAGE)


def test_protecting_replaces_the_rights_and_keeps_the_frame(
    space: PageTables, ram: PhysicalMemory
) -> None:
    frame = ram.allocate()
    space.map(PAGE, frame, USER | WRITABLE)
    space.protect(PAGE, USER | NO_EXECUTE)
    assert space.entry(PAGE) == frame | USER | NO_EXECUTE | PRESENT


def test_protecting_a_page_that_is_not_present_changes_nothing(space: PageTables) -> None:
    swapped = 0x1234_5000 | USER
    space.store(PAGE, swapped)
    space.protect(PAGE, WRITABLE)
    assert space.entry(PAGE) == swapped


@pytest.mark.parametrize("missing", [USER, WRITABLE, USER | WRITABLE])
def test_a_missing_right_is_told_apart_from_a_missing_page(
    space: PageTables, ram: PhysicalMemory, missing: int
) -> None:
    space.map(PAGE, ram.allocate(), (USER | WRITABLE) & ~missing)
    with pytest.raises(NotMapped) as caught:
        space.translate(PAGE, USER | WRITABLE)
    assert caught.value.error_code == 1
    assert space.translate(PAGE)


def two_apart(space: PageTables, ram: PhysicalMemory, bits: int = USER) -> tuple[int, int]:
    """Two neighbouring pages whose frames are not neighbours."""
    first, gap, second = (ram.allocate() for _ in range(3))
    assert gap not in (first, second)
    space.map(PAGE, first, bits)
    space.map(PAGE + PAGE_SIZE, second, bits)
    return first, second


@pytest.mark.parametrize("offset", [0, 1, PAGE_SIZE - 8, PAGE_SIZE - 7, PAGE_SIZE - 1])
def test_bytes_are_written_and_read_across_pages(
    space: PageTables, ram: PhysicalMemory, offset: int
) -> None:
    frames = two_apart(space, ram)
    data = bytes(range(1, 9))
    space.write(PAGE + offset, data)
    assert space.read(PAGE + offset, 8) == data
    whole = b"".join(bytes(ram.view[frame : frame + PAGE_SIZE]) for frame in frames)
    assert whole.find(data) == offset
    assert sum(whole) == sum(data)


def test_more_than_two_pages_are_read_and_written_in_one_go(
    space: PageTables, ram: PhysicalMemory
) -> None:
    for page in range(5):
        space.map(PAGE + page * PAGE_SIZE, ram.allocate(), USER)
    data = bytes(i % 251 for i in range(3 * PAGE_SIZE))
    space.write(PAGE + 100, data)
    assert space.read(PAGE + 100, len(data)) == data


def test_writing_no_bytes_needs_no_page(space: PageTables) -> None:
    space.write(PAGE, b"")
    assert space.entry(PAGE) == 0


def test_reading_no_bytes_needs_no_page(space: PageTables) -> None:
    assert space.read(PAGE, 0) == b""


@pytest.mark.parametrize("upper", [1 << 48, 1 << 63, 0xFFFF << 48])
def test_an_address_that_is_not_canonical_is_not_mapped(
    space: PageTables, ram: PhysicalMemory, upper: int
) -> None:
    space.map(PAGE, ram.allocate(), USER)
    with pytest.raises(NotMapped):
        space.translate(PAGE | upper)


@pytest.mark.parametrize("need", [0, USER], ids=["not mapped", "lacks a right"])
def test_a_write_that_fails_on_its_second_page_writes_nothing(
    space: PageTables, ram: PhysicalMemory, need: int
) -> None:
    first, _ = two_apart(space, ram)
    if need:
        space.protect(PAGE + PAGE_SIZE, 0)
    else:
        space.unmap(PAGE + PAGE_SIZE)
    with pytest.raises(NotMapped) as caught:
        space.write(PAGE + PAGE_SIZE - 4, b"12345678", need)
    assert caught.value.address == PAGE + PAGE_SIZE
    assert not any(ram.view[first : first + PAGE_SIZE])


def test_a_read_fails_at_the_first_page_that_is_missing(
    space: PageTables, ram: PhysicalMemory
) -> None:
    two_apart(space, ram)
    with pytest.raises(NotMapped) as caught:
        space.read(PAGE + 1, 2 * PAGE_SIZE)
    assert caught.value.address == PAGE + 2 * PAGE_SIZE


def test_entries_are_listed_in_order_present_or_not(space: PageTables) -> None:
    stored = {PAGE: 0x1001, PAGE + 3 * PAGE_SIZE: 0x2000, PAGE + (1 << 21): 0x3001}
    for page in reversed(stored):
        space.store(page, stored[page])
    assert list(space.entries(0, 1 << 47)) == list(stored.items())


@pytest.mark.parametrize(
    ("start", "end", "pages"),
    [
        (PAGE, PAGE + PAGE_SIZE, [0]),
        (PAGE + PAGE_SIZE, PAGE + 3 * PAGE_SIZE, [1, 2]),
        (PAGE + 1, PAGE + PAGE_SIZE + 1, [0, 1]),
        (PAGE + 8 * PAGE_SIZE, PAGE + (1 << 21), []),
        (0, PAGE, []),
    ],
)
def test_entries_are_listed_within_their_bounds(
    space: PageTables, start: int, end: int, pages: list[int]
) -> None:
    for page in range(4):
        space.store(PAGE + page * PAGE_SIZE, 0x1001)
    assert [(at - PAGE) // PAGE_SIZE for at, _ in space.entries(start, end)] == pages


def changes() -> list[Callable[[PageTables, int], object]]:
    return [lambda space, page: space.unmap(page), lambda space, page: space.protect(page, 0)]


@pytest.mark.parametrize("change", changes(), ids=["unmap", "protect"])
def test_entries_may_change_while_they_are_listed(
    space: PageTables, change: Callable[[PageTables, int], object]
) -> None:
    for page in range(4):
        space.map(PAGE + page * PAGE_SIZE, 0x1000, USER)
    seen = 0
    for page, _ in space.entries(PAGE, PAGE + 4 * PAGE_SIZE):
        change(space, page)
        seen += 1
    assert seen == 4


def test_an_adopted_kernel_half_is_the_same_memory(ram: PhysicalMemory, space: PageTables) -> None:
    kernel_page, later = PAGES[-1], PAGES[-1] - PAGE_SIZE
    space.map(kernel_page, ram.allocate(), 0)
    space.map(PAGE, ram.allocate(), USER)
    other = PageTables(ram)
    other.adopt(space)
    assert other.translate(kernel_page) == space.translate(kernel_page)
    assert other.entry(PAGE) == 0
    space.map(later, ram.allocate(), 0)
    assert other.translate(later) == space.translate(later)


def test_tables_can_be_taken_over_by_their_root(ram: PhysicalMemory, space: PageTables) -> None:
    space.map(PAGE, ram.allocate(), USER)
    assert PageTables(ram, space.root).translate(PAGE) == space.translate(PAGE)
