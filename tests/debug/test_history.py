"""Backwards and forwards again the machine is the same, over crossings, faults and page tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from zlib import crc32

import pytest

from emu.cli.guest import LinuxGuest
from emu.debug import points, stops
from emu.debug.core import Debugger
from emu.errors import UsageError
from emu.machine import Machine
from kernel_stub.launch import launch
from kernel_stub.vfs import VfsOptions
from tests.debug.sessions import MEMORY, debug, path_of

ARCHITECTURAL: Final = slice(176, 592)  # of the state block: hidden flags, segments, CRs


def state(debugger: Debugger) -> tuple[object, ...]:
    """All that a program and the ledger could tell two moments apart by."""
    debugger.engine.state.load()
    registers = debugger.engine.state.words[:17].tolist()
    hidden = bytes(debugger.engine.state.raw[ARCHITECTURAL])
    ram = debugger.machine.physical
    return (
        debugger.position,
        registers,
        debugger.engine.flags(),
        hidden,
        crc32(ram.view[: ram.used]),
        debugger.machine.ledger.rows(),
        debugger.machine.counter.user,
    )


def recorded() -> tuple[Debugger, list[bytes]]:
    """A debugger, and what the program writes."""
    written: list[bytes] = []

    def write(_descriptor: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    debugger = debug("hello_syscall_64")
    assert isinstance(debugger.guest, LinuxGuest)
    debugger.guest.listen(lambda wanted, seconds: True, write)
    return debugger, written


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("hello_glibc_static_64", 6000),
        ("hello_glibc_dynamic_32", 16_000),
        ("hello_sysenter_32", 0),
        ("hello_int80_64", 0),
    ],
)
def test_steps_back_and_forward_over_crossings_give_identical_states(name: str, start: int) -> None:
    debugger = debug(name)
    if start:
        debugger.run_to_instruction(start)
    states = [state(debugger)]
    while len(states) <= 1000 and not debugger.has_ended:
        debugger.step()
        states.append(state(debugger))
    crossed = states[-1][0].crossings - states[0][0].crossings  # type: ignore[attr-defined]  # a Position
    assert crossed >= 1
    for expected in reversed(states[:-1]):
        assert debugger.reverse_step().kind == stops.STEPPED
        assert state(debugger) == expected
    for expected in states[1:]:
        debugger.step()
        assert state(debugger) == expected


def test_the_beginning_is_as_far_back_as_it_goes() -> None:
    debugger = debug("hello_syscall_64")
    debugger.step(3)
    assert debugger.reverse_step(4).kind == stops.BEGINNING
    assert debugger.position == (0, 0)


def test_running_backwards_stops_where_a_point_was_reached_last() -> None:
    debugger = debug("hello_glibc_static_64")
    debugger.points.add(points.CATCH_CALL)
    reached = []
    while (stop := debugger.resume()).kind == stops.CROSSING:
        reached.append(stop.position)
    assert stop.kind == stops.ENDED
    for expected in reversed(reached):
        back = debugger.reverse_resume()
        assert (back.kind, back.position) == (stops.CROSSING, expected)
    assert debugger.reverse_resume().kind == stops.BEGINNING
    assert [point.hits for point in debugger.points] == [len(reached)]


def test_any_instruction_can_be_gone_to_there_and_back() -> None:
    debugger = debug("hello_glibc_static_64")
    debugger.resume()
    for number in (14_000, 77, 9000, 0):
        debugger.run_to_instruction(number)
        assert debugger.position.instructions == number


def test_what_the_program_wrote_and_read_is_not_written_and_read_again() -> None:
    debugger, written = recorded()
    debugger.resume()
    assert debugger.reverse_resume().kind == stops.BEGINNING
    assert debugger.resume().kind == stops.ENDED
    assert written == [b"hello, world by syscall\n"]


def test_going_back_behind_a_change_takes_it_back() -> None:
    debugger = debug("hello_syscall_64")
    debugger.points.add(points.CATCH_CALL, what="write")
    debugger.resume()
    debugger.write_register("r12", 77)
    changed = debugger.position
    debugger.step(5)
    assert debugger.reverse_step(5).position == changed
    assert debugger.read_register("r12") == 77
    debugger.reverse_step()
    debugger.step()
    assert debugger.position == changed
    assert debugger.read_register("r12") == 0


def test_a_change_of_memory_makes_another_future() -> None:
    debugger, written = recorded()
    debugger.points.add(points.CATCH_CALL, what="write")
    debugger.resume()
    debugger.finish_trap()
    debugger.reverse_resume()
    debugger.write_memory(debugger.read_register("rsi"), b"J")
    debugger.finish_trap()
    assert written == [b"hello, world by syscall\n", b"Jello, world by syscall\n"]


def test_there_is_no_way_back_from_real_files(tmp_path: Path) -> None:
    machine = Machine(MEMORY)
    path = os.fsencode(path_of("hello_syscall_64"))
    options = VfsOptions(writable=(os.fsencode(tmp_path),))
    kernel = launch(machine, path, [path], [], options)
    debugger = Debugger(machine, LinuxGuest(kernel))
    assert debugger.step().kind == stops.STEPPED
    with pytest.raises(UsageError, match="--rw"):
        debugger.reverse_step()
