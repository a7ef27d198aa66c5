"""Locks: which exclude each other, how ranges are cut and joined, and who waits in a circle."""

from __future__ import annotations

import pytest

from kernel_stub.vfs.locks import ENDLESS, Lock, Locks, Owner, would_deadlock


class Somebody:
    """An owner."""

    def __init__(self) -> None:
        self.waits_on: Owner | None = None


ME, YOU, THEM = Somebody(), Somebody(), Somebody()


def held(locks: Locks, owner: Somebody) -> list[tuple[int, int, bool]]:
    """What `owner` holds, found by asking for everything on behalf of nobody else."""
    found, start, stranger = [], 0, Somebody()
    while lock := locks.in_the_way(Lock(stranger, start, ENDLESS, True)):
        if lock.owner is owner:
            found.append((lock.start, lock.end, lock.exclusive))
        start = max(lock.end, start + 1)
        if start >= ENDLESS:
            break
    return found


# what is held, what is asked: whether both can be
PAIRS = (
    ((0, 10, True), (10, 20, True), True),
    ((0, 10, True), (9, 20, True), False),
    ((0, 10, False), (5, 6, False), True),
    ((0, 10, False), (5, 6, True), False),
    ((0, ENDLESS, True), (1 << 40, ENDLESS, False), False),
)


@pytest.mark.parametrize(("first", "second", "may"), PAIRS)
def test_what_excludes_what(
    first: tuple[int, int, bool], second: tuple[int, int, bool], may: bool
) -> None:
    locks = Locks()
    locks.hold(Lock(ME, *first))
    assert (locks.in_the_way(Lock(YOU, *second)) is None) is may
    assert locks.in_the_way(Lock(ME, *second)) is None


def test_a_part_that_is_released_leaves_two_ends() -> None:
    locks = Locks()
    locks.hold(Lock(ME, 0, 30, True))
    locks.release(ME, 10, 20)
    assert held(locks, ME) == [(0, 10, True), (20, 30, True)]


def test_another_kind_takes_its_part_and_neighbours_join() -> None:
    locks = Locks()
    locks.hold(Lock(ME, 0, 30, True))
    locks.hold(Lock(ME, 10, 20, False))
    assert held(locks, ME) == [(0, 10, True), (10, 20, False), (20, 30, True)]
    locks.hold(Lock(ME, 10, 20, True))
    assert held(locks, ME) == [(0, 30, True)]


def test_who_leaves_holds_nothing() -> None:
    locks = Locks()
    locks.hold(Lock(ME, 0, 10, True))
    locks.hold_whole(ME, exclusive=True)
    assert not locks.may_hold_whole(YOU, exclusive=False)
    locks.leave(ME)
    assert held(locks, ME) == []
    assert locks.may_hold_whole(YOU, exclusive=True)


def test_readers_of_the_whole_share_it() -> None:
    locks = Locks()
    locks.hold_whole(ME, exclusive=False)
    assert locks.may_hold_whole(YOU, exclusive=False)
    assert not locks.may_hold_whole(YOU, exclusive=True)
    assert locks.holds_whole(ME, exclusive=False)


def test_a_circle_of_waits_is_seen_however_long() -> None:
    ME.waits_on, YOU.waits_on, THEM.waits_on = None, THEM, ME
    assert would_deadlock(ME, YOU)
    assert not would_deadlock(Somebody(), YOU)
    THEM.waits_on = YOU
    assert not would_deadlock(ME, YOU)
