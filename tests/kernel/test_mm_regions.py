"""The list of regions: it splits and merges, and never loses an address."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from kernel_stub.layout import LOWEST_MAPPING, STACK_GUARD_GAP, USER_64
from kernel_stub.mm.flags import MAP_GROWSDOWN, MAP_NORESERVE, MAP_SHARED, PROT_READ, PROT_WRITE
from kernel_stub.mm.regions import Region, Regions
from tests.kernel.fakes import PAGE, FakeFile

RW = PROT_READ | PROT_WRITE
BASE = 0x10_0000


def page(number: int) -> int:
    return BASE + number * PAGE


def region(first: int, end: int, prot: int = RW, flags: int = 0) -> Region:
    return Region(page(first), page(end), prot, flags)


def shape(regions: Regions) -> list[tuple[int, int, int]]:
    return [((r.start - BASE) // PAGE, (r.end - BASE) // PAGE, r.prot) for r in regions]


def filled(*parts: Region) -> Regions:
    regions = Regions()
    for part in parts:
        regions.insert(part)
    return regions


def test_neighbours_that_are_alike_become_one() -> None:
    assert shape(filled(region(0, 2), region(4, 6), region(2, 4))) == [(0, 6, RW)]


def test_neighbours_that_differ_stay_apart() -> None:
    file = FakeFile(b"")
    pairs = (
        (region(0, 1), region(1, 2, PROT_READ)),
        (region(0, 1), region(1, 2, RW, MAP_NORESERVE)),
        (region(0, 1), Region(page(1), page(2), RW, 0, name=b"[heap]")),
        (Region(page(0), page(1), RW, 0, file), Region(page(1), page(2), RW, 0, file)),
        (Region(page(0), page(1), RW, 0, file), region(1, 2)),
        (region(0, 1), region(1, 2, RW, MAP_GROWSDOWN)),
    )
    for below, above in pairs:
        assert len(filled(below, above)) == 2


def test_parts_of_one_file_in_order_become_one() -> None:
    file = FakeFile(b"")
    below = Region(page(0), page(2), RW, 0, file, offset=PAGE)
    above = Region(page(2), page(3), RW, 0, file, offset=3 * PAGE)
    assert shape(filled(below, above)) == [(0, 3, RW)]


def test_removal_cuts_at_both_ends_and_keeps_the_offsets() -> None:
    file = FakeFile(b"")
    regions = filled(Region(page(0), page(9), RW, 0, file, offset=7 * PAGE))
    (removed,) = regions.remove(page(2), page(5))
    assert (removed.start, removed.end, removed.offset) == (page(2), page(5), 9 * PAGE)
    assert [(r.start, r.offset) for r in regions] == [(page(0), 7 * PAGE), (page(5), 12 * PAGE)]


def test_pages_are_counted_and_what_needs_a_frame_of_its_own() -> None:
    regions = filled(region(0, 4), region(4, 6, PROT_READ), region(6, 7, RW, MAP_SHARED))
    regions.insert(region(7, 9, RW, MAP_NORESERVE))
    assert (regions.size, regions.committed) == (9, 4)
    regions.remove(page(3), page(5))
    assert (regions.size, regions.committed) == (7, 3)


def test_pages_that_may_have_been_written_stay_counted_without_the_right() -> None:
    written = region(0, 2)
    written.set_rights(PROT_READ)
    regions = filled(written, region(2, 3, PROT_READ))
    assert (len(regions), regions.committed) == (2, 2)


# (start, end, the first page that is in no region)
COVERED = ((0, 2, 2), (0, 4, 2), (2, 3, 2), (3, 6, 6), (3, 7, 6), (5, 5, 5))


@pytest.mark.parametrize(("start", "end", "until"), COVERED)
def test_a_range_is_covered_up_to_its_first_hole(start: int, end: int, until: int) -> None:
    regions = filled(region(0, 2), region(3, 5), region(5, 6, PROT_READ))
    assert regions.covered_until(page(start), page(end)) == page(until)


def test_the_highest_gap_below_the_top_is_found() -> None:
    top = USER_64.mmap_top
    regions = Regions()
    assert regions.find_gap(PAGE, USER_64) == top - PAGE
    regions.insert(Region(top - 2 * PAGE, top - PAGE, RW, 0))
    assert regions.find_gap(PAGE, USER_64) == top - PAGE
    assert regions.find_gap(2 * PAGE, USER_64) == top - 4 * PAGE


def test_a_gap_leaves_a_stack_its_guard() -> None:
    top = USER_64.mmap_top
    regions = filled(Region(top - PAGE, top, RW, MAP_GROWSDOWN))
    assert regions.find_gap(PAGE, USER_64) == top - 2 * PAGE - STACK_GUARD_GAP


def test_without_room_below_the_top_the_lowest_gap_above_is_found() -> None:
    top = USER_64.mmap_top
    regions = filled(Region(LOWEST_MAPPING, top, RW, 0))
    assert regions.find_gap(PAGE, USER_64) == top
    regions.insert(Region(top, USER_64.task_size, PROT_READ, 0))
    assert regions.find_gap(PAGE, USER_64) is None


def test_random_changes_agree_with_a_table_of_pages() -> None:
    chance = random.Random(7)
    regions, model = Regions(), dict[int, int]()
    for _ in range(3000):
        first = chance.randrange(60)
        end = first + chance.randint(1, 12)
        removed = regions.remove(page(first), page(end))
        assert sum(r.pages for r in removed) == sum(n in model for n in range(first, end))
        for number in range(first, end):
            model.pop(number, None)
        prot = chance.choice((None, 0, PROT_READ, RW))
        if prot is not None:
            regions.insert(region(first, end, prot))
            model.update(dict.fromkeys(range(first, end), prot))
        assert_agree(regions, model)


def assert_agree(regions: Regions, model: dict[int, int]) -> None:
    shown = {n: prot for first, end, prot in shape(regions) for n in range(first, end)}
    assert shown == model
    assert regions.size == len(model)
    assert regions.committed == sum(prot == RW for prot in model.values())
    ordered = list(regions)
    assert all(not above.continues(below) for below, above in pairwise(ordered))
    for number in (0, 30, 59):
        found = regions.find(page(number))
        assert (found is not None) == (number in model)


def _by_looking(regions: Regions, size: int) -> int | None:
    """The highest gap below mmap_top, sought without any memory of the last search."""
    return filled(*(r.copy(r.start, r.end) for r in regions)).find_gap(size, USER_64)


@pytest.mark.parametrize("seed", range(5))
def test_a_gap_is_found_as_if_nobody_had_looked_before(seed: int) -> None:
    draw, regions = random.Random(seed), Regions()
    for turn in range(300):
        size = draw.choice((1, 1, 2, 3, 7)) * PAGE
        found = regions.find_gap(size, USER_64)
        assert found == _by_looking(regions, size)
        assert found is not None
        if len(regions) and draw.random() < 0.4:
            one = draw.choice(list(regions))
            start = one.start + draw.randrange(one.pages) * PAGE
            regions.remove(start, min(start + size, one.end))
        else:
            prot = RW if turn % 2 else PROT_READ
            regions.insert(Region(found, found + size, prot, 0))
