"""What is told of each instruction before it runs, and events that come from outside."""

from __future__ import annotations

import pytest

from emu.cpu.callbacks import FLAGS
from emu.x86 import flags
from emu.x86.vectors import GP
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, COUNTERS, RSP0, STACK_TOP, Guest, handler

PROGRAM = code("xor eax, eax; inc eax; nop; int 0x80")  # 2, 2, 1 and 2 bytes


@pytest.mark.parametrize("counter", COUNTERS)
def test_each_instruction_is_told_before_it_runs(counter: str) -> None:
    guest = Guest(counter=counter)
    seen: list[tuple[int, int, int, bool]] = []

    def step(address: int, size: int) -> None:
        zero = bool(guest.engine.cells[FLAGS] & flags.ZF)
        seen.append((address - CODE, size, guest.state.words[0], zero))

    guest.engine.hook_steps(step)
    guest.cross(PROGRAM, rax=7)
    assert seen == [(0, 2, 7, False), (2, 2, 0, True), (4, 1, 1, False), (5, 2, 1, False)]
    assert guest.machine.counter.user == 4


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_step_may_stop_the_machine_before_its_instruction(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.engine.hook_steps(lambda address, _: guest.engine.stop() if address == CODE + 4 else None)
    seen = guest.cross(PROGRAM, rax=7)
    assert (seen.rip, seen.gpr("rax"), guest.machine.counter.user) == (CODE + 4, 1, 2)


def test_what_a_step_raises_ends_the_run() -> None:
    guest = Guest()

    def step(_address: int, _size: int) -> None:
        raise LookupError("no more")

    guest.engine.hook_steps(step)
    with pytest.raises(LookupError, match="no more"):
        guest.cross(PROGRAM)


@pytest.mark.parametrize(("vector", "error_code", "pushed"), [(0x20, None, 5), (GP, 0x18, 6)])
def test_an_event_from_outside_comes_before_the_next_instruction(
    vector: int, error_code: int | None, pushed: int
) -> None:
    guest = Guest()
    guest.write(CODE, PROGRAM)
    guest.put(CODE, rflags=flags.IF | flags.ZF)
    guest.machine.processor.interrupt(vector, error_code)
    seen = guest.seen()
    assert (guest.entry.vector, guest.entry.error_code) == (vector, error_code)
    assert (seen.rip, seen.cpl, seen.gpr("rsp")) == (handler(vector), 0, RSP0 - 8 * pushed)
    rip, cs, rflags, rsp, ss = seen.stack[pushed - 5 : pushed]
    resumed = flags.RF if vector == GP else 0
    assert (rip, cs, rsp, ss) == (CODE, 0x33, STACK_TOP - 64, 0x2B)
    assert rflags == flags.IF | flags.ZF | flags.FIXED | resumed
