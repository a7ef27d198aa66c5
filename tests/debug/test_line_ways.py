"""Stepping by source lines leads where the C says, through every call, on both ABIs."""

from __future__ import annotations

from typing import Final

import pytest

from emu.debug import points, stops
from emu.debug.core import Debugger
from emu.debug.line_ways import behind_prologue
from tests.debug.sessions import debug
from tests.debug.test_core import address_of

UNOPTIMIZED: Final = ("lines_dwarf4_64", "lines_dwarf4_32")
ALL: Final = (*UNOPTIMIZED, "lines_dwarf5_pie_64", "lines_dwarf5_pie_32")


def in_main(name: str) -> Debugger:
    """A debugger behind the prologue of main."""
    debugger = debug(name)
    debugger.run_to({behind_prologue(debugger.guest, address_of(debugger, "main"))})
    return debugger


def line(debugger: Debugger) -> str:
    return str(debugger.line)


@pytest.mark.parametrize("name", ALL)
def test_the_first_line_of_a_function_stands_behind_its_prologue(name: str) -> None:
    debugger = in_main(name)
    assert line(debugger) == "lines.c:56"
    assert debugger.rip > address_of(debugger, "main")


@pytest.mark.parametrize("name", UNOPTIMIZED)
def test_next_goes_from_line_to_line_and_over_calls_and_loops(name: str) -> None:
    debugger = in_main(name)
    seen = []
    while debugger.next_line().kind == stops.STEPPED:
        seen.append(line(debugger))
    assert seen == [
        *("lines.c:57", "lines.c:58", "lines.h:4", "lines.h:6", "lines.c:58"),
        *("lines.c:59", "lines.c:60", "lines.c:64"),
    ]
    assert debugger.has_ended


@pytest.mark.parametrize("name", UNOPTIMIZED)
def test_step_goes_into_functions_and_out_of_them(name: str) -> None:
    debugger = in_main(name)
    seen = []
    for _ in range(9):
        debugger.step_line()
        seen.append(line(debugger))
    assert seen == [
        *("lines.c:57", "lines.c:46", "lines.c:48", "lines.c:38", "lines.c:39", "lines.c:40"),
        *("lines.c:41", seen[7], seen[8]),
    ]
    assert seen[7] in ("lines.c:22", "lines.c:23", "lines.c:27")


@pytest.mark.parametrize("name", UNOPTIMIZED)
def test_a_step_into_a_recursion_stops_in_each_level_again(name: str) -> None:
    debugger = in_main(name)
    point = debugger.points.add(
        points.BREAK, behind_prologue(debugger.guest, address_of(debugger, "countdown"))
    )
    pointers = []
    for _ in range(4):
        assert debugger.resume().kind == stops.BREAKPOINT
        pointers.append(debugger.read_register("rsp"))
    assert point.hits == 4
    assert pointers == sorted(pointers, reverse=True)
    debugger.points.clear()
    debugger.next_line()
    while line(debugger) != "lines.c:57" and not debugger.has_ended:
        debugger.next_line()
    assert line(debugger) == "lines.c:57"


def test_without_a_line_step_and_next_are_those_by_instruction() -> None:
    lined, plain = debug("debugged_64"), debug("debugged_64")
    for by_line, by_instruction in ((lined.step_line, plain.step), (lined.next_line, plain.next)):
        assert by_line().position == by_instruction().position


def test_lines_step_over_the_ring_and_stay_in_ring_3() -> None:
    debugger = in_main("lines_dwarf4_64")
    debugger.run_to({address_of(debugger, "system_call")})
    for _ in range(4):
        assert debugger.step_line().cpl == 3


def test_a_breakpoint_on_the_way_ends_the_way() -> None:
    debugger = in_main("lines_dwarf4_64")
    debugger.next_line()
    debugger.points.add(points.BREAK, address_of(debugger, "say"))
    assert debugger.next_line().kind == stops.BREAKPOINT
