"""The debugger stops exactly, counts exactly, and changes nothing by being there."""

from __future__ import annotations

import pytest

from emu.debug import points, stops
from emu.debug.core import Debugger
from emu.debug.position import Position
from tests.cpu.machine_builder import COUNTERS
from tests.debug.sessions import debug

# A program by each way in, and one with page faults, `rep` and a dynamic linker's tricks.
PROGRAMS = ("hello_syscall_64", "hello_int80_64", "hello_int80_32", "hello_sysenter_32")
LIBC = "hello_glibc_static_64"


def ran_through(name: str, counter: str = "auto") -> Debugger:
    debugger = debug(name, counter=counter)
    assert debugger.resume().kind == stops.ENDED
    return debugger


def undisturbed(name: str) -> tuple[int, int]:
    machine = debug(name).machine
    machine.run()
    return machine.counter.user, machine.counter.kernel


def counts(debugger: Debugger) -> tuple[int, int]:
    return debugger.machine.counter.user, debugger.machine.counter.kernel


def address_of(debugger: Debugger, name: str) -> int:
    return next(symbol.address for symbol in debugger.guest.symbols() if symbol.name == name)


@pytest.mark.parametrize("name", [*PROGRAMS, LIBC])
def test_a_program_counts_the_same_under_a_debugger(name: str) -> None:
    assert counts(ran_through(name)) == undisturbed(name)


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_single_step_retires_one_instruction_or_is_a_fault(name: str, counter: str) -> None:
    debugger = debug(name, counter=counter)
    before, faults = debugger.position, 0
    while (stop := debugger.step()).kind == stops.STEPPED:
        retired = stop.position.instructions - before.instructions
        crossed = stop.position.crossings - before.crossings
        assert (retired, crossed) in {(1, 0), (1, 1), (0, 1)}
        faults += (retired, crossed) == (0, 1)
        before = stop.position
    assert stop.kind == stops.ENDED
    assert faults >= 1
    assert counts(debugger) == undisturbed(name)


def test_a_libc_program_steps_to_the_same_count() -> None:
    debugger = debug(LIBC)
    assert debugger.step(1_000_000).kind == stops.ENDED
    assert counts(debugger) == undisturbed(LIBC)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("hello_syscall_64", "entry_SYSCALL_64"),
        ("hello_int80_64", "entry_INT80_compat"),
        ("hello_int80_32", "entry_INT80_compat"),
        ("hello_sysenter_32", "entry_SYSENTER_compat"),
    ],
)
def test_a_step_over_the_crossing_instruction_lands_on_the_kernels_entry(
    name: str, entry: str
) -> None:
    debugger = debug(name)
    debugger.points.add(points.CATCH_CALL, what="write")
    stop = debugger.resume()
    expected = address_of(debugger, entry)
    assert (stop.kind, stop.rip, stop.cpl) == (stops.CROSSING, expected, 0)
    fresh = debug(name)
    fresh.run_to({stop.crossing.event.from_rip})  # type: ignore[union-attr]  # it crossed
    assert fresh.cpl == 3
    stepped = fresh.step()
    assert (stepped.rip, stepped.cpl) == (expected, 0)
    assert stepped.position == stop.position


def test_a_breakpoint_in_ring_0_stops_at_every_system_call() -> None:
    debugger = debug(LIBC)
    entry = address_of(debugger, "entry_SYSCALL_64")
    point = debugger.points.add(points.BREAK, entry)
    while debugger.resume().kind == stops.BREAKPOINT:
        assert debugger.rip == entry
    assert point.hits == 16


def test_finish_trap_leads_to_the_instruction_behind_the_system_call() -> None:
    debugger = debug("hello_syscall_64")
    debugger.points.add(points.CATCH_CALL, what="write")
    crossing = debugger.resume().crossing
    assert crossing is not None
    stop = debugger.finish_trap()
    assert (stop.kind, stop.cpl, stop.rip) == (stops.ARRIVED, 3, crossing.event.from_rip + 2)
    assert stop.returned is not None
    assert stop.returned.after.gprs[0] == len("hello, world by syscall\n")


def test_a_fault_is_a_position_of_its_own() -> None:
    debugger = debug("hello_syscall_64")
    stop = debugger.step()
    assert stop.position == Position(0, 1)
    assert stop.crossing is not None
    assert stop.crossing.event.vector == 14
    assert [name for name, _ in stop.crossing.frame] == [
        "error_code",
        "rip",
        "cs",
        "rflags",
        "rsp",
        "ss",
    ]
