"""mlock, mlockall and what they leave on regions, as the manual pages say."""

from __future__ import annotations

import pytest

from kernel_stub.errno import EINVAL, ENOMEM, Errno
from kernel_stub.mm import AddressSpace, advice, flags, locking
from kernel_stub.mm.flags import MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_NONE, PROT_READ
from tests.kernel.fakes import PAGE, a_space

RW = flags.PROT_READ | flags.PROT_WRITE
AT = 0x2000_0000


def with_pages(pages: int) -> AddressSpace:
    space = a_space()
    space.mmap(AT, pages * PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS)
    return space


def resident(space: AddressSpace, pages: int) -> list[int]:
    return list(advice.mincore(space, AT, pages * PAGE))


def test_locked_pages_are_in_memory_and_stay() -> None:
    space = with_pages(3)
    space.mprotect(AT + PAGE, PAGE, PROT_READ)
    locking.lock(space, AT, 2 * PAGE)
    assert resident(space, 3) == [1, 1, 0]
    assert locking.locked_pages(space) == 2
    with pytest.raises(Errno) as refused:
        advice.madvise(space, AT, PAGE, flags.MADV_DONTNEED)
    assert refused.value.number == EINVAL
    locking.unlock(space, AT, PAGE)
    advice.madvise(space, AT, PAGE, flags.MADV_DONTNEED)
    assert resident(space, 3) == [0, 1, 0]


def test_a_lock_for_the_fault_brings_nothing_in() -> None:
    space = with_pages(2)
    locking.lock(space, AT, 2 * PAGE, on_fault=True)
    assert (resident(space, 2), locking.locked_pages(space)) == ([0, 0], 2)


@pytest.mark.parametrize(("start", "size"), [(0, 4), (3, 1)])
def test_a_hole_or_pages_without_rights_are_not_locked(start: int, size: int) -> None:
    space = with_pages(4)
    space.mprotect(AT + 3 * PAGE, PAGE, PROT_NONE)
    space.munmap(AT + PAGE, PAGE)
    with pytest.raises(Errno) as refused:
        locking.lock(space, AT + start * PAGE, size * PAGE)
    assert refused.value.number == ENOMEM


def test_mappings_to_come_are_locked_until_everything_is_unlocked() -> None:
    space = a_space()
    locking.lock_all(space, now=False, future=True, on_fault=False)
    space.mmap(AT, PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS)
    locking.populate_locked(space, AT, PAGE)
    assert (resident(space, 1), locking.locked_pages(space)) == ([1], 1)
    twin = space.fork(space.tables)
    assert (locking.locked_pages(twin), twin.locks_to_come) == (0, 0)
    locking.unlock_all(space)
    space.mmap(AT + PAGE, PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS)
    assert locking.locked_pages(space) == 0
