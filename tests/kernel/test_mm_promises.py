"""What memory is promised for, and what the last of it is kept for."""

from __future__ import annotations

import pytest

from kernel_stub.errno import ENOMEM, Errno
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_PRIVATE,
    MAP_STACK,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from tests.kernel.fakes import MIB, PAGE, a_space, poke

RW = PROT_READ | PROT_WRITE
ANON = MAP_PRIVATE | MAP_ANONYMOUS


def test_the_stacks_of_threads_are_no_promise() -> None:
    space = a_space(16 * MIB)
    for _ in range(100):
        at = space.mmap(0, 8 * MIB, PROT_NONE, ANON | MAP_STACK)
        space.mprotect(at + PAGE, 8 * MIB - PAGE, RW)
    assert space.regions.committed == 0


def test_the_last_frames_are_not_for_further_processes() -> None:
    space = a_space(16 * MIB)
    at = space.mmap(0, 16 * MIB // 32 * 31, RW, ANON)
    poke(space, at, bytes(16 * MIB // 32 * 31 - 16 * PAGE))
    with pytest.raises(Errno) as refused:
        space.fork(space.tables)
    assert refused.value.number == ENOMEM
    space.munmap(at, MIB)
    space.fork(space.tables).release()
