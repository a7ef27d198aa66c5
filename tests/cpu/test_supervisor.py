"""Python has its turn in front of a sensitive instruction, exactly, and counts stay exact.

The rows are the test's own: what a verdict becomes is tried with an instruction that is harmless.
SDM 3A, "Interrupt and Exception Handling" (a fault is precise).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from emu.cpu import hostcode, sensitive
from emu.cpu import state as at
from emu.cpu.counters import KERNEL, USER
from emu.cpu.sensitive import Row
from emu.cpu.state import CpuState
from emu.cpu.turn import ALIGNMENT, ALWAYS, UNMASKED, Emulate, Raise, Turn, Verdict, Watch
from emu.x86 import flags, vectors
from emu.x86.registers import RAX
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, COUNTERS, DATA, TEXT, Guest, handler

pytestmark = [
    pytest.mark.parametrize("counter", COUNTERS),
    pytest.mark.skipif(not hostcode.is_supported(), reason="a hook leaves in native code only"),
]

CPUID: Final = rb"\x0f\xa2"  # stands for any instruction that some row knows
BEFORE: Final = "inc eax; inc ebx"
PROGRAM: Final = f"{BEFORE}; cpuid; nop; int 0x80"
CPUID_AT: Final = CODE + 4


class Seen:
    """A check that notes each turn and answers as it was told."""

    def __init__(self, *answers: Verdict | None) -> None:
        self.answers = list(answers)
        self.turns: list[tuple[int, int, int]] = []

    def __call__(self, turn: Turn) -> Verdict | None:
        self.turns.append((turn.rip, turn.state.words[RAX], turn.rflags))
        return self.answers.pop(0) if self.answers else None


def supervise(
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[Turn], Verdict | None],
    pattern: bytes = CPUID,
    when: str = ALWAYS,
    paths: tuple[int, ...] = (USER,),
) -> None:
    row = Row("test", pattern, paths, when, check, "none")
    monkeypatch.setattr(sensitive, "TABLE", (row,))


def ran(counter: str, program: str = PROGRAM, **registers: Any) -> Guest:
    guest = Guest(counter=counter)
    guest.cross(code(program), **registers)
    return guest


def test_a_check_sees_what_the_instructions_in_front_of_it_did(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen)
    guest = ran(counter, rax=0xFFFF_FFFF)
    assert seen.turns == [(CPUID_AT, 0, flags.IF | flags.FIXED)]  # ZF and AF are INC ebx's
    assert guest.machine.counter.user == 5
    assert guest.entry.vector == 0x80


def test_a_raised_fault_is_delivered_at_the_instruction_with_nothing_of_it_done(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervise(monkeypatch, Seen(Raise(vectors.GP, 0x18)))
    guest = ran(counter, rax=7)
    seen = guest.seen()
    assert (guest.entry.vector, guest.entry.error_code, guest.entry.from_rip) == (
        13,
        0x18,
        CPUID_AT,
    )
    assert seen.stack[:2] == (0x18, CPUID_AT)
    assert seen.stack[3] & flags.RF
    assert (seen.gpr("rax"), guest.machine.counter.user) == (8, 2)


def test_a_raised_page_fault_brings_its_address(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervise(monkeypatch, Seen(Raise(vectors.PF, 5, address=0x1234_5000)))
    guest = ran(counter)
    assert (guest.entry.vector, guest.entry.error_code) == (14, 5)
    assert guest.state.control(2) == 0x1234_5000


def test_any_other_verdict_leaves_cr2_alone(counter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    supervise(monkeypatch, Seen(Raise(vectors.GP, 0)))
    assert ran(counter).state.control(2) == 0


def test_what_the_faulting_instruction_leaves_changed_is_there(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(state: CpuState) -> None:
        state.words[RAX] = 99

    supervise(monkeypatch, Seen(Raise(vectors.UD, edit=edit)))
    assert ran(counter).seen().gpr("rax") == 99


def test_an_emulated_instruction_counts_once_and_the_program_goes_on(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perform(state: CpuState) -> None:
        state.words[RAX] = 55
        state.rip += 2

    seen = Seen(Emulate(perform))
    supervise(monkeypatch, seen)
    guest = ran(counter)
    assert (guest.seen().gpr("rax"), guest.machine.counter.user) == (55, 5)
    assert (guest.entry.vector, len(seen.turns)) == (0x80, 1)


def test_each_execution_has_its_turn_and_counts(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen, rb"\x90")
    guest = ran(counter, "mov ecx, 100; again: nop; dec ecx; jnz again; int 0x80")
    assert (len(seen.turns), guest.machine.counter.user) == (100, 302)


def test_a_watch_makes_more_rows_hold_from_that_instruction_on(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, later = Seen(Watch(UNMASKED), Watch(UNMASKED)), Seen()
    rows = (
        Row("first", CPUID, (USER,), ALWAYS, first, "none"),
        Row("later", rb"\x90", (USER,), UNMASKED, later, "none"),
    )
    monkeypatch.setattr(sensitive, "TABLE", rows)
    guest = ran(counter, "nop; cpuid; nop; nop; cpuid; int 0x80")
    assert [rip for rip, *_ in later.turns] == [CODE + 3, CODE + 4]
    assert guest.machine.counter.user == 6


def test_blocks_with_ac_are_apart_from_those_without(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen, rb"\x90", ALIGNMENT)
    guest = ran(counter, "nop; int 0x80")
    assert seen.turns == []
    guest.cross(code("nop; int 0x80"), rflags=flags.IF | flags.AC)
    guest.cross(code("nop; int 0x80"))
    assert [rflags for *_, rflags in seen.turns] == [flags.IF | flags.AC | flags.FIXED]
    assert guest.machine.counter.user == 6


@pytest.mark.parametrize(("supervised", "turns"), [(False, 0), (True, 1)])
def test_ring_0_is_supervised_where_that_is_asked_for(
    counter: str, monkeypatch: pytest.MonkeyPatch, supervised: bool, turns: int
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen, paths=(USER, KERNEL))
    guest = Guest(counter=counter, supervise_kernel=supervised)
    guest.write(TEXT, code("nop; cpuid; vmcall"))
    guest.attach()
    guest.put_kernel()
    guest.run()
    assert (len(seen.turns), guest.machine.counter.kernel) == (turns, 3)


def test_bytes_inside_another_instruction_are_nothing(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(Raise(vectors.UD))
    supervise(monkeypatch, seen)
    guest = ran(counter, "mov eax, 0xa20f; int 0x80")
    assert (seen.turns, guest.entry.vector) == ([], 0x80)


def test_prefixes_belong_to_the_instruction(counter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    supervise(monkeypatch, Seen(Raise(vectors.UD)))
    guest = Guest(counter=counter)
    guest.cross(code("nop") + bytes.fromhex("66480fa2"))
    assert (guest.entry.vector, guest.entry.from_rip) == (6, CODE + 1)


def test_other_code_at_the_address_of_a_hook_runs_as_it_is(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen)
    guest = ran(counter)
    guest.engine.flush_code()
    guest.cross(code(f"{BEFORE}; nop; nop; nop; int 0x80"))
    assert (len(seen.turns), guest.machine.counter.user) == (1, 5 + 6)


def test_a_repeated_instruction_counts_once_however_often_it_had_its_turn(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen, rb"\xaa")
    guest = ran(counter, "rep stosb byte ptr [rdi], al; nop; int 0x80", rdi=DATA, rcx=3)
    assert guest.machine.counter.user == 3
    assert len(seen.turns) >= 3


def test_a_limit_at_a_supervised_block_stops_with_an_exact_count(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervise(monkeypatch, Seen())
    guest = Guest(counter=counter)
    guest.write(CODE, code(f"again: {BEFORE}; cpuid; jmp again"))
    guest.put()
    assert guest.machine.run(1) is True
    offset = guest.state.rip - CODE
    assert guest.machine.counter.user == {0: 0, 2: 1, 4: 2, 6: 3}[offset] or offset == 0
    assert guest.machine.run(1000) is True
    assert guest.machine.counter.user in range(997, 1005)


def test_what_a_check_raises_is_raised_by_run(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_turn: Turn) -> Verdict | None:
        raise ValueError("of the check")

    supervise(monkeypatch, check)
    guest = Guest(counter=counter)
    guest.write(CODE, code(PROGRAM))
    guest.put()
    with pytest.raises(ValueError, match="of the check"):
        guest.run()
    assert (guest.machine.counter.user, guest.state.rip) == (2, CPUID_AT)


def test_single_steps_go_over_a_supervised_instruction(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen)
    guest = Guest(counter=counter)
    guest.attach()
    guest.write(handler(vectors.DB), code("iretq"))
    guest.write(handler(0x80), code("vmcall"))
    guest.write(CODE, code(PROGRAM))
    guest.put(rflags=flags.IF | flags.TF)
    guest.run()
    assert [rip for rip, *_ in seen.turns] == [CPUID_AT]
    assert guest.machine.counter.user == 5


def test_a_block_over_the_end_of_a_page_is_supervised(
    counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    supervise(monkeypatch, seen)
    guest = Guest(counter=counter)
    start = CODE + 0x1000 - 5
    guest.write(start, code(PROGRAM))
    guest.put(start)
    guest.run()
    assert [rip for rip, *_ in seen.turns] == [start + 4]
    assert guest.state.raw[at.HIDDEN_FLAGS] & at.HIDDEN_CPL == 0
