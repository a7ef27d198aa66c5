"""What this project relies on in Unicorn's paging: rights, exact error codes, the TLB, CR2.

The processor's own callbacks are replaced, so nothing here is delivered to a kernel.
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86.paging import (
    NO_EXECUTE,
    PAGE_SIZE,
    PF_PRESENT,
    PF_RESERVED,
    PF_USER,
    USER,
    WRITABLE,
)
from emu.x86.registers import CS, RCX, RSP
from emu.x86.vectors import DB, GP, PF
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    DATA,
    DATA_SIZE,
    KERNEL_DATA,
    NOWHERE,
    TEXT,
    USER_CS,
    USER_DS,
    Guest,
)

READ_ONLY: Final = 0x51_0000
NON_CANONICAL: Final = 1 << 63


@pytest.fixture
def guest() -> Guest:
    made = Guest()
    made.map(READ_ONLY, PAGE_SIZE, USER | NO_EXECUTE)
    return made


def faults(guest: Guest) -> list[tuple[int, int, int, int]]:
    """Runs until an exception: its vector, error code and RIP, and CR2."""
    found = []

    def note(vector: int) -> None:
        state = guest.state
        found.append((vector, state.error_code, state.rip, state.control(2)))
        guest.engine.stop()

    guest.engine.hook_interrupts(note)
    guest.engine.run()
    return found


READ, WRITE = "mov rax, qword ptr [rbx]", "mov qword ptr [rbx], rax"

# instruction, RBX, error code at CPL 3; the bits are P=1 W=2 U=4 I=16
AT_CPL_3: Final = (
    (READ, NOWHERE, 4),
    (WRITE, NOWHERE, 6),
    (WRITE, READ_ONLY, 7),
    (READ, KERNEL_DATA, 5),
    (WRITE, KERNEL_DATA, 7),
    (READ, TEXT, 5),
    (READ, DATA + DATA_SIZE, 4),
)


@pytest.mark.parametrize(("instruction", "address", "error_code"), AT_CPL_3)
def test_a_page_fault_has_the_exact_error_code_and_address(
    guest: Guest, instruction: str, address: int, error_code: int
) -> None:
    guest.write(CODE, code(f"nop; {instruction}; ud2"))
    guest.put(rbx=address)
    assert faults(guest) == [(PF, error_code, CODE + 1, address)]


@pytest.mark.parametrize(
    ("target", "error_code"), [(NOWHERE, 0x14), (DATA, 0x15), (TEXT, 0x15), (READ_ONLY, 0x15)]
)
def test_a_fetch_that_is_not_allowed_faults_at_its_target(
    guest: Guest, target: int, error_code: int
) -> None:
    guest.write(CODE, code("jmp rbx"))
    guest.put(rbx=target)
    assert faults(guest) == [(PF, error_code, target, target)]


def test_an_access_across_pages_faults_at_the_second(guest: Guest) -> None:
    guest.write(CODE, code(READ))
    guest.put(rbx=DATA + DATA_SIZE - 4)
    assert faults(guest) == [(PF, 4, CODE, DATA + DATA_SIZE)]


def test_a_write_that_faults_on_its_second_page_leaves_the_first_as_it_was(guest: Guest) -> None:
    guest.write(CODE, code(WRITE))
    guest.put(rbx=DATA + DATA_SIZE - 4, rax=(1 << 64) - 1)
    assert faults(guest) == [(PF, 6, CODE, DATA + DATA_SIZE)]
    assert guest.tables.read(DATA + DATA_SIZE - 4, 4) == bytes(4)


@pytest.mark.parametrize(
    ("instruction", "address", "error_code"),
    [(READ, NOWHERE, 0), (WRITE, NOWHERE, 2), (WRITE, TEXT, 3), (WRITE, READ_ONLY, 3)],
)
def test_ring_0_faults_too_and_write_protection_holds_for_it(
    guest: Guest, instruction: str, address: int, error_code: int
) -> None:
    guest.write(TEXT, code(instruction))
    guest.put_kernel(rbx=address)
    assert faults(guest) == [(PF, error_code, TEXT, address)]


def test_ring_0_may_read_and_write_user_pages_when_nothing_forbids_it(guest: Guest) -> None:
    guest.write(TEXT, code(f"{WRITE}; {READ}; hlt"))
    guest.put_kernel(rbx=DATA, rax=0x77)
    assert faults(guest) == []
    assert guest.words(DATA, 1) == (0x77,)


def test_ring_0_faults_when_it_fetches_from_a_page_without_execution(guest: Guest) -> None:
    guest.put_kernel(KERNEL_DATA)
    assert faults(guest) == [(PF, 0x11, KERNEL_DATA, KERNEL_DATA)]


def test_an_address_that_is_not_canonical_is_a_general_protection_fault(guest: Guest) -> None:
    guest.write(CODE, code(READ))
    guest.put(rbx=NON_CANONICAL)
    assert [fault[:3] for fault in faults(guest)] == [(GP, 0, CODE)]


def test_an_address_that_is_too_wide_for_the_processor_sets_the_reserved_bit(guest: Guest) -> None:
    guest.tables.map(NOWHERE, 1 << 45, USER | WRITABLE)
    guest.write(CODE, code(READ))
    guest.put(rbx=NOWHERE)
    assert [fault[:2] for fault in faults(guest)] == [(PF, PF_PRESENT | PF_USER | PF_RESERVED)]


def read_twice(guest: Guest, flush: bool) -> list[int]:
    """Reads DATA, takes its page away, and reads it again: the vectors of that second read."""
    guest.write(CODE, code(f"{READ}; int 0x80; {READ}; int 0x80"))
    guest.put(rbx=DATA)
    assert [fault[0] for fault in faults(guest)] == [0x80]
    guest.tables.unmap(DATA)
    if flush:
        guest.engine.flush_tlb()
    return [fault[0] for fault in faults(guest)]


def test_a_page_that_was_taken_away_is_readable_until_the_tlb_is_flushed(guest: Guest) -> None:
    assert read_twice(guest, flush=False) == [0x80]


def test_a_page_that_was_taken_away_is_gone_once_the_tlb_is_flushed(guest: Guest) -> None:
    assert read_twice(guest, flush=True) == [PF]


def test_a_page_that_was_not_there_may_appear_without_a_flush(guest: Guest) -> None:
    guest.write(CODE, code(f"{READ}; int 0x80"))
    guest.put(rbx=NOWHERE)
    assert [fault[0] for fault in faults(guest)] == [PF]
    guest.map(NOWHERE, PAGE_SIZE, USER | WRITABLE | NO_EXECUTE)
    guest.state.forget_exception()
    guest.state.store()
    assert [fault[0] for fault in faults(guest)] == [0x80]


def test_writing_cr3_flushes_the_tlb(guest: Guest) -> None:
    guest.write(CODE, code(f"{READ}; int 0x80; {READ}; int 0x80"))
    guest.put(rbx=DATA)
    faults(guest)
    guest.tables.unmap(DATA)
    guest.engine.write_cr3(guest.tables.root)
    assert [fault[0] for fault in faults(guest)] == [PF]


def test_data_that_is_written_behind_the_engines_back_is_read_at_once(guest: Guest) -> None:
    guest.write(CODE, code(f"{READ}; int 0x80; {READ}; int 0x80"))
    guest.put(rbx=DATA)
    faults(guest)
    guest.write(DATA, (0x1234).to_bytes(8, "little"))
    faults(guest)
    assert guest.seen().gpr("rax") == 0x1234


def test_iretq_returns_to_ring_3_by_itself(guest: Guest) -> None:
    guest.write(CODE, code("cli"))
    guest.write(TEXT, code("iretq"))
    frame = (CODE, USER_CS, 0x202, 0x60_0800, USER_DS)
    guest.write(KERNEL_DATA, b"".join(word.to_bytes(8, "little") for word in frame))
    guest.put_kernel(rsp=KERNEL_DATA)
    assert [fault[:3] for fault in faults(guest)] == [(GP, 0, CODE)]
    after = guest.seen()
    assert (after.cpl, after.cs, after.ss) == (3, guest.loaded(USER_CS), guest.loaded(USER_DS))
    assert (after.gpr("rsp"), after.rflags) == (0x60_0800, 0x202)


def test_sysretq_returns_to_ring_3_by_itself(guest: Guest) -> None:
    guest.write(CODE, code("cli"))
    guest.write(TEXT, code("sysretq"))
    guest.put_kernel(rcx=CODE, r11=0x246, rsp=0x60_0800)
    assert [fault[:3] for fault in faults(guest)] == [(GP, 0, CODE)]
    after = guest.seen()
    assert (after.cpl, after.rflags, after.gpr("rsp")) == (3, 0x246, 0x60_0800)
    assert (after.selectors["cs"], after.selectors["ss"]) == (USER_CS, USER_DS)


def test_sysretq_with_the_trap_flag_traps_before_the_next_instruction(guest: Guest) -> None:
    guest.write(CODE, code("nop"))
    guest.write(TEXT, code("sysretq"))
    guest.put_kernel(rcx=CODE, r11=0x302)
    assert [fault[::2] for fault in faults(guest)] == [(DB, CODE)]


def test_iretq_with_the_trap_flag_traps_behind_the_next_instruction(guest: Guest) -> None:
    guest.write(CODE, code("nop"))
    guest.write(TEXT, code("iretq"))
    frame = (CODE, USER_CS, 0x302, 0x60_0800, USER_DS)
    guest.write(KERNEL_DATA, b"".join(word.to_bytes(8, "little") for word in frame))
    guest.put_kernel(rsp=KERNEL_DATA)
    assert [fault[::2] for fault in faults(guest)] == [(DB, CODE + 1)]


def test_sysexit_returns_to_32_bit_code_by_itself(guest: Guest) -> None:
    guest.write(CODE, code("cli"))
    guest.write(TEXT, code("sysexit"))
    guest.put_kernel(rdx=CODE, rcx=0x60_0800)
    assert [fault[:3] for fault in faults(guest)] == [(GP, 0, CODE)]
    guest.state.load()
    assert (guest.state.cpl, guest.state.in_64bit_mode) == (3, False)
    assert (guest.state.words[RSP], guest.state.words[RCX]) == (0x60_0800, 0x60_0800)
    assert guest.state.segment(CS).selector == 0x23


def test_swapgs_exchanges_the_bases_of_gs(guest: Guest) -> None:
    guest.state.load()
    guest.state.kernel_gs_base = KERNEL_DATA
    guest.state.store()
    guest.write(TEXT, code("swapgs; hlt"))
    guest.put_kernel()
    faults(guest)
    guest.state.load()
    assert (guest.state.segment(5).base, guest.state.kernel_gs_base) == (KERNEL_DATA, 0)


def test_a_bad_iret_faults_in_ring_0_at_itself(guest: Guest) -> None:
    guest.write(TEXT, code("iretq"))
    guest.write(KERNEL_DATA, bytes(40))
    guest.put_kernel(rsp=KERNEL_DATA)
    assert [fault[:3] for fault in faults(guest)] == [(GP, 0, TEXT)]
    assert guest.seen().cpl == 0
