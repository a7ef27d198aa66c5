"""The processor joins engine, delivery, counter, ledger and kernel: what each of them is told."""

from __future__ import annotations

from typing import Final

import pytest

from emu.errors import EngineError, Shutdown
from emu.watch.ledger import Row
from emu.x86.paging import PAGE_SIZE, USER, WRITABLE
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    COMPAT_SYSCALL_ENTRY,
    COUNTERS,
    IDT_BASE,
    NOWHERE,
    SYSCALL_ENTRY,
    SYSENTER_ENTRY,
    TEXT,
    Guest,
    handler,
)

LOAD: Final = "mov rax, qword ptr [rbx]"

# instruction, mode, vendor, line of the ledger
LINES: Final = (
    ("int 0x80", True, "intel", "int80", "i386"),
    ("int 0x80", False, "intel", "int80", "i386"),
    ("syscall", True, "intel", "syscall", "x86_64"),
    ("syscall", True, "amd", "syscall", "x86_64"),
    ("syscall", False, "amd", "syscall", "i386"),
    ("syscall", False, "intel", "fault", "i386"),
    ("sysenter", False, "intel", "sysenter", "i386"),
    ("sysenter", True, "intel", "sysenter", "i386"),
    ("sysenter", True, "amd", "fault", "x86_64"),
    ("hlt", True, "intel", "fault", "x86_64"),
    ("hlt", False, "intel", "fault", "i386"),
    ("int3", True, "intel", "fault", "x86_64"),
    ("int 0x20", True, "intel", "fault", "x86_64"),
)


@pytest.mark.parametrize(("instruction", "long", "vendor", "mechanism", "abi"), LINES)
def test_a_crossing_has_its_line_in_the_ledger(
    instruction: str, long: bool, vendor: str, mechanism: str, abi: str
) -> None:
    guest = Guest(vendor)
    guest.cross(code(f"nop; {instruction}", long), long=long)
    assert guest.machine.ledger.rows() == [Row(mechanism, abi, 1, 0, 0)]


def handing_over(counter: str, watch: bool) -> Guest:
    """Every entry executes two instructions, hands over, and executes two more on the way back."""
    guest = Guest(counter=counter, watch=watch)
    for address, back in (
        (SYSCALL_ENTRY, "sysretq"),
        (handler(0x80), "iretq"),
        (handler(3), "iretq"),
    ):
        guest.write(address, code(f"nop; vmcall; nop; {back}"))
    guest.write(handler(6), code("hlt"))
    guest.attach(lambda call: None)
    return guest


@pytest.mark.parametrize("watch", [True, False], ids=["watched", "unwatched"])
@pytest.mark.parametrize("counter", COUNTERS)
def test_what_the_kernel_executes_is_split_at_the_handover(counter: str, watch: bool) -> None:
    guest = handing_over(counter, watch)
    guest.cross(code("syscall; int 0x80; int3; syscall; syscall; ud2"))
    assert guest.machine.ledger.rows() == [
        Row("syscall", "x86_64", 3, 6, 6),
        Row("int80", "i386", 1, 2, 2),
        Row("fault", "x86_64", 2, 2 + 1, 2),
    ]
    found = guest.machine.counter
    assert guest.machine.ledger.entry + guest.machine.ledger.exit == found.kernel
    assert found.user == 5


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_trap_of_the_kernel_belongs_to_the_open_crossing(counter: str) -> None:
    guest = handing_over(counter, watch=True)
    guest.write(handler(0x80), code("int3; vmcall; iretq"))
    guest.cross(code("int 0x80; ud2"))
    rows = guest.machine.ledger.rows()
    assert rows[0] == Row("int80", "i386", 1, 1 + 4 + 1, 1)
    assert guest.machine.ledger.nested == 1


@pytest.mark.parametrize("counter", COUNTERS)
def test_user_and_kernel_are_all_that_was_executed(counter: str) -> None:
    guest = handing_over(counter, watch=False)
    text = "mov ecx, 9; mov edx, 7; again: syscall; int 0x80; dec edx; jnz again; ud2"
    guest.cross(code(text))
    found = guest.machine.counter
    assert (found.user, found.kernel) == (2 + 7 * 4, 7 * (4 + 4) + 1)
    assert guest.machine.ledger.entry + guest.machine.ledger.exit == found.kernel


def test_a_page_that_the_kernel_maps_is_there_when_the_instruction_runs_again() -> None:
    guest = Guest()

    def map_it(_call: int) -> None:
        page = guest.state.control(2) & -PAGE_SIZE
        guest.map(page, PAGE_SIZE, USER | WRITABLE)
        guest.write(page, (0x1234).to_bytes(8, "little"))

    guest.attach(map_it)
    guest.write(handler(14), code("vmcall; add rsp, 8; iretq"))
    guest.write(handler(0x80), code("hlt"))
    seen = guest.cross(code(f"{LOAD}; int 0x80"), rbx=NOWHERE)
    assert seen.gpr("rax") == 0x1234


@pytest.mark.parametrize(
    ("instruction", "entry", "long", "vendor"),
    [
        ("syscall", SYSCALL_ENTRY, True, "intel"),
        ("syscall", COMPAT_SYSCALL_ENTRY, False, "amd"),
        ("sysenter", SYSENTER_ENTRY, False, "intel"),
        ("int 0x80", handler(0x80), True, "intel"),
        ("ud2", handler(6), True, "intel"),
    ],
)
def test_every_kind_of_entry_can_hand_over(
    instruction: str, entry: int, long: bool, vendor: str
) -> None:
    guest = Guest(vendor)
    guest.attach()
    guest.write(entry, code("vmcall"))
    seen = guest.cross(code(instruction), long=long)
    assert (seen.cpl, seen.rip) == (0, entry + 3)


def test_an_invalid_opcode_of_ring_0_is_no_handover() -> None:
    guest = Guest()
    guest.attach()
    guest.write(handler(6), code("vmcall"))
    guest.write(TEXT + 0x2000, code("ud2"))
    guest.put_kernel(TEXT + 0x2000)
    assert guest.run().rip == handler(6) + 3
    assert guest.entry.from_cpl == 0


def test_code_that_replaced_a_handover_is_what_it_is() -> None:
    guest = Guest()
    guest.attach()
    guest.write(handler(6), code("hlt"))
    for text in ("vmcall", "ud2"):
        guest.write(TEXT + 0x2000, code(text))
        guest.engine.flush_code()
        guest.put_kernel(TEXT + 0x2000)
        guest.run()
    assert guest.entry.vector == 6


def test_a_gate_beyond_ram_stops_the_machine_with_a_sentence() -> None:
    guest = Guest()
    guest.tables.map(IDT_BASE, 64 << 20, 0)
    with pytest.raises((EngineError, Shutdown)):
        guest.cross(code("int 0x80"))


def test_a_page_beyond_ram_stops_the_machine_with_a_sentence() -> None:
    guest = Guest()
    guest.tables.map(NOWHERE, 64 << 20, USER | WRITABLE)
    with pytest.raises(EngineError, match="the engine stopped at 0x40000"):
        guest.cross(code(LOAD), rbx=NOWHERE)
