"""mremap, as the manual page says."""

from __future__ import annotations

import pytest

from kernel_stub.errno import EFAULT, EINVAL, ENOMEM, Errno
from kernel_stub.layout import USER_64
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    MAP_SHARED,
    MREMAP_DONTUNMAP,
    MREMAP_FIXED,
    MREMAP_MAYMOVE,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.mm.remap import mremap
from tests.kernel.fakes import MIB, PAGE, READ, FakeFile, a_space, pages_of, peek, poke

RW = PROT_READ | PROT_WRITE
FIXED = MAP_FIXED | MAP_PRIVATE
AT, TO = 0x2000_0000, 0x3000_0000
MOVE = MREMAP_MAYMOVE


def with_mapping(pages: int, room: int = 0) -> AddressSpace:
    """A mapping of `pages` numbered pages at AT, `room` free pages, and another mapping."""
    space = a_space()
    space.mmap(AT, pages * PAGE, RW, FIXED | MAP_ANONYMOUS)
    for number in range(pages):
        poke(space, AT + number * PAGE, bytes([number + 1]))
    space.mmap(AT + (pages + room) * PAGE, PAGE, PROT_READ, FIXED | MAP_ANONYMOUS)
    return space


def numbers(space: AddressSpace, start: int, pages: int) -> list[int]:
    return [peek(space, start + n * PAGE)[0] for n in range(pages)]


def test_it_shrinks_in_place() -> None:
    space = with_mapping(4)
    assert mremap(space, AT, 4 * PAGE, PAGE + 1, 0, 0) == AT
    assert numbers(space, AT, 2) == [1, 2]
    assert not space.fault(AT + 2 * PAGE, READ)


def test_it_grows_in_place_where_room_is() -> None:
    space = with_mapping(2, room=2)
    assert mremap(space, AT, 2 * PAGE, 4 * PAGE, MOVE, 0) == AT
    assert numbers(space, AT, 4) == [1, 2, 0, 0]


def test_without_room_it_moves_if_it_may() -> None:
    space = with_mapping(2)
    with pytest.raises(Errno) as refused:
        mremap(space, AT, 2 * PAGE, 4 * PAGE, 0, 0)
    assert refused.value.number == ENOMEM
    moved = mremap(space, AT, 2 * PAGE, 4 * PAGE, MOVE, 0)
    assert moved == USER_64.mmap_top - 4 * PAGE
    assert numbers(space, moved, 4) == [1, 2, 0, 0]
    assert not space.fault(AT, READ)


def test_it_moves_where_it_is_told_and_replaces_what_is_there() -> None:
    space = with_mapping(3)
    space.mmap(TO, 2 * PAGE, RW, FIXED | MAP_ANONYMOUS)
    poke(space, TO, b"gone")
    assert mremap(space, AT, 3 * PAGE, 2 * PAGE, MOVE | MREMAP_FIXED, TO) == TO
    assert numbers(space, TO, 2) == [1, 2]
    assert space.regions.find(AT) is None


def test_a_part_from_the_middle_moves_alone() -> None:
    space = with_mapping(5)
    mremap(space, AT + PAGE, 2 * PAGE, 2 * PAGE, MOVE | MREMAP_FIXED, TO)
    assert numbers(space, TO, 2) == [2, 3]
    assert numbers(space, AT + 3 * PAGE, 2) == [4, 5]
    assert space.regions.find(AT + PAGE) is None


def test_the_old_place_stays_empty_if_it_is_not_unmapped() -> None:
    space = with_mapping(2)
    moved = mremap(space, AT, 2 * PAGE, 2 * PAGE, MOVE | MREMAP_DONTUNMAP, 0)
    assert numbers(space, moved, 2) == [1, 2]
    assert numbers(space, AT, 2) == [0, 0]


def test_a_file_mapping_goes_on_in_the_file() -> None:
    space, file = a_space(), FakeFile(pages_of(8))
    space.mmap(AT, 2 * PAGE, PROT_READ, FIXED, file, 3 * PAGE)
    moved = mremap(space, AT, 2 * PAGE, 5 * PAGE, MOVE | MREMAP_FIXED, TO)
    assert numbers(space, moved, 5) == [3, 4, 5, 6, 7]


def test_a_shared_mapping_is_mapped_again_by_an_old_size_of_none() -> None:
    space = a_space()
    space.mmap(AT, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED)
    again = mremap(space, AT, 0, PAGE, MOVE, 0)
    poke(space, AT, b"one")
    assert peek(space, again, 3) == b"one"
    space.munmap(AT, PAGE)
    assert peek(space, again, 3) == b"one"


def test_what_ram_cannot_keep_is_not_promised() -> None:
    space = with_mapping(2, room=1 << 20)
    with pytest.raises(Errno) as refused:
        mremap(space, AT, 2 * PAGE, 17 * MIB, MOVE, 0)
    assert refused.value.number == ENOMEM
    assert numbers(space, AT, 2) == [1, 2]


# (old address, old size, new size, flags, new address, error)
REFUSED = (
    (AT + 1, PAGE, PAGE, MOVE, 0, EINVAL),
    (AT, PAGE, 0, MOVE, 0, EINVAL),
    (AT, PAGE, 2 * PAGE, 8, 0, EINVAL),
    (AT, PAGE, 2 * PAGE, MREMAP_FIXED, TO, EINVAL),
    (AT, PAGE, 2 * PAGE, MREMAP_DONTUNMAP, 0, EINVAL),
    (AT, PAGE, 2 * PAGE, MOVE | MREMAP_DONTUNMAP, 0, EINVAL),
    (AT, PAGE, PAGE, MOVE | MREMAP_FIXED, TO + 1, EINVAL),
    (AT, 2 * PAGE, 2 * PAGE, MOVE | MREMAP_FIXED, AT + PAGE, EINVAL),
    (AT, PAGE, PAGE, MOVE | MREMAP_FIXED, USER_64.task_size, EINVAL),
    (AT, 0, PAGE, MOVE, 0, EINVAL),
    (TO, PAGE, 2 * PAGE, MOVE, 0, EFAULT),
    (AT, 3 * PAGE, 4 * PAGE, MOVE, 0, EFAULT),
)


@pytest.mark.parametrize(("old", "old_size", "new_size", "flags", "new", "error"), REFUSED)
def test_it_is_refused(
    old: int, old_size: int, new_size: int, flags: int, new: int, error: int
) -> None:
    space = with_mapping(2)
    with pytest.raises(Errno) as refused:
        mremap(space, old, old_size, new_size, flags, new)
    assert refused.value.number == error
