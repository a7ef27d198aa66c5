"""MOV to debug registers by supervised ring-0 code: breakpoints on data, general detect, #UD, #GP.

SDM 2B, "MOV-Move to/from Debug Registers"; SDM 3B, "Debug Control Register (DR7)".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode
from emu.x86 import debug, vectors
from tests.cpu.assembler import code
from tests.cpu.machine_builder import COUNTERS, DATA, TEXT, Guest

pytestmark = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")

KERNEL_CODE: Final = TEXT + 0x2000
WRITE_OF_8: Final = 1 << 0 | 0b1001 << 16  # DR7: slot 0, a write, eight bytes
DETECT: Final = 1 << 13


def guest_after(text: str, counter: str = "python", **registers: int) -> tuple[Guest, list[int]]:
    """A supervised machine after kernel code, and what the event pushed."""
    guest = Guest(counter=counter, supervise_kernel=True)
    guest.write(KERNEL_CODE, code(text + "; hlt"))
    guest.put_kernel(KERNEL_CODE, rcx=DATA, **registers)
    return guest, list(guest.run().stack)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_data_breakpoint_that_the_kernel_sets_traps_behind_its_own_store(counter: str) -> None:
    text = "mov dr0, rcx; mov dr7, rax; nop; mov qword ptr [rcx], rbx; nop"
    guest, stack = guest_after(text, counter, rax=WRITE_OF_8)
    assert (guest.entry.vector, stack[0]) == (vectors.DB, KERNEL_CODE + 3 + 3 + 1 + 3)
    assert guest.machine.processor.debug.read(6) == debug.STATUS_AT_RESET | 1
    assert guest.machine.counter.kernel == 4


# code, RAX, the vector, its error code
REFUSED: Final = (
    ("mov dr7, rax", 1 << 32, vectors.GP, 0),
    ("mov dr6, rax", 1 << 63, vectors.GP, 0),
    ("mov dr7, rax; mov rbx, dr0", DETECT, vectors.DB, None),
    ("mov dr7, rax; mov dr1, rbx", DETECT, vectors.DB, None),
)


@pytest.mark.parametrize(("text", "rax", "vector", "error_code"), REFUSED)
def test_what_the_manual_refuses_is_refused(
    text: str, rax: int, vector: int, error_code: int | None
) -> None:
    guest, stack = guest_after(text, rax=rax)
    assert (guest.entry.vector, guest.entry.error_code) == (vector, error_code)
    ran = text.count(";")  # the last instruction is refused, and not counted
    assert stack[1 if error_code is not None else 0] == KERNEL_CODE + 3 * ran
    assert guest.machine.counter.kernel == ran


def test_general_detect_tells_itself_and_ends() -> None:
    guest, stack = guest_after("mov dr7, rax; mov dr1, rbx", rax=DETECT)
    assert stack[0] == KERNEL_CODE + 3
    registers = guest.machine.processor.debug
    assert registers.read(6) & debug.STATUS_DETECTED
    assert not registers.read(7) & debug.CONTROL_DETECT


def test_dr4_and_dr5_are_other_names_of_dr6_and_dr7() -> None:
    guest, _ = guest_after("mov dr5, rax", rax=WRITE_OF_8)
    assert guest.machine.processor.debug.read(7) == WRITE_OF_8 | debug.CONTROL_AT_RESET
