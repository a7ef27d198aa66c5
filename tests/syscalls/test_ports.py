"""iopl(2) and ioperm(2): who may open ports, what is refused, and which bits follow.

What the processor then allows stands in tests/kernel/test_task_tables.py. The host cannot be asked:
most kernels are built without these calls.
"""

from __future__ import annotations

import pytest

from kernel_stub.errno import EINVAL, EPERM
from kernel_stub.layout import IO_BITMAP_SIZE
from tests.kernel.world import ABIS, World

ALL_ONES = (1 << 8 * IO_BITMAP_SIZE) - 1


@pytest.fixture(params=ABIS.values(), ids=list(ABIS))
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def allowed(world: World) -> set[int]:
    """The ports whose bit is 0."""
    bitmap = world.task.io_bitmap
    if bitmap is None:
        return set()
    ones = int.from_bytes(bitmap, "little") ^ ALL_ONES
    return {port for port in range(1 << 16) if ones >> port & 1}


# uid, the levels asked for one after the other, what each call answers, the level at the end
LEVELS = [
    (0, (3,), (0,), 3),
    (0, (1, 2, 3, 0), (0, 0, 0, 0), 0),
    (0, (4, 0x8000_0000, 0xFFFF_FFFF), (-EINVAL,) * 3, 0),
    (1000, (0,), (0,), 0),
    (1000, (1, 2, 3), (-EPERM,) * 3, 0),
    (1000, (4,), (-EINVAL,), 0),
]


@pytest.mark.parametrize(("uid", "levels", "answers", "end"), LEVELS)
def test_only_root_may_raise_the_level(
    world: World, uid: int, levels: tuple[int, ...], answers: tuple[int, ...], end: int
) -> None:
    world.task.uid = uid
    assert tuple(world.call("iopl", level) for level in levels) == answers
    assert world.task.io_level == end


def test_a_level_may_be_lowered_without_the_right_to_raise_it(world: World) -> None:
    world.call("iopl", 3)
    world.task.uid = 1000
    assert [world.call("iopl", level) for level in (3, 1, 2)] == [0, 0, -EPERM]


# uid, (from, number, turn_on), answer
RANGES = [
    (0, (0, 1, 1), 0),
    (0, (0xFFFF, 1, 1), 0),
    (0, (0, 0x1_0000, 1), 0),
    (0, (0xFFFF, 2, 1), -EINVAL),
    (0, (0x1_0000, 1, 1), -EINVAL),
    (0, (0, 0x1_0001, 1), -EINVAL),
    (0, (0x80, 0, 1), -EINVAL),
    (0, (-1, 1, 1), -EINVAL),
    (0, (-1, 2, 1), -EINVAL),
    (0, (1, -1, 1), -EINVAL),
    (0, (0, 0, 0), -EINVAL),
    (0, (0x80, 1, 0), 0),
    (1000, (0x80, 1, 1), -EPERM),
    (1000, (0x80, 1, 0), 0),
    (1000, (0xFFFF, 2, 1), -EINVAL),
]


@pytest.mark.parametrize(("uid", "arguments", "answer"), RANGES)
def test_a_range_lies_within_the_ports_and_is_opened_by_root(
    world: World, uid: int, arguments: tuple[int, int, int], answer: int
) -> None:
    world.task.uid = uid
    assert world.call("ioperm", *arguments) == answer
    first, number, turn_on = arguments
    opened = set(range(first, first + number)) if turn_on and not answer else set()
    assert allowed(world) == opened


def test_ranges_add_up_and_are_taken_back_port_by_port(world: World) -> None:
    world.call("ioperm", 0x60, 5, 1)
    world.call("ioperm", 0x3F8, 8, 1)
    world.call("ioperm", 0x61, 2, 0)
    assert allowed(world) == {0x60, 0x63, 0x64, *range(0x3F8, 0x400)}


def test_the_last_port_taken_back_leaves_no_bitmap(world: World) -> None:
    world.call("ioperm", 0x60, 1, 1)
    world.task.uid = 1000
    assert world.call("ioperm", 0, 0x1_0000, 0) == 0
    assert world.task.io_bitmap is None


def test_the_processor_is_told_of_each_change_and_of_nothing_else(world: World) -> None:
    world.call("ioperm", 0x60, 1, 0)
    assert world.kernel.told == []
    world.call("iopl", 3)
    world.call("iopl", 4)
    world.call("ioperm", 0x60, 1, 1)
    assert [(level, bitmap is None) for level, bitmap, _ in world.kernel.told] == [
        (3, True),
        (3, False),
    ]
