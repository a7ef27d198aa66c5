"""Watchpoints see each access of their kind, of any task and of the kernel, and no other."""

from __future__ import annotations

from typing import Final

import pytest

from emu.debug import points, stops
from emu.debug.core import Debugger
from emu.debug.stops import Stop
from tests.debug.sessions import debug
from tests.debug.test_core import address_of

NAMES: Final = ("debugged_64", "debugged_32")


def watching(name: str, kind: str, size: int = 4) -> tuple[Debugger, int]:
    """A debugger that watches `counter`: twice() adds to it, main reads it at the end."""
    debugger = debug(name)
    address = address_of(debugger, "counter")
    debugger.points.add(kind, address, size)
    return debugger, address


def stops_of(debugger: Debugger) -> list[Stop]:
    found = []
    while (stop := debugger.resume()).kind == stops.WATCHPOINT:
        found.append(stop)
    assert stop.kind == stops.ENDED
    return found


def values(found: list[Stop]) -> list[tuple[bool, int, int]]:
    """Whether it was a write, the old value and the new one."""
    return [
        (one.access.is_write, one.access.old[0], one.access.new[0])
        for one in found
        if one.access is not None
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (points.WATCH, [(True, 0, 3), (True, 3, 9)]),
        (points.READ_WATCH, [(False, 0, 0), (False, 3, 3), (False, 9, 9)]),
        (points.ACCESS_WATCH, [(False, 0, 0), (True, 0, 3), (False, 3, 3), (True, 3, 9),
                               (False, 9, 9)]),
    ],
)  # fmt: skip  # a row of the table reads as a row
def test_each_access_of_its_kind_stops_behind_the_instruction(
    name: str, kind: str, seen: list[tuple[bool, int, int]]
) -> None:
    debugger, _ = watching(name, kind)
    found = stops_of(debugger)
    assert {one.cpl for one in found} == {3}
    assert values(found) == seen


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_part_that_is_not_touched_does_not_stop(size: int) -> None:
    debugger = debug("debugged_64")
    address = address_of(debugger, "counter")
    debugger.points.add(points.ACCESS_WATCH, address + 4, size)
    assert debugger.resume().kind == stops.ENDED


def test_the_kernels_stack_is_watched_across_a_crossing() -> None:
    debugger = debug("debugged_64")
    debugger.points.add(points.CATCH_CALL, what="write")
    debugger.resume()
    debugger.points.clear()
    frame = debugger.guest.saved_frame()
    assert frame is not None
    rax = frame[0] + 8 * list(frame[1]).index("rax")
    debugger.points.add(points.WATCH, rax, 8)
    entry = debugger.resume()
    assert (entry.kind, entry.cpl) == (stops.WATCHPOINT, 0)
    answer = debugger.resume()
    assert (answer.kind, answer.cpl) == (stops.WATCHPOINT, 0)
    assert answer.access is not None
    assert int.from_bytes(answer.access.new, "little") == 4  # what write(2) answered
    assert debugger.reverse_resume().position == entry.position


def test_what_the_kernel_writes_for_the_program_is_seen() -> None:
    debugger = debug("tasks_64")
    debugger.handling.change("SIGUSR1", ["nostop"])
    debugger.points.add(points.WATCH, address_of(debugger, "thread_lives"), 4)
    cleared = debugger.resume()
    assert cleared.kind == stops.WATCHPOINT
    assert cleared.access is not None
    assert int.from_bytes(cleared.access.new, "little") in (0, 1002)


def test_watchpoints_and_their_bounds_are_refused_with_a_reason() -> None:
    debugger = debug("debugged_64")
    for size in (0, points.WATCH_LIMIT + 1):
        with pytest.raises(Exception, match=f"cannot watch {size} bytes: 1 to 4096"):
            debugger.points.add(points.WATCH, 0x1000, size)


def test_a_watchpoint_stops_at_the_same_place_stepping_and_running() -> None:
    run, _ = watching("debugged_64", points.WATCH)
    stepped, _ = watching("debugged_64", points.WATCH)
    position = run.resume().position
    while (stop := stepped.step()).kind == stops.STEPPED:
        pass
    assert (stop.kind, stop.position) == (stops.WATCHPOINT, position)
