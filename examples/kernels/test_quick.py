"""Tests of quick.S: SYSCALL for 64-bit programs, int $0x80 for 32-bit ones, NMI, timer."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.testing import Frame, Gate, Guest, MakeMachine, NotReached

BIN = Path(__file__).parent / "bin"
FMASK = 0x4_7700  # AC, NT, IOPL and TF, IF, DF
MSRS: dict[str, int | str] = {
    "LSTAR": "syscall_entry",
    "FMASK": FMASK,
    "KERNEL_GS_BASE": "cpu0",
}
DECLARED = {
    "msrs": MSRS,
    "tss": {"rsp0": "stack_top"},
    "idt": {
        2: Gate("nmi_entry", ist=1),
        13: "fault_entry",
        14: "fault_entry",
        32: "timer_entry",
        0x80: Gate("int80_entry", dpl=3),
    },
}
ADD = "mov $1, %eax; mov $2, %edi; mov $40, %esi; syscall"
ADD_32 = "mov $1, %eax; mov $2, %ebx; mov $40, %ecx; int $0x80"
NO_SUCH_CALL_32 = "mov $99, %eax; int $0x80"
PRESERVED = {"rdx": 0xD, "rbx": 0xB, "rbp": 0xBB, "r8": 8, "r10": 10, "r12": 12}
# bug: program, its bits, what the failing test says
BUGS = {
    "swapgs": (ADD_32, 32, "[missing-swapgs] the kernel used GS while it was the user's"),
    "stack": (NO_SUCH_CALL_32, 32, "IRET with RSP 8 bytes below the frame"),
    "leak": (ADD, 64, "[kernel-address] a kernel address was left in a register"),
}

pytestmark = pytest.mark.machine(kernel=BIN / "quick.elf", **DECLARED)


def test_syscall_saves_rip_and_flags_in_registers(ring3: Guest) -> None:
    trap = ring3.asm(ADD).run_until_trap()
    assert trap.mechanism == "syscall"
    assert trap.cpl == (3, 0)
    assert trap.entry.rcx == trap.user.next_rip
    assert trap.entry.r11 == trap.user.rflags
    assert not trap.entry.rflags.IF
    assert trap.frame is None
    assert trap.stack == "unchanged"


@pytest.mark.check_crossings
def test_a_system_call_of_64_bits(ring3: Guest) -> None:
    trap = ring3.asm(ADD, **PRESERVED).run_until("dispatch")
    assert (trap.here.rax, trap.here.rdi, trap.here.rsi) == (1, 2, 40)
    assert trap.here.rflags.IF
    assert trap.counts.entry == 16
    back = ring3.run_until_user()
    assert back.by == "sysret"
    assert back.user.rax == 42
    assert back.preserved(except_=["rax", "rcx", "r11"])
    assert back.kernel_stack_balanced


@pytest.mark.check_crossings
@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_a_system_call_of_32_bits(machine: MakeMachine, vendor: str) -> None:
    guest = machine(vendor=vendor).asm(ADD_32, bits=32, **PRESERVED)
    trap = guest.run_until("dispatch")
    assert trap.frame == Frame(rip=trap.user.next_rip, cs=0x23, ss=0x2B, rsp=trap.user.rsp)
    assert trap.here.rsi == trap.user.ecx
    back = guest.run_until_user()
    assert back.by == "iret"
    assert back.user.eax == 42
    assert back.preserved(except_=["rax"])


@pytest.mark.check_crossings
def test_an_interrupt_may_come_while_a_call_is_served(ring3: Guest) -> None:
    ring3.asm(ADD).run_until("dispatch")
    nested = ring3.inject(32)
    assert nested.cpl == (0, 0)
    assert nested.user.rip == ring3.symbols["dispatch"]
    assert ring3.run_until_user().user.rax == 42
    assert ring3.read_word("cpu0+16") == 1  # one tick


@pytest.mark.check_crossings
def test_an_nmi_may_come_before_swapgs(ring3: Guest) -> None:
    ring3.asm(ADD).run_until_trap()
    nmi = ring3.inject(2)
    assert nmi.stack == "IST 1"
    assert nmi.entry.gs_base == 0
    assert ring3.run_until_user().user.rax == 42
    assert ring3.read_word("cpu0+24") == 1


@pytest.mark.parametrize("bug", BUGS)
def test_each_seeded_bug_is_named(machine: MakeMachine, bug: str) -> None:
    program, bits, named = BUGS[bug]
    guest = machine(BIN / f"quick-{bug}.elf").asm(program, bits=bits, **PRESERVED)
    with pytest.raises((AssertionError, NotReached)) as failure:
        guest.run_until_user().check()
    assert named in str(failure.value)


def test_an_nmi_that_asks_cs_which_gs_it_has_is_found(machine: MakeMachine) -> None:
    guest = machine(BIN / "quick-paranoid.elf").asm(ADD)
    guest.run_until_trap()
    guest.inject(2)
    with pytest.raises(NotReached, match="swapgs-direction"):
        guest.run_until_user()


@pytest.mark.parametrize(
    ("flag", "bug"), [(0x400, "direction-flag"), (0x100, "trap-flag"), (0x200, "interrupts-early")]
)
def test_a_flag_that_fmask_forgets_is_named(machine: MakeMachine, flag: int, bug: str) -> None:
    back = machine(msrs=MSRS | {"FMASK": FMASK & ~flag}).asm(ADD).run_until_user()
    with pytest.raises(AssertionError, match=bug):
        back.check()
