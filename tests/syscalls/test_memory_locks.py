"""mlock and its kin as a program calls them: what RLIMIT_MEMLOCK lets a user lock."""

from __future__ import annotations

import pytest

from kernel_stub.abi.abi import X86_64
from kernel_stub.abi.resources import RLIMIT_MEMLOCK
from kernel_stub.errno import EAGAIN, ENOMEM, EPERM
from kernel_stub.mm import flags
from tests.kernel.fakes import PAGE
from tests.kernel.world import SCRATCH, World

ANON = flags.MAP_PRIVATE | flags.MAP_ANONYMOUS
RW = flags.PROT_READ | flags.PROT_WRITE


def limited(pages: int) -> tuple[World, int]:
    """The world of a user who may lock `pages`, and 8 pages to lock."""
    world = World(X86_64)
    world.task.uid = 1000
    world.task.limits[RLIMIT_MEMLOCK] = (pages * PAGE, pages * PAGE)
    return world, world.call("mmap", 0, 8 * PAGE, RW, ANON, -1, 0)


def test_a_user_locks_as_many_pages_as_the_limit_says() -> None:
    world, at = limited(4)
    assert world.call("mlock", at, 5 * PAGE) == -ENOMEM
    assert [world.call("mlock", at, 4 * PAGE) for _ in range(2)] == [0, 0]
    assert world.call("mlock2", at + 4 * PAGE, PAGE, 1) == -ENOMEM
    assert world.call("mmap", 0, PAGE, RW, ANON | flags.MAP_LOCKED, -1, 0) == -EAGAIN
    assert world.call("mremap", at, 4 * PAGE, 5 * PAGE, 1, 0) == -EAGAIN
    assert world.call("munlock", at, PAGE) == 0
    assert world.call("mlock", at + 4 * PAGE, PAGE) == 0


def test_mappings_to_come_count_too() -> None:
    world, _ = limited(4)
    assert world.call("mlockall", flags.MCL_CURRENT) == -ENOMEM
    assert world.call("mlockall", flags.MCL_FUTURE) == 0
    end = world.call("brk", 0)
    assert world.call("brk", end + 8 * PAGE) == end
    assert world.call("mmap", 0, 5 * PAGE, RW, ANON, -1, 0) == -EAGAIN
    assert world.call("mmap", 0, 4 * PAGE, RW, ANON, -1, 0) > 0


@pytest.mark.parametrize("call", [("mlock", SCRATCH, PAGE), ("mlockall", flags.MCL_CURRENT)])
def test_a_limit_of_nothing_is_no_permission(call: tuple[str, int]) -> None:
    world, _ = limited(0)
    assert world.call(*call) == -EPERM
    assert world.call("mmap", 0, PAGE, RW, ANON | flags.MAP_LOCKED, -1, 0) == -EPERM


def test_root_has_no_limit() -> None:
    world, at = limited(0)
    world.task.uid = 0
    assert world.call("mlock", at, 8 * PAGE) == 0
