"""Every golden crossing: the state at the first kernel instruction, what was pushed, the return.

The captures are QEMU's. Where a processor is known to do otherwise, `EXPECTED` has its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from emu.cpu.state import Segment
from emu.machine import Machine
from emu.testing import Frame, Guest, Trap
from emu.x86 import flags, msrs, vectors
from emu.x86.gates import GATE
from emu.x86.registers import CS, GPRS, SS
from kernel_stub import layout
from kernel_stub.boot import KernelHalf
from tests import golden
from tests.cpu.assembler import code
from tests.cpu.golden_machine import golden_gate
from tests.golden import Crossing, State
from tests.golden.boot import entry_points, guest_before, state_as

INSTRUCTIONS: Final = {"int 0x80": "int 0x80", "syscall": "syscall", "sysenter": "sysenter"}
PUSHED: Final = 5
UPPER: Final = tuple(GPRS[8:])
USER32_CS: Final = 0x23

Correct = Callable[[Crossing, State], State]


def l_without_d(_crossing: Crossing, entry: State) -> State:
    """SYSENTER loads a CS with L set and D clear (SDM 2B, SYSENTER); QEMU sets both."""
    cs = Segment(entry.cs.selector, 0, 0xFFFF_FFFF, 0x00A0_9B00)
    return entry._replace(cs=cs)


def resumed(_crossing: Crossing, entry: State) -> State:
    """A fault pushes RF = 1 (SDM 3B, "Instruction-Breakpoint Exception Condition")."""
    rip, cs, rflags, *rest = entry.stack
    return entry._replace(stack=(rip, cs, rflags | flags.RF, *rest))


def invalid_opcode(crossing: Crossing, _entry: State) -> State:
    """AMD has no SYSENTER in long mode (APM 3, SYSENTER): #UD through the gate of vector 6."""
    before = crossing.before
    rip = entry_points(crossing.model)["asm_exc_invalid_op"]
    rsp0 = golden.number(golden.machine(crossing.model)["tss"]["rsp0"])
    frame = (before.rip, before.cs.selector, before.rflags | flags.RF)
    return before._replace(
        registers=tuple(
            rsp0 - 40 if name == "rsp" else value
            for name, value in zip(GPRS, before.registers, strict=True)
        ),
        rip=rip,
        rflags=before.rflags & ~flags.IF,
        cpl=0,
        selectors={**before.selectors, "cs": 0x10, "ss": 0},
        cs=Segment(0x10, 0, 0xFFFF_FFFF, 0x00AF_9B00),
        ss=Segment(0, 0, 0, 0),
        stack=(*frame, before.gpr("rsp"), before.ss.selector),
    )


# By model and instruction, or by event: what a processor does otherwise than the capture.
EXPECTED: Final[dict[tuple[str, str], Correct]] = {
    ("haswell_default", "sysenter"): l_without_d,
    ("epyc_default", "sysenter32_getpid"): invalid_opcode,
    ("epyc_default", "sysenter64"): resumed,
}


def expected(crossing: Crossing) -> State:
    """What a processor shows at the first kernel instruction."""
    entry = crossing.entries[0]
    for key in (crossing.name, crossing.instruction):
        correct = EXPECTED.get((crossing.model, key))
        if correct is not None:
            return correct(crossing, entry)
    return entry


def with_upper_registers(crossing: Crossing) -> Crossing:
    """In 32-bit code r8 to r15 read as 0 in the capture; they are what the kernel then saw."""
    before, entry = crossing.before, crossing.entries[0]
    if before.cs.selector != USER32_CS:
        return crossing
    return crossing._replace(
        before=before._replace(registers=(*before.registers[:8], *entry.registers[8:]))
    )


CROSSINGS: Final = [
    pytest.param(with_upper_registers(crossing), id=f"{crossing.model}-{crossing.name}")
    for crossing in golden.crossings()
]


def crossed(crossing: Crossing) -> tuple[Guest, Trap]:
    guest = guest_before(crossing, code(INSTRUCTIONS[crossing.instruction]))
    return guest, guest.run_until_trap()


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_the_program_stands_in_the_golden_state(crossing: Crossing) -> None:
    _, trap = crossed(crossing)
    assert trap.user == state_as(trap.user, crossing.before)


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_the_first_kernel_instruction_finds_the_golden_state(crossing: Crossing) -> None:
    guest, trap = crossed(crossing)
    wanted = expected(crossing)
    assert trap.entry == state_as(trap.entry, wanted)
    assert guest.state == trap.entry
    segments = guest.machine.engine.state
    assert (segments.segment(CS), segments.segment(SS)) == (wanted.cs, wanted.ss)


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_the_processor_pushed_the_golden_frame(crossing: Crossing) -> None:
    guest, trap = crossed(crossing)
    wanted = expected(crossing)
    if trap.mechanism in ("int80", "fault"):
        assert trap.frame == Frame(*wanted.stack[:PUSHED])
        assert trap.stack == "RSP0"
    elif trap.mechanism == "syscall":
        size = 8 * len(crossing.before.stack)
        stack = memoryview(guest.read(trap.entry.rsp, size)).cast("Q")
        assert (trap.frame, tuple(stack)) == (None, wanted.stack[: len(stack)])
    else:  # the kernel's own stack: nothing is pushed, what lies there is its business
        assert (trap.frame, trap.stack) == (None, "SYSENTER_ESP")


def test_the_corrections_are_all_of_events_that_exist() -> None:
    known = {(c.model, key) for c in golden.crossings() for key in (c.name, c.instruction)}
    assert set(EXPECTED) <= known


# ---- the way back: IRET and SYSRET are the engine's own

RETURNS: Final = {"int 0x80": "iretq", "syscall": "sysretq"}


def chosen_by(names: Callable[[Crossing], bool]) -> list[Any]:
    """The crossings that are named, as parameters."""
    chosen = [c for c in map(with_upper_registers, golden.crossings()) if names(c)]
    return [pytest.param(crossing, id=f"{crossing.model}-{crossing.name}") for crossing in chosen]


def entered_and(crossing: Crossing, behind: str, rax: int) -> Guest:
    """In the kernel, whose first instruction returns `rax` to the instruction `behind`."""
    guest, trap = crossed(crossing)
    guest.write(trap.entry.rip, code(RETURNS[crossing.instruction]))
    guest.write(trap.user.next_rip, code(behind))
    return guest.set(rax=rax)


def goes_back(crossing: Crossing) -> bool:
    """Whether its return depends on the processor alone, not on a kernel's landing pad."""
    in_64_bit_code = crossing.before.cs.selector != USER32_CS
    return crossing.after is not None and (in_64_bit_code or crossing.instruction == "int 0x80")


@pytest.mark.parametrize("crossing", chosen_by(lambda c: goes_back(c) and c.instruction in RETURNS))
def test_the_program_goes_on_in_the_golden_state(crossing: Crossing) -> None:
    after = crossing.after
    assert after is not None
    back = entered_and(crossing, "hlt", after.gpr("rax")).run_until_user()
    unknown = UPPER if crossing.before.cs.selector == USER32_CS else ()
    assert back.user == state_as(back.user, after, but=unknown)
    assert f"{back.by}q" == RETURNS[crossing.instruction]


# ---- the trap flag: #DB comes behind the next instruction of ring 3, never inside the kernel


def returned_by_iret(crossing: Crossing, rax: int) -> Guest:
    """As Linux returns from SYSCALL with TF set: SYSRET would trap before the next instruction."""
    guest = guest_before(crossing, code("syscall; nop"))
    entry = guest.run_until_trap().entry
    registers = {**entry.registers, "rax": rax}
    return guest.put(entry.rcx, rflags=entry.r11, **registers)


@pytest.mark.parametrize("crossing", chosen_by(lambda c: len(c.entries) == 2))
def test_a_single_step_over_a_system_call_traps_behind_the_next_instruction(
    crossing: Crossing,
) -> None:
    debug = crossing.entries[1]
    if crossing.instruction == "syscall":
        guest = returned_by_iret(crossing, debug.gpr("rax"))
    else:
        guest = entered_and(crossing, "nop", debug.gpr("rax"))
    trap = guest.run_until_trap()
    assert trap.vector == vectors.DB
    assert trap.entry == state_as(trap.entry, debug, but=UPPER)
    assert trap.frame == Frame(*debug.stack[:PUSHED])
    segments = guest.machine.engine.state
    assert (segments.segment(CS), segments.segment(SS)) == (debug.cs, debug.ss)


# ---- the kernel half that this project boots has the same tables


@pytest.mark.parametrize("model", golden.VENDORS)
def test_the_kernel_half_has_the_gates_of_linux(model: str) -> None:
    half = KernelHalf(Machine(8 << 20, golden.VENDORS[model]))
    for row in golden.machine(model)["idt"]:
        vector = golden.number(row["vector"])
        stub_of_start_up = row["symbol"].startswith("_sinittext")
        if (vector < 22 or vector == 0x80) and not stub_of_start_up:
            gate = int.from_bytes(half.tables.read(layout.IDT_BASE + 16 * vector, 16), "little")
            fields = GATE.unpack(gate)
            wanted = GATE.unpack(golden_gate(row, fields["offset"]))
            assert fields == wanted, row


@pytest.mark.parametrize("model", golden.VENDORS)
def test_the_kernel_half_has_the_segments_of_linux(model: str) -> None:
    half = KernelHalf(Machine(8 << 20, golden.VENDORS[model]))
    entries = [golden.number(entry) for entry in golden.machine(model)["gdt"]]
    for selector in (0x10, 0x18, 0x23, 0x2B, 0x33):
        assert half.read_descriptor(selector >> 3) == entries[selector >> 3]


@pytest.mark.parametrize("model", golden.VENDORS)
def test_the_kernel_half_has_the_selectors_and_the_flag_mask_of_linux(model: str) -> None:
    machine = Machine(8 << 20, golden.VENDORS[model])
    KernelHalf(machine)
    values = golden.machine(model)["msr"]
    for name in ("STAR", "FMASK", "SYSENTER_CS", "EFER"):
        assert machine.engine.read_msr(getattr(msrs, name)) == golden.number(values[name]), name
