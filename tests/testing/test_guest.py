"""A machine by declaration: what a trap's record says, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.errors import LoadError, UsageError
from emu.testing import Frame, Gate, Guest, MakeMachine, NotReached, Selectors
from emu.testing.guest import CODE, DATA, USER_STACK
from emu.x86 import vectors
from emu.x86.registers import CR4_SMEP
from tests.cpu.assembler import code

KERNELS = Path(__file__).parents[2] / "examples/kernels/bin"
FIXTURES = Path(__file__).parents[2] / "examples/bin"
INT_64 = bytes.fromhex("cd40")
SYSCALL, INT80 = code("syscall"), code("int 0x80")


def alltraps(machine: MakeMachine) -> Guest:
    guest = machine(KERNELS / "alltraps.elf", msrs={"KERNEL_GS_BASE": "cpu0"})
    guest.call("idtinit")
    return guest


# ---- the way in, by each mechanism


def test_syscall_keeps_rip_and_flags_in_registers(ring3: Guest) -> None:
    trap = ring3.code(SYSCALL, rax=39, rcx=1, r11=2).run_until_trap()
    assert (trap.mechanism, trap.vector, trap.cpl) == ("syscall", None, (3, 0))
    assert (trap.user.rcx, trap.user.r11) == (1, 2)
    assert trap.entry.rcx == trap.user.next_rip == CODE + 2
    assert trap.entry.r11 == trap.user.rflags
    assert not trap.entry.rflags.IF
    assert (trap.frame, trap.gate, trap.stack) == (None, None, "unchanged")
    assert trap.entry.rip == ring3.symbols["syscall_handler"]


@pytest.mark.parametrize("bits", [64, 32])
def test_int_0x80_pushes_a_frame(ring3: Guest, bits: int) -> None:
    trap = ring3.code(INT80, bits=bits).run_until_trap()
    cs = 0x33 if bits == 64 else 0x23
    assert trap.frame == Frame(
        rip=CODE + 2, cs=cs, rflags=trap.user.rflags, rsp=USER_STACK, ss=0x2B
    )
    assert (trap.mechanism, trap.gate, trap.stack) == (
        "int80",
        Gate("vector_0x80", dpl=3),
        "RSP0",
    )
    assert (trap.user.bits, trap.entry.bits) == (bits, 64)
    assert trap.is_software
    assert trap.entry == trap.user.but(
        cpl=0,
        cs=0x10,
        ss=0,
        rip=ring3.symbols["vector_0x80"],
        rsp=trap.frame_at,
        rflags=trap.user.rflags & ~0x200,
    )


def test_sysenter_takes_its_stack_from_an_msr(ring3: Guest) -> None:
    trap = ring3.code(code("sysenter"), bits=32).run_until_trap()
    assert (trap.mechanism, trap.stack, trap.frame) == ("sysenter", "SYSENTER_ESP", None)
    assert trap.user.rsp == USER_STACK


def test_a_page_fault_has_its_address_and_its_error_code(ring3: Guest) -> None:
    trap = ring3.code(code("mov qword ptr [rbx], rax"), rbx=0xDEAD_0000).run_until_trap()
    assert (trap.mechanism, trap.vector, trap.entry.cr2) == ("fault", vectors.PF, 0xDEAD_0000)
    assert trap.error_code is not None
    assert (trap.error_code.write, trap.error_code.user, trap.error_code.present) == (1, 1, 0)
    assert trap.frame == Frame(rip=CODE, rflags=trap.user.rflags | 0x10000)
    assert not trap.is_software


def test_a_jump_to_nowhere_is_told_from_the_target(ring3: Guest) -> None:
    trap = ring3.code(code("jmp rbx"), rbx=0xDEAD_0000).run_until_trap()
    assert (trap.user.rip, trap.user.rsp, trap.user.cpl) == (0xDEAD_0000, USER_STACK, 3)
    assert trap.user.rflags == 0x202


def test_what_stands_behind_a_program_is_a_fault(ring3: Guest) -> None:
    assert ring3.code(code("nop")).run_until_trap().vector == vectors.GP


def test_a_refused_delivery_says_which_check_failed(ring3: Guest) -> None:
    trap = ring3.code(INT_64).run_until_trap()
    assert (trap.vector, trap.error_code) == (vectors.GP, 0x40 * 8 + 2)
    assert [one.check for one in trap.refused] == ["gate DPL below CPL"]


def test_a_gate_with_an_ist_has_that_stack(machine: MakeMachine) -> None:
    guest = machine(idt={0x80: Gate("vector_0x80", dpl=3, ist=3)}, tss={"ist3": DATA + 0x100})
    trap = guest.code(INT80).run_until_trap()
    assert (trap.stack, trap.entry.rsp) == ("IST 3", DATA + 0x100 - 40)


def test_the_vendor_decides_where_the_two_differ(machine: MakeMachine) -> None:
    compat = {"intel": "fault", "amd": "syscall"}
    for vendor, mechanism in compat.items():
        trap = machine(vendor=vendor).code(SYSCALL, bits=32).run_until_trap()
        assert trap.mechanism == mechanism


# ---- declarations


def test_a_declared_gate_msr_and_selector_are_in_force(machine: MakeMachine) -> None:
    selectors = Selectors(kernel_cs=0x8, kernel_ss=0x10, user32_cs=0x1B, user_ss=0x23, user_cs=0x2B)
    guest = machine(
        msrs={"LSTAR": "vector_0x21", "SFMASK": 0, "GS_BASE": 0x1234},
        idt={0x30: Gate("vector_0x22", dpl=3, type="trap")},
        selectors=selectors,
        cr4=CR4_SMEP,
    )
    by_syscall = guest.code(SYSCALL).run_until_trap()
    assert by_syscall.entry.rip == guest.symbols["vector_0x21"]
    assert (by_syscall.entry.cs, by_syscall.entry.ss, by_syscall.user.gs_base) == (8, 0x10, 0x1234)
    assert by_syscall.entry.rflags.IF
    by_gate = guest.code(bytes.fromhex("cd30")).run_until_trap()
    assert by_gate.gate == Gate("vector_0x22", dpl=3, type="trap")
    assert by_gate.frame == Frame(cs=0x2B, ss=0x23)


Refused = Callable[[MakeMachine], object]
REFUSED: dict[str, Refused] = {
    "no MSR 'LSTART'; known: CSTAR": lambda make: make(msrs={"LSTART": 0}),
    "no symbol 'x'": lambda make: make(msrs={"LSTAR": "x"}),
    "no field 'rsp3' in the TSS; known: rsp0": lambda make: make(tss={"rsp3": 0}),
    "no vector 256": lambda make: make(idt={256: 0}),
    "no gate type 'call'; known: interrupt, trap": lambda make: make(idt={1: Gate(0, type="call")}),
    "no vendor 'cyrix'": lambda make: make(vendor="cyrix"),
    "no register 'eax'; known: rax": lambda make: make().code(b"", eax=1),
    "no register 'cr3'; known: rax": lambda make: make().set(cr3=1),
    "no code of 32 bits in ring 0": lambda make: make().code(b"", bits=32, ring=0),
    "no code of 64 bits in ring 1": lambda make: make().code(b"", ring=1),
    "interrupt 0x20 would wait: IF is 0 here": lambda make: make().code(b"", rflags=0).inject(0x20),
    "no vector 300": lambda make: make().code(b"").inject(300),
    "no page is mapped at 0xdead0000": lambda make: make().read(0xDEAD_0000),
    "no page is mapped at 0xdead1000": lambda make: make().write(0xDEAD_1000, 1),
    "0x800000000000 is no canonical address": lambda make: make().map(1 << 47),
    "7 arguments: at most 6": lambda make: make().call("vector_0x00", *range(7)),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_wrong_declaration_is_refused_in_one_sentence(
    machine: MakeMachine, sentence: str
) -> None:
    with pytest.raises(UsageError) as refused:
        REFUSED[sentence](machine)
    assert str(refused.value).startswith(sentence)


def test_a_kernel_that_cannot_be_loaded_is_refused(machine: MakeMachine, tmp_path: Path) -> None:
    for file, sentence in (
        (tmp_path / "none.elf", "cannot be read: No such file"),
        (b"hello", "is not an ELF file"),
        (FIXTURES / "soft_irq_exit_i386", "is a 32-bit kernel"),
    ):
        with pytest.raises(LoadError, match=sentence):
            machine(file)


# ---- running


def test_the_nth_trap_is_the_nth_from_now(machine: MakeMachine) -> None:
    guest = alltraps(machine).code(INT_64 * 3)
    assert guest.run_until_trap(2).user.rip == CODE + 2
    assert guest.run_until_trap().user.rip == CODE + 4
    assert [trap.user.rip for trap in guest.traps] == [CODE, CODE + 2, CODE + 4]


def test_counts_are_by_path(machine: MakeMachine) -> None:
    guest = alltraps(machine).code(code("nop; nop") + INT_64)
    trap = guest.run_until("trap")
    assert (trap.counts.user, trap.counts.entry, trap.counts.exit) == (3, 24, 0)
    back = guest.run_until_user()
    assert (back.counts.user, back.counts.entry) == (3, 24)
    assert back.counts.entry + back.counts.exit == guest.machine.counter.kernel - _of_idtinit(
        machine
    )


def _of_idtinit(machine: MakeMachine) -> int:
    return alltraps(machine).machine.counter.kernel


def test_a_return_says_who_changed_what(machine: MakeMachine) -> None:
    back = alltraps(machine).code(INT_64, rax=1, rdi=2, rsi=40).run_until_user()
    assert back.by == "iret"
    assert str(back.changes["rax"]) == "rax 0x1 -> 0x2a by syscall+0x1b"
    assert back.preserved()
    assert not back.preserved(except_=[])
    assert repr(back.preserved([])) == f"not preserved: {back.changes['rax']}"
    assert (back.gs_swaps, back.gs_balanced, back.kernel_stack_balanced) == (2, True, True)
    assert back.user.next_rip == back.user.rip == CODE + 2


def test_a_program_in_a_file_starts_at_its_entry(machine: MakeMachine) -> None:
    guest = machine().program(FIXTURES / "soft_irq_exit_i386")
    trap = guest.run_until_trap()
    assert (trap.mechanism, trap.user.eax, trap.user.ebx, trap.user.bits) == ("int80", 1, 42, 32)


def test_an_injected_fault_has_an_error_code(ring3: Guest) -> None:
    trap = ring3.code(code("nop")).inject(vectors.GP, 0x18)
    assert (trap.vector, trap.error_code, trap.user.rip) == (vectors.GP, 0x18, CODE)
    assert ring3.state == trap.entry


def test_registers_can_be_changed_where_the_cpu_stands(ring3: Guest) -> None:
    ring3.code(SYSCALL).run_until_trap()
    before = ring3.state
    ring3.set(rbx=-1, rflags=0x246)
    assert ring3.state == before.but(rbx=(1 << 64) - 1, rflags=0x246)


def test_ring_0_can_be_given_code_too(ring3: Guest) -> None:
    trap = ring3.code(INT80, ring=0, at=0x10000).run_until_trap()
    assert (trap.cpl, trap.stack) == ((0, 0), "unchanged")


NOT_REACHED: dict[str, Callable[[Guest], object]] = {
    "the processor halted before ring 3 was reached; RIP is at vector_0x80+0x1\n"
    "  ring 3 at 0x400000: 0x80": lambda guest: guest.code(INT80).run_until_user(),
    "vector_0x05 was not reached within 1000 instructions": lambda guest: guest.code(
        bytes.fromhex("ebfe")
    ).run_until("vector_0x05"),
}


@pytest.mark.parametrize("sentence", NOT_REACHED)
def test_what_is_not_reached_is_told_with_the_way_that_was_gone(
    machine: MakeMachine, sentence: str
) -> None:
    with pytest.raises(NotReached) as failure:
        NOT_REACHED[sentence](machine(limit=1000))
    assert str(failure.value).startswith(sentence)


def test_a_shutdown_is_told_too(machine: MakeMachine) -> None:
    guest = machine(tss={"rsp0": 0xDEAD_0000, "ist1": 0xDEAD_0000})
    with pytest.raises(NotReached, match=r"triple fault at 0x400000: .* was reached"):
        guest.code(INT80).run_until_trap()


def test_a_place_that_no_trap_led_to_is_refused(machine: MakeMachine) -> None:
    guest = machine()
    guest.write("vector_0x04", b"\x90")
    guest.put("vector_0x04", ring=0)
    with pytest.raises(NotReached, match="was reached, but by no trap from ring 3"):
        guest.run_until("vector_0x04+0x1")
