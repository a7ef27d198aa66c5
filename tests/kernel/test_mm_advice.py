"""madvise, mincore and msync, as the manual pages say."""

from __future__ import annotations

import pytest

from kernel_stub.errno import EACCES, EFAULT, EINVAL, ENOMEM, Errno
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


@pytest.mark.parametrize("kind", [12, 25, 100, -1])
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


def test_a_page_populated_for_writing_is_the_programs_own() -> None:
    space, file = a_space(), FakeFile(pages_of(2))
    space.mmap(AT, 2 * PAGE, RW, FIXED, file)
    advice.populate(space, AT, PAGE, write=True)
    advice.populate(space, AT + PAGE, PAGE, write=False)
    file.mapped.changes(0, 2 * PAGE)
    file.write_at(None, 0, b"n" * 2 * PAGE)
    assert (peek(space, AT), peek(space, AT + PAGE)) == (b"\0", b"n")


# (what is mapped, error): MADV_REMOVE is for what is shared and may be written.
NOT_REMOVED = ((MAP_ANONYMOUS, False, EINVAL), (0, True, EACCES), (MAP_SHARED, False, EACCES))


@pytest.mark.parametrize(("kind", "writable", "error"), NOT_REMOVED)
def test_only_shared_writable_memory_is_removed(kind: int, writable: bool, error: int) -> None:
    space, file = a_space(), FakeFile(b"x", writable=writable)
    sharing = kind or MAP_PRIVATE
    space.mmap(AT, PAGE, PROT_READ, MAP_FIXED | sharing, None if kind & MAP_ANONYMOUS else file)
    with pytest.raises(Errno) as refused:
        advice.madvise(space, AT, PAGE, flags.MADV_REMOVE)
    assert refused.value.number == error


def test_removed_shared_memory_is_zero_for_everybody_and_free() -> None:
    space = a_space()
    at = space.mmap(0, 3 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS)
    poke(space, at, b"a" * 3 * PAGE)
    twin = space.fork(space.tables)
    free = space.frames.physical.frames_free
    advice.madvise(space, at + PAGE, PAGE, flags.MADV_REMOVE)
    assert space.frames.physical.frames_free == free + 1
    assert [peek(twin, at + n * PAGE) for n in range(3)] == [b"a", b"\0", b"a"]


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
