"""Breakpoints that Python sets in DR0 to DR7: where the #DB comes, what DR6 says, what counts.

SDM 3B, "Debug Exception (#DB) - Interrupt Vector 1", "Data Memory and I/O Breakpoint Exception
Conditions", "Instruction-Breakpoint Exception Condition".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode
from emu.errors import UsageError
from emu.events import Entered
from emu.x86 import debug, flags
from emu.x86.debug import ACCESS, EXECUTE, WRITE
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, COUNTERS, DATA, TEXT, USER_DS, Guest, handler

pytestmark = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")

DB: Final = 1
STORE: Final = "mov qword ptr [rbx], rax"
LOAD: Final = "mov rax, qword ptr [rbx]"
KERNEL_CODE: Final = TEXT + 0x2000


def guest_with(kind: int, address: int, length: int = 1, counter: str = "python") -> Guest:
    guest = Guest(counter=counter)
    guest.machine.processor.debug.set_breakpoint(2, address, kind, length)
    return guest


# program, kind, breakpoint, its length, RBX, where the #DB comes (None: HLT is reached)
DATA_CLAIMS: Final = (
    (f"nop; {STORE}; nop", WRITE, DATA, 8, DATA, 4),
    (f"nop; {STORE}; nop", ACCESS, DATA, 8, DATA, 4),
    (f"nop; {LOAD}; nop", ACCESS, DATA, 8, DATA, 4),
    (f"nop; {LOAD}; nop", WRITE, DATA, 8, DATA, None),
    (f"{STORE}; nop", WRITE, DATA + 7, 1, DATA, 3),
    (f"{STORE}; nop", WRITE, DATA + 8, 1, DATA, None),
    (f"{STORE}; nop", WRITE, DATA + 8, 8, DATA + 1, 3),
    (f"{STORE}; nop", WRITE, DATA, 4, DATA + 4, None),
    (f"{STORE}; nop", WRITE, DATA + 4096, 1, DATA + 4092, 3),
    (f"{STORE}; nop", WRITE, DATA, 1, DATA + 4096, None),
    ("nop; push rax; nop", WRITE, 0x60_0FB8, 8, DATA, 2),
)


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize(("text", "kind", "at", "length", "rbx", "expected"), DATA_CLAIMS)
def test_a_data_breakpoint_traps_behind_the_instruction_that_accessed(
    counter: str, text: str, kind: int, at: int, length: int, rbx: int, expected: int | None
) -> None:
    guest = guest_with(kind, at, length, counter)
    seen = guest.cross(code(text), rbx=rbx, rax=0x1122)
    if expected is None:
        assert guest.entry.vector == 13
        return
    assert (guest.entry.vector, seen.stack[0]) == (DB, CODE + expected)
    assert not seen.stack[2] & flags.RF
    assert guest.machine.processor.debug.read(6) == debug.STATUS_AT_RESET | 4
    assert guest.machine.counter.user == text.count(";")


def test_an_access_of_ring_0_traps_too() -> None:
    guest = guest_with(WRITE, DATA, 8)
    guest.write(KERNEL_CODE, code(f"nop; {STORE}; nop; hlt"))
    guest.put_kernel(KERNEL_CODE, rbx=DATA)
    seen = guest.run()
    assert (guest.entry.vector, guest.entry.from_cpl) == (DB, 0)
    assert seen.stack[0] == KERNEL_CODE + 4
    assert guest.machine.counter.kernel == 2


def test_a_repeated_store_traps_between_its_turns() -> None:
    guest = guest_with(WRITE, DATA + 1)
    seen = guest.cross(code("rep stosb byte ptr [rdi], al; nop"), rdi=DATA, rcx=5)
    assert (guest.entry.vector, seen.stack[0]) == (DB, CODE)
    assert (seen.gpr("rcx"), seen.gpr("rdi")) == (3, DATA + 2)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_breakpoint_on_execution_is_a_fault_that_rf_lets_through(counter: str) -> None:
    guest = guest_with(EXECUTE, CODE + 1, counter=counter)
    seen = guest.cross(code("nop; inc rax; nop"))
    assert (guest.entry.vector, seen.stack[0]) == (DB, CODE + 1)
    assert not seen.stack[2] & flags.RF
    assert (seen.gpr("rax"), guest.machine.counter.user) == (0, 1)
    guest.put(CODE + 1, rflags=flags.RF | 0x202)
    assert guest.run().gpr("rax") == 1
    assert guest.entry.vector == 13


# MOV SS from memory hits; the next instruction enters the kernel, where the #DB comes.
HELD: Final = (
    ("int 0x80", handler(0x80)),
    ("syscall", TEXT + 0x1080),
    ("sysenter", TEXT + 0x17B0),
)


@pytest.mark.parametrize(("instruction", "entry"), HELD)
def test_a_breakpoint_hit_by_mov_ss_comes_in_the_kernel_if_the_next_instruction_enters_it(
    instruction: str, entry: int
) -> None:
    guest = guest_with(ACCESS, DATA, 2)
    guest.attach()
    guest.write(handler(DB), code("vmcall"))
    guest.write(DATA, USER_DS.to_bytes(2, "little"))
    seen = guest.cross(bytes.fromhex("8e13") + code(instruction), rbx=DATA)
    found = [event for event in guest.events if isinstance(event, Entered)]
    assert [event.from_cpl for event in found] == [3, 0]
    assert (found[1].vector, seen.stack[0]) == (DB, entry)


def test_what_a_faulting_instruction_read_is_forgotten() -> None:
    guest = guest_with(ACCESS, DATA, 1)
    guest.attach()
    guest.write(handler(14), code("vmcall"))
    guest.cross(code("rep movsb byte ptr [rdi], byte ptr [rsi]"), rsi=DATA, rdi=0x1000, rcx=1)
    assert guest.entry.vector == 14
    assert guest.machine.processor.debug.read(6) == debug.STATUS_AT_RESET


def test_a_cleared_breakpoint_leaves_nothing_behind() -> None:
    guest = guest_with(WRITE, DATA, 8)
    guest.machine.processor.debug.clear_breakpoint(2)
    guest.cross(code(f"{STORE}; nop"), rbx=DATA)
    assert guest.entry.vector == 13
    assert guest.machine.processor.debug.read(7) == debug.CONTROL_AT_RESET


@pytest.mark.parametrize(
    ("slot", "address", "kind", "length"),
    [(4, 0, WRITE, 1), (0, 1, WRITE, 2), (0, 0, WRITE, 3), (0, 0, EXECUTE, 2), (0, 0, 2, 1)],
)
def test_what_the_processor_has_not_is_refused(
    slot: int, address: int, kind: int, length: int
) -> None:
    with pytest.raises(UsageError):
        Guest().machine.processor.debug.set_breakpoint(slot, address, kind, length)


@pytest.mark.parametrize("number", [4, 5, 8, -1])
def test_there_are_six_debug_registers(number: int) -> None:
    with pytest.raises(UsageError):
        Guest().machine.processor.debug.read(number)


@pytest.mark.parametrize("kind", [WRITE, EXECUTE])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_exchange_of_tasks_brings_breakpoints_and_takes_them(kind: int, is_there: bool) -> None:
    guest = guest_with(kind, DATA if kind == WRITE else CODE + 1)
    state, debug = guest.machine.engine.state, guest.machine.processor.debug
    state.load()
    of_one_task = bytes(state.raw)
    debug.clear_breakpoint(2)
    state.raw[:] = of_one_task
    debug.exchange()
    if not is_there:
        state.set_debug(7, 0x400)
        debug.exchange()
    state.store()
    guest.cross(code(f"nop; {STORE}; nop"), rbx=DATA)
    assert (guest.entry.vector == DB) == is_there


def test_int1_takes_along_what_mov_ss_held_off() -> None:
    guest = guest_with(ACCESS, DATA, 2)
    guest.write(DATA, USER_DS.to_bytes(2, "little"))
    program = bytes.fromhex("8e13f190")  # mov ss, [rbx]; int1; nop
    seen = guest.cross(program, rbx=DATA)
    assert (guest.entry.vector, guest.entry.from_cpl, seen.stack[0]) == (DB, 3, CODE + 3)
    assert guest.machine.processor.debug.read(6) & debug.STATUS_HITS == 4
