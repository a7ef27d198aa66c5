"""madvise, mincore, msync and mlock, as the manual pages say."""

from __future__ import annotations

import pytest

from kernel_stub.errno import EFAULT, EINVAL, ENOMEM, Errno
from kernel_stub.mm import AddressSpace, advice, flags
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from tests.kernel.fakes import PAGE, FakeFile, a_space, pages_of, peek, poke

RW = PROT_READ | PROT_WRITE
FIXED = MAP_FIXED | MAP_PRIVATE
AT = 0x2000_0000


def with_pages(pages: int, prot: int = RW) -> AddressSpace:
    space = a_space()
    space.mmap(AT, pages * PAGE, prot, FIXED | MAP_ANONYMOUS)
    return space


def test_pages_not_needed_are_zero_again() -> None:
    space = with_pages(3)
    poke(space, AT, b"a" * 3 * PAGE)
    advice.madvise(space, AT + PAGE, PAGE, flags.MADV_DONTNEED)
    assert [peek(space, AT + n * PAGE) for n in range(3)] == [b"a", b"\0", b"a"]


def test_private_file_pages_not_needed_are_the_file_again() -> None:
    space, file = a_space(), FakeFile(b"file")
    space.mmap(AT, PAGE, RW, FIXED, file)
    poke(space, AT, b"mine")
    advice.madvise(space, AT, PAGE, flags.MADV_DONTNEED)
    assert peek(space, AT, 4) == b"file"


@pytest.mark.parametrize("kind", [flags.MADV_NORMAL, flags.MADV_FREE, flags.MADV_HUGEPAGE])
def test_advice_to_be_fast_changes_nothing(kind: int) -> None:
    space = with_pages(1)
    poke(space, AT, b"kept")
    advice.madvise(space, AT, PAGE, kind)
    assert peek(space, AT, 4) == b"kept"


@pytest.mark.parametrize("kind", [flags.MADV_REMOVE, 12, 25, 100, -1])
def test_other_advice_is_invalid(kind: int) -> None:
    with pytest.raises(Errno) as refused:
        advice.madvise(with_pages(1), AT, PAGE, kind)
    assert refused.value.number == EINVAL


def test_advice_for_a_hole_is_taken_for_the_rest() -> None:
    space = with_pages(2)
    poke(space, AT + PAGE, b"a")
    with pytest.raises(Errno) as refused:
        advice.madvise(space, AT - PAGE, 3 * PAGE, flags.MADV_DONTNEED)
    assert refused.value.number == ENOMEM
    assert peek(space, AT + PAGE) == b"\0"


def test_populated_pages_are_in_memory() -> None:
    space = with_pages(4)
    assert advice.mincore(space, AT, 4 * PAGE) == bytes(4)
    advice.madvise(space, AT + PAGE, 2 * PAGE, flags.MADV_POPULATE_WRITE)
    assert advice.mincore(space, AT, 3 * PAGE) == bytes([0, 1, 1])


# (rights, pages of the file, populate for writing, error)
UNPOPULATED = (
    (PROT_READ, 2, True, EINVAL),
    (PROT_NONE, 2, False, EINVAL),
    (PROT_READ, 1, False, EFAULT),
)


@pytest.mark.parametrize(("prot", "pages", "write", "error"), UNPOPULATED)
def test_what_cannot_be_populated_says_why(prot: int, pages: int, write: bool, error: int) -> None:
    space = a_space()
    space.mmap(AT, 2 * PAGE, prot, FIXED, FakeFile(pages_of(pages)))
    with pytest.raises(Errno) as refused:
        advice.populate(space, AT, 2 * PAGE, write)
    assert refused.value.number == error


def test_nothing_is_populated_where_nothing_is_mapped() -> None:
    with pytest.raises(Errno) as refused:
        advice.populate(a_space(), AT, PAGE, write=False)
    assert refused.value.number == ENOMEM


def test_residence_of_a_hole_is_unknown() -> None:
    with pytest.raises(Errno) as refused:
        advice.mincore(with_pages(1), AT, 2 * PAGE)
    assert refused.value.number == ENOMEM


def test_locked_pages_are_in_memory_whatever_their_rights() -> None:
    space = with_pages(3)
    space.mprotect(AT + PAGE, PAGE, PROT_READ)
    space.mprotect(AT + 2 * PAGE, PAGE, PROT_NONE)
    advice.lock(space, AT, 3 * PAGE)
    assert advice.mincore(space, AT, 3 * PAGE) == bytes([1, 1, 0])


def test_a_synchronised_page_is_in_the_file_and_its_neighbour_is_not() -> None:
    space, file = a_space(), FakeFile(pages_of(3))
    space.mmap(AT, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, file, PAGE)
    poke(space, AT, b"x")
    poke(space, AT + PAGE, b"y")
    advice.msync(space, AT + PAGE, PAGE)
    assert (file.bytes[PAGE], file.bytes[2 * PAGE]) == (1, ord("y"))
    with pytest.raises(Errno) as refused:
        advice.msync(space, AT, 3 * PAGE)
    assert refused.value.number == ENOMEM
    assert file.bytes[PAGE] == ord("x")
