"""Single-step, MOV SS and breakpoints through a crossing: where the #DB comes, and where not.

A row of `STEPS` lists each entry into ring 0 by vector, CPL and place: offsets in ring 3, names in
ring 0. Every handler goes back at once. SDM 3B, "Single-Step Exception Condition",
"Instruction-Breakpoint Exception Condition", "Debug Status Register (DR6)"; SDM 2B, "SYSCALL",
"SYSENTER", "MOV" (the stack segment); APM 2, "Single Stepping".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.cpu import state as at
from emu.events import Entered
from emu.x86 import flags, msrs
from emu.x86.gates import TRAP_GATE
from emu.x86.paging import PAGE_SIZE
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COMPAT_SYSCALL_ENTRY,
    COUNTERS,
    SYSCALL_ENTRY,
    SYSENTER_ENTRY,
    TEXT,
    USER_DS,
    Guest,
    handler,
)

TF_SET: Final = flags.TF | flags.IF | flags.FIXED
END: Final = 0x81
DB: Final = 1
STEP: Final = 1 << 14  # DR6.BS
NO_STEP: Final = 0xFFFF_0FF0
PUSHES_A_CODE: Final = (8, 10, 11, 12, 13, 14, 17)
KERNEL_CODE: Final = TEXT + 0x2000

ENTRY_POINTS: Final = {
    "syscall": SYSCALL_ENTRY,
    "compat syscall": COMPAT_SYSCALL_ENTRY,
    "sysenter": SYSENTER_ENTRY,
}
Place = tuple[int | str, int, int | str]  # vector or mechanism, CPL, offset or name
Prepare = Callable[[Guest], object]


def nothing(guest: Guest) -> None:
    del guest


def no_fmask(guest: Guest) -> None:
    guest.engine.write_msr(msrs.FMASK, 0)


def trap_gate(guest: Guest) -> None:
    guest.change_gate(0x80, type=TRAP_GATE)


def returning(counter: str = "python", vendor: str = "intel") -> Guest:
    """Handlers are IRETQ; INT 0x81 ends the program."""
    guest = Guest(vendor, counter)
    for vector in range(256):
        back = "add rsp, 8; iretq" if vector in PUSHES_A_CODE else "iretq"
        guest.write(handler(vector), code(back))
    guest.write(SYSCALL_ENTRY, code("nop; sysretq"))
    for address in (SYSENTER_ENTRY, COMPAT_SYSCALL_ENTRY):
        guest.write(address, code("nop; vmcall"))
    guest.write(handler(END), code("vmcall"))
    guest.change_gate(END, dpl=3)
    guest.attach()
    return guest


def place(event: Entered) -> Place:
    names = {address: name for name, address in ENTRY_POINTS.items()}
    where: int | str = event.from_rip - CODE
    if event.from_cpl == 0:
        nearest = max(address for address in names if address <= event.from_rip)
        where = f"{names[nearest]}+{event.from_rip - nearest}"
    what: int | str = event.mechanism if event.vector is None else event.vector
    return what, event.from_cpl, where


def entries(guest: Guest, text: str, *, long: bool, **registers: int) -> list[Place]:
    guest.write(CODE, code(text, long=long) + bytes((0xCD, END)))
    guest.put(CODE, long=long, rflags=TF_SET, **registers)
    guest.machine.run(200)
    return [place(event) for event in guest.events if isinstance(event, Entered)]


def user_steps(*offsets: int) -> list[Place]:
    """#DB in ring 3 with RIP at these offsets, then the end at the last of them."""
    return [*((DB, 3, offset) for offset in offsets), (END, 3, offsets[-1])]


INT80: Final[list[Place]] = [(DB, 3, 1), (0x80, 3, 1), *user_steps(4, 5)]
SYSENTER_STEPS: Final[list[Place]] = [
    *((DB, 3, 1), ("sysenter", 3, 1), (DB, 0, "sysenter+0"), (DB, 0, "sysenter+1")),
]
# what, vendor, 64-bit, program, what is prepared, where it enters ring 0
STEPS: Final[tuple[tuple[str, str, bool, str, Prepare, list[Place]], ...]] = (
    ("each instruction", "intel", True, "nop; nop; nop", nothing, user_steps(1, 2, 3)),
    ("in 32-bit code", "intel", False, "nop; nop; nop", nothing, user_steps(1, 2, 3)),
    ("int n, interrupt gate", "intel", True, "nop; int 0x80; nop; nop", nothing, INT80),
    ("int n, trap gate", "intel", True, "nop; int 0x80; nop; nop", trap_gate, INT80),
    ("int n, 32-bit code", "intel", False, "nop; int 0x80; nop; nop", nothing, INT80),
    (
        "syscall, TF in FMASK: not in the kernel, and right behind SYSRET",
        "intel",
        True,
        "nop; syscall; nop",
        nothing,
        [(DB, 3, 1), ("syscall", 3, 1), *user_steps(3, 4)],
    ),
    (
        "syscall, TF not in FMASK: in the kernel",
        "intel",
        True,
        "nop; syscall; nop",
        no_fmask,
        [
            *((DB, 3, 1), ("syscall", 3, 1), (DB, 0, "syscall+0"), (DB, 0, "syscall+1")),
            *user_steps(3, 4),
        ],
    ),
    (
        "compat syscall, TF in FMASK",
        "amd",
        False,
        "nop; syscall",
        nothing,
        [(DB, 3, 1), ("syscall", 3, 1)],
    ),
    (
        "compat syscall, TF not in FMASK",
        "amd",
        False,
        "nop; syscall",
        no_fmask,
        [
            *((DB, 3, 1), ("syscall", 3, 1)),
            *((DB, 0, "compat syscall+0"), (DB, 0, "compat syscall+1")),
        ],
    ),
    *(
        (
            f"sysenter clears no TF, {bits}-bit code: at the kernel's first instruction",
            "intel",
            bits == 64,
            "nop; sysenter",
            nothing,
            SYSENTER_STEPS,
        )
        for bits in (64, 32)
    ),
    (
        "MOV SS holds it off for one instruction",
        "intel",
        True,
        "mov ss, eax; nop; nop",
        nothing,
        user_steps(3, 4),
    ),
    (
        "so do two of them",
        "intel",
        True,
        "mov ss, eax; mov ss, eax; nop; nop",
        nothing,
        user_steps(5, 6),
    ),
    (
        "MOV SS, then int n",
        "intel",
        True,
        "mov ss, eax; int 0x80; nop; nop",
        nothing,
        [(0x80, 3, 2), *user_steps(5, 6)],
    ),
    (
        "MOV SS, then syscall",
        "intel",
        True,
        "mov ss, eax; syscall; nop",
        nothing,
        [("syscall", 3, 2), *user_steps(4, 5)],
    ),
    (
        "instructions that are done in Python",
        "intel",
        True,
        "nop; cpuid; rdtsc; nop",
        nothing,
        user_steps(1, 3, 5, 6),
    ),
)


@pytest.mark.parametrize(
    ("vendor", "long", "text", "prepare", "expected"),
    [row[1:] for row in STEPS],
    ids=[row[0] for row in STEPS],
)
def test_a_single_step_comes_where_the_manual_says(
    vendor: str, long: bool, text: str, prepare: Prepare, expected: list[Place]
) -> None:
    guest = returning(vendor=vendor)
    prepare(guest)
    assert entries(guest, text, long=long, rax=USER_DS) == expected


def test_a_faulting_instruction_is_stepped_when_it_is_executed_at_last() -> None:
    guest = returning()
    guest.write(handler(6), code("add qword ptr [rsp], 2; iretq"))
    found = entries(guest, "nop; ud2; nop", long=True)
    assert found == [(DB, 3, 1), (6, 3, 1), *user_steps(4)]


def test_a_step_sets_bs_in_dr6_and_nothing_else_does() -> None:
    guest = returning()
    guest.cross(code("nop; int 0x81"))
    assert debug_register(guest, 6) == NO_STEP
    entries(guest, "nop", long=True)
    assert debug_register(guest, 6) == NO_STEP | STEP


def debug_register(guest: Guest, number: int) -> int:
    guest.state.load()
    return guest.state.debug(number)


def test_an_int_n_may_lie_across_two_pages() -> None:
    guest = returning()
    start = CODE + PAGE_SIZE - 1
    guest.write(start, code("int 0x81"))
    guest.put(start)
    guest.machine.run()
    assert guest.entry.from_rip == start
    assert guest.words(guest.seen().gpr("rsp"), 1) == (start + 2,)


@pytest.mark.parametrize("counter", COUNTERS)
def test_the_hidden_steps_at_a_pages_end_do_not_show_in_dr6(counter: str) -> None:
    guest = returning(counter)
    page = 0x70_0000
    guest.map(page, PAGE_SIZE, 0x7)
    text = code("nop; nop; int 0x81; nop")
    guest.write(page + PAGE_SIZE - len(text), text)
    guest.put(page + PAGE_SIZE - len(text))
    guest.machine.run(100)
    assert guest.machine.counter.user == 3
    assert debug_register(guest, 6) == NO_STEP


# ---- breakpoints on execution that the guest's kernel sets

BREAK_0: Final = 0x401  # DR7: L0, and the bit that is always 1


def mov_to_debug(number: int, value: int) -> bytes:
    """MOV RAX, value; MOV DRn, RAX."""
    return b"\x48\xb8" + value.to_bytes(8, "little") + bytes((0x0F, 0x23, 0xC0 | number << 3))


def with_breakpoint(guest: Guest, address: int, before: bytes, rflags: int = 0) -> None:
    """Ring 0 sets DR0 and DR7, then executes `before`."""
    setting = mov_to_debug(0, address) + mov_to_debug(7, BREAK_0)
    guest.write(KERNEL_CODE, setting + before)
    guest.put_kernel(KERNEL_CODE, rflags=rflags)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_breakpoint_stops_ring_0_in_front_of_its_instruction(counter: str) -> None:
    guest = Guest(counter=counter)
    target = KERNEL_CODE + 26 + 2
    with_breakpoint(guest, target, code("nop; nop; nop; hlt"))
    seen = guest.run()
    assert (guest.entry.vector, guest.entry.from_rip, guest.entry.from_cpl) == (DB, target, 0)
    assert seen.stack[0] == target
    assert not seen.stack[2] & flags.RF
    assert debug_register(guest, 6) == NO_STEP | 1
    assert guest.machine.counter.kernel == 4 + 2


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_breakpoint_stops_ring_3_and_rf_lets_its_instruction_through(counter: str) -> None:
    guest = returning(counter)
    guest.write(CODE, code("nop; nop; nop; int 0x81"))
    frame = (CODE, 0x33, 0x202, 0x60_0000, 0x2B)
    with_breakpoint(guest, CODE + 1, code("iretq"))
    rsp = guest.seen(0).gpr("rsp") - 40
    guest.write(rsp, b"".join(word.to_bytes(8, "little") for word in frame))
    set_rf = bytes.fromhex("48814c241000000100")  # or qword ptr [rsp + 16], 0x10000
    guest.write(handler(DB), set_rf + code("iretq"))
    guest.state.load()
    guest.state.words[4] = rsp
    guest.state.store()
    guest.machine.run(100)
    found = [place(event) for event in guest.events if isinstance(event, Entered)]
    assert found == [(DB, 3, 1), (END, 3, 3)]
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (4, 5 + 2 + 1)


def test_the_state_has_eight_debug_registers() -> None:
    guest = Guest()
    with_breakpoint(guest, 0x1234, code("hlt"))
    guest.machine.run(4)
    found = [debug_register(guest, number) for number in (0, 1, 2, 3, 6, 7)]
    assert found == [0x1234, 0, 0, 0, NO_STEP, BREAK_0]
    assert at.DEBUG + 8 * 8 <= at.OLD_EXCEPTION
