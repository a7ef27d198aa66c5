"""Tests of alltraps.S: one common path for every vector, system calls by `int $64`."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.testing import Frame, Gate, Guest, MakeMachine, NotReached

BIN = Path(__file__).parent / "bin"
ADD = "mov $1, %eax; mov $2, %edi; mov $40, %esi; int $64"
DISTINCT = {"rbx": 0xB, "rbp": 0xBB, "r8": 8, "r9": 9, "r12": 12, "r15": 15}
BUGS = {  # what the failing test says of each
    "register": "rsi 0x0 -> 0xffffffff80102010",
    "order": "r8 0x8 -> 0x9; that is what r9 held: a slot of the frame was mixed up",
    "frame": "IRET with RSP 8 bytes below the frame that the processor pushed",
    "swapgs": "[missing-swapgs] the kernel used GS while it was the user's",
}


@pytest.fixture
def kernel(machine: MakeMachine, request: pytest.FixtureRequest) -> Guest:
    bug = getattr(request, "param", None)
    name = f"alltraps-{bug}.elf" if bug else "alltraps.elf"
    guest = machine(BIN / name, msrs={"KERNEL_GS_BASE": "cpu0"})
    guest.call("idtinit")  # the kernel's own set-up makes the IDT
    return guest


@pytest.mark.parametrize("bits", [64, 32])
def test_a_system_call_builds_a_trap_frame_and_comes_back(kernel: Guest, bits: int) -> None:
    trap = kernel.asm(ADD, bits=bits, **DISTINCT).run_until("trap")
    assert trap.gate == Gate("vector64", dpl=3)
    assert trap.frame == Frame(rip=trap.user.next_rip, cs=0x33 if bits == 64 else 0x23, ss=0x2B)
    assert kernel.read_word(trap.here.rdi + 8 * 15) == 64  # the frame's vector
    assert kernel.read_word(trap.here.rdi) == 1  # and its RAX: the number of the call
    back = kernel.run_until_user()
    assert back.user.rax == 42
    assert back.preserved(except_=["rax"])
    assert back.gs_balanced
    assert back.kernel_stack_balanced
    back.check()


def test_the_timer_leaves_no_trace_in_the_program(kernel: Guest) -> None:
    trap = kernel.asm("nop", **DISTINCT).inject(32)
    back = kernel.run_until_user()
    assert back.user == trap.user
    assert kernel.read_word("cpu0+8") == 1  # one tick


@pytest.mark.parametrize(("kernel", "named"), BUGS.items(), indirect=["kernel"])
def test_each_seeded_bug_is_named(kernel: Guest, named: str) -> None:
    kernel.asm("nop", **DISTINCT).inject(32)
    with pytest.raises((AssertionError, NotReached)) as failure:
        kernel.run_until_user().check()
    assert named in str(failure.value)
