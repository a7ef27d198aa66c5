"""modify_ldt(2) where no native program can show it: what the kernel is told, and RAM used up.

All else is compared with the host's Linux: tests/kernel/native/segments.c.
"""

from __future__ import annotations

import pytest

from emu.errors import OutOfFrames
from kernel_stub.abi.process_structures import USER_DESC
from kernel_stub.errno import EINVAL, ENOMEM, ENOSYS
from tests.kernel.world import ABIS, SCRATCH, World

WRITE = 0x11
DATA_SEGMENT = 0x51  # 32-bit, limit in pages, useable
LOW = 0xFFFF_FFFF


@pytest.fixture(params=ABIS.values(), ids=list(ABIS))
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def write(world: World, index: int, function: int = WRITE) -> int:
    pointer = world.put(USER_DESC, index, 0, 0xFFFFF, DATA_SEGMENT)
    return world.call("modify_ldt", function, pointer, USER_DESC.size)


def test_each_entry_that_is_written_is_told_to_the_processor(world: World) -> None:
    assert [write(world, 2), write(world, 0), write(world, 7)] == [0, 0, 0]
    assert [size for _, _, size in world.kernel.told] == [24, 24, 64]


@pytest.mark.parametrize(
    ("function", "index", "error"),
    [(WRITE, 8192, EINVAL), (1, 8192, EINVAL), (3, 0, ENOSYS), (0x12, 0, ENOSYS)],
)
def test_an_error_is_no_long_and_changes_nothing(
    world: World, function: int, index: int, error: int
) -> None:
    assert write(world, index, function) == -error & LOW
    assert world.kernel.told == []


def test_a_table_that_ram_cannot_hold_is_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> int:
        raise OutOfFrames("no frame is left")

    world.put(USER_DESC, 0, 0, 0, 0)  # the page is there before RAM is used up
    monkeypatch.setattr(world.task.space.frames, "fresh", full)
    assert write(world, 5) == -ENOMEM & LOW
    assert (world.task.space.ldt.size, world.kernel.told) == (0, [])


def test_reading_before_there_is_a_table_gives_nothing(world: World) -> None:
    assert world.call("modify_ldt", 0, SCRATCH, 64) == 0
