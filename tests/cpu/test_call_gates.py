"""A far call through a call gate: what the engine makes of it, in ring 3.

Linux makes no call gate and lets no program make one; another kernel may. The engine delivers them
itself, so neither watcher nor ledger is told; docs/quirks.md says what it does otherwise.
SDM 3A, "Call Gates", "IA-32e Mode Call Gates", "Stack Switching in 64-bit Mode"; SDM 2A, "CALL".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu.state import Segment
from emu.x86 import flags
from emu.x86.gates import CALL_GATE, GATE, call_gate
from emu.x86.registers import LDTR
from emu.x86.vectors import GP, NP, TS
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    DATA,
    GDT_BASE,
    KERNEL_CS,
    KERNEL_DATA,
    RSP0,
    STACK_TOP,
    TEXT,
    TSS_BASE,
    USER32_CS,
    USER_CS,
    USER_DS,
    Guest,
)
from tests.golden import State

KERNEL: Final = TEXT + 0x2000
GATE_AT: Final = 0x60  # two entries of the GDT
SELECTOR: Final = GATE_AT | 3
OFFSET: Final = 0x1234  # of the far pointer: nobody looks at it
CALL_64, CALL_32, JUMP_64 = bytes.fromhex("48ff1b"), bytes.fromhex("ff1b"), bytes.fromhex("48ff2b")
RSP: Final = STACK_TOP - 64
USER_FLAGS: Final = flags.STATUS | flags.DF | flags.NT | flags.IF | flags.FIXED


def through(
    gate: int,
    instruction: bytes = CALL_64,
    selector: int = SELECTOR,
    long: bool = True,
    guest: Guest | None = None,
) -> tuple[Guest, State]:
    """Ring 3 calls by a far pointer to `selector`; ring 0 hands over where it begins."""
    guest = guest or Guest()
    guest.attach()
    guest.write(GDT_BASE + GATE_AT, gate.to_bytes(GATE.size, "little"))
    guest.write(KERNEL, code("vmcall"))
    size = 8 if long else 4
    pointer = OFFSET.to_bytes(size, "little") + selector.to_bytes(2, "little")
    guest.write(DATA, pointer)
    for vector in (GP, NP, TS):
        guest.write(TEXT + 16 * vector, code("vmcall"))
    seen = guest.cross(instruction, long=long, rflags=USER_FLAGS, rbx=DATA)
    return guest, seen


OPEN: Final = call_gate(KERNEL, KERNEL_CS, dpl=3)


@pytest.mark.parametrize("selector", [SELECTOR, GATE_AT], ids=["RPL 3", "RPL 0"])
@pytest.mark.parametrize(
    ("long", "instruction", "cs"), [(True, CALL_64, USER_CS), (False, CALL_32, USER32_CS)]
)
def test_a_gate_that_is_open_to_ring_3_leads_to_ring_0_on_its_stack(
    long: bool, instruction: bytes, cs: int, selector: int
) -> None:
    guest, seen = through(OPEN, instruction, selector, long)
    assert (seen.cpl, seen.rip - len(code("vmcall"))) == (0, KERNEL)
    assert seen.cs == Segment(KERNEL_CS, 0, 0xFFFF_FFFF, 0x00AF_9B00)
    assert seen.ss == Segment(0, 0, 0, 0)
    assert seen.gpr("rsp") == RSP0 - 4 * 8
    assert seen.stack[:4] == (CODE + len(instruction), cs, RSP, USER_DS)
    assert seen.rflags == USER_FLAGS
    assert guest.events == []


def test_the_call_counts_as_the_users_and_what_follows_as_the_kernels() -> None:
    guest, _ = through(OPEN)
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (1, 1)


def test_a_far_return_leads_back_to_ring_3() -> None:
    guest = Guest()
    guest.write(KERNEL + 16, code("retfq"))
    _, seen = through(call_gate(KERNEL + 16, KERNEL_CS, dpl=3), CALL_64 + code("hlt"), guest=guest)
    assert (seen.stack[0], guest.entry.from_rip) == (0, CODE + 3)
    assert (guest.entry.vector, guest.entry.from_cpl) == (GP, 3)
    assert seen.stack[4] == RSP


@pytest.mark.parametrize("target_cs", [USER_CS, USER_CS & ~3])
def test_a_gate_to_code_of_ring_3_changes_no_stack(target_cs: int) -> None:
    guest = Guest()
    guest.write(CODE + 0x100, code("int 0x80"))
    guest.write(TEXT + 16 * 0x80, code("vmcall"))
    _, seen = through(call_gate(CODE + 0x100, target_cs, dpl=3), guest=guest)
    assert seen.stack[:4] == (CODE + 0x102, USER_CS, USER_FLAGS, RSP - 16)
    assert guest.words(RSP - 16, 2) == (CODE + len(CALL_64), USER_CS)


# what is wrong, the gate's sixteen bytes, selector, vector, error code
REFUSED: Final = (
    ("DPL below CPL", call_gate(KERNEL, KERNEL_CS, dpl=0), SELECTOR, GP, GATE_AT),
    ("DPL 2", call_gate(KERNEL, KERNEL_CS, dpl=2), GATE_AT, GP, GATE_AT),
    ("not present", GATE.put(OPEN, "present", 0), SELECTOR, NP, GATE_AT),
    ("null code selector", call_gate(KERNEL, 0, dpl=3), SELECTOR, GP, 0),
    ("null but for RPL", call_gate(KERNEL, 3, dpl=3), SELECTOR, GP, 0),
    ("32-bit code", call_gate(KERNEL, 0x08, dpl=3), SELECTOR, GP, 0x08),
    ("data", call_gate(KERNEL, 0x18, dpl=3), SELECTOR, GP, 0x18),
    ("a system segment", call_gate(KERNEL, 0x40, dpl=3), SELECTOR, GP, 0x40),
    ("beyond the GDT", call_gate(KERNEL, 0x100, dpl=3), SELECTOR, GP, 0x100),
    ("no LDT", call_gate(KERNEL, KERNEL_CS | 4, dpl=3), SELECTOR, GP, KERNEL_CS | 4),
    ("a type in its upper half", OPEN | 1 << 64 + 40, SELECTOR, GP, GATE_AT),
    ("a 16-bit call gate", GATE.put(OPEN, "type", 4), SELECTOR, GP, GATE_AT),
    ("an interrupt gate", GATE.put(OPEN, "type", 14), SELECTOR, GP, GATE_AT),
    ("a task gate", GATE.put(OPEN, "type", 5), SELECTOR, GP, GATE_AT),
    ("its upper half", OPEN, SELECTOR + 8, GP, GATE_AT + 8),
    ("beyond the table", OPEN, 0x83, GP, 0x80),
    ("in the LDT that is not there", OPEN, SELECTOR | 4, GP, GATE_AT | 4),
)


@pytest.mark.parametrize(
    ("gate", "selector", "vector", "error_code"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_a_gate_that_is_wrong_is_refused_at_the_call_and_nothing_is_pushed(
    gate: int, selector: int, vector: int, error_code: int
) -> None:
    guest, seen = through(gate, selector=selector)
    entry = guest.entry
    assert (entry.vector, entry.error_code, entry.from_cpl) == (vector, error_code, 3)
    assert entry.from_rip == CODE
    assert seen.stack[4:6] == (RSP, USER_DS)
    assert guest.machine.counter.user == 0


def test_a_far_jump_through_a_gate_does_not_change_the_ring() -> None:
    guest, _ = through(OPEN, JUMP_64)
    assert (guest.entry.vector, guest.entry.error_code) == (GP, KERNEL_CS)
    assert guest.entry.from_rip == CODE


def test_a_gate_may_stand_in_the_ldt() -> None:
    guest = Guest()
    guest.write(KERNEL_DATA, OPEN.to_bytes(GATE.size, "little"))
    guest.set_segments({LDTR: Segment(0x50, KERNEL_DATA, GATE.size - 1, 0x8200)})
    _, seen = through(0, selector=7, guest=guest)
    assert (seen.cpl, seen.rip - len(code("vmcall"))) == (0, KERNEL)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_a_target_that_is_not_canonical_is_a_fault_behind_the_gate(vendor: str) -> None:
    """A processor raises it at the call: docs/quirks.md."""
    guest, _ = through(call_gate(1 << 47, KERNEL_CS, dpl=3), guest=Guest(vendor))
    entry = guest.entry
    assert (entry.vector, entry.error_code) == (GP, 0)
    assert (entry.from_cpl, entry.from_rip) == (0, 1 << 47)


def test_the_stack_comes_from_the_tss() -> None:
    guest = Guest()
    guest.write(TSS_BASE + 4, (KERNEL_DATA + 0x800).to_bytes(8, "little"))
    _, seen = through(OPEN, guest=guest)
    assert seen.gpr("rsp") == KERNEL_DATA + 0x800 - 32


def test_the_type_is_the_manuals() -> None:
    assert GATE.get(OPEN, "type") == CALL_GATE == 0b1100
