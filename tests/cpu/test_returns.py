"""Far returns of ring 3, SYSRET, null selectors: what the engine alone would not do.

SDM 2A, "IRET"; SDM 2B, "RET", "SYSRET", "MOV", "POP"; APM 3, "SYSRET"; APM 2, "Segment Registers".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode
from emu.cpu.state import Segment
from emu.x86 import flags, msrs
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE, WRITABLE
from emu.x86.registers import CS, FS, GS, SS
from emu.x86.vectors import GP, PF, UD
from emu.x86.vectors import SS as STACK_FAULT
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COUNTERS,
    DATA,
    DATA_SIZE,
    KERNEL_DATA,
    NOWHERE,
    STACK_TOP,
    TEXT,
    TSS_BASE,
    USER32_CS,
    USER_CS,
    USER_DS,
    Guest,
)

pytestmark = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")

KERNEL: Final = TEXT + 0x2000
BACK: Final = CODE + 0x100  # INT 0x80 stands there
INT80: Final = code("int 0x80")
EDGE: Final = DATA + DATA_SIZE  # the page before it is the program's
LAST: Final = (1 << 47) - 8
U, P = 4, 1  # bits of the error code of #PF

# name: bytes, in 64-bit mode, size of a value, how many
RETURNS: Final = {
    "iretq": ("48cf", True, 8, 5),
    "iretd in 64-bit code": ("cf", True, 4, 5),
    "iret of 16 bits in 64-bit code": ("66cf", True, 2, 5),
    "retfq": ("48cb", True, 8, 2),
    "retf in 64-bit code": ("cb", True, 4, 2),
    "retf imm16 in 64-bit code": ("48ca1000", True, 8, 2),
    "iretd": ("cf", False, 4, 3),
    "iret of 16 bits": ("66cf", False, 2, 3),
    "retf": ("cb", False, 4, 2),
    "retf imm16": ("ca1000", False, 4, 2),
}
every_return = pytest.mark.parametrize("name", RETURNS)
NAMES_64: Final = [name for name, row in RETURNS.items() if row[1]]


def frame(name: str, rip: int = BACK) -> bytes:
    """What leads to `rip` in the same ring."""
    _, long, size, number = RETURNS[name]
    values = (rip, USER_CS if long else USER32_CS, 0x202, STACK_TOP - 64, USER_DS)
    mask = (1 << 8 * size) - 1
    return b"".join((value & mask).to_bytes(size, "little") for value in values[:number])


def returning(name: str, rsp: int, guest: Guest | None = None) -> Guest:
    """Ring 3 executes the return, with RSP at `rsp`."""
    guest = guest or Guest()
    made, long, _, _ = RETURNS[name]
    guest.write(BACK, INT80)
    guest.cross(code("nop") + bytes.fromhex(made), long=long, rsp=rsp)
    return guest


@every_return
@pytest.mark.parametrize("counter", COUNTERS)
def test_a_frame_that_is_the_programs_is_taken(name: str, counter: str) -> None:
    guest = Guest(counter=counter)
    low = 0x40  # 16-bit offsets lead there
    guest.tables.map(0, guest.machine.physical.allocate(), WRITABLE | U)
    guest.write(low, INT80)
    size = RETURNS[name][2]
    guest.write(DATA + 0x100, frame(name, low if size == 2 else BACK))
    returning(name, DATA + 0x100, guest)
    assert guest.entry.vector == 0x80
    assert guest.machine.counter.user == 3


@every_return
def test_a_frame_in_kernel_pages_is_a_page_fault_and_nothing_of_it_is_told(name: str) -> None:
    guest = Guest()
    place = 0x7000_0000  # 32-bit code reaches it too
    guest.map(place, PAGE_SIZE, WRITABLE | NO_EXECUTE)
    guest.write(place + 0x100, frame(name))
    returning(name, place + 0x100, guest)
    entry = guest.entry
    assert (entry.vector, entry.error_code, entry.from_rip) == (PF, U | P, CODE + 1)
    guest.state.load()
    assert guest.state.control(2) == place + 0x100
    assert guest.machine.counter.user == 1


@pytest.mark.parametrize("name", NAMES_64)
@pytest.mark.parametrize("address", [KERNEL_DATA, TSS_BASE, KERNEL])
def test_no_secret_of_the_kernels_half_gets_out(name: str, address: int) -> None:
    guest = returning(name, address)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, U | P)


@every_return
def test_a_frame_that_is_not_there_is_the_programs_page_fault(name: str) -> None:
    guest = returning(name, NOWHERE)
    entry = guest.entry
    assert (entry.vector, entry.error_code, entry.from_rip) == (PF, U, CODE + 1)
    guest.state.load()
    assert guest.state.control(2) == NOWHERE


@every_return
def test_the_first_value_that_cannot_be_read_counts(name: str) -> None:
    _, _, size, _ = RETURNS[name]
    guest = returning(name, EDGE - size)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, U)
    guest.state.load()
    assert guest.state.control(2) == EDGE


@every_return
def test_a_value_across_two_pages_faults_at_the_second(name: str) -> None:
    guest = returning(name, EDGE - 1)
    assert guest.entry.vector == PF
    guest.state.load()
    assert guest.state.control(2) == EDGE


@pytest.mark.parametrize("name", NAMES_64)
def test_a_frame_that_leaves_the_canonical_half_is_a_stack_fault(name: str) -> None:
    guest = Guest()
    guest.map(LAST & -PAGE_SIZE, PAGE_SIZE, WRITABLE | U | NO_EXECUTE)
    _, _, size, _ = RETURNS[name]
    returning(name, (1 << 47) - size, guest)
    entry = guest.entry
    assert (entry.vector, entry.error_code, entry.from_rip) == (STACK_FAULT, 0, CODE + 1)


@pytest.mark.parametrize("rsp", [KERNEL_DATA, NOWHERE])
def test_iret_with_nt_does_not_look_at_its_frame(rsp: int) -> None:
    guest = Guest()
    guest.cross(bytes.fromhex("48cf"), rflags=flags.IF | flags.NT, rsp=rsp)
    assert (guest.entry.vector, guest.entry.error_code) == (GP, 0)


def test_a_stack_of_16_bits_wraps_within_its_segment() -> None:
    guest = Guest()
    guest.set_descriptor(0x60, 0x0000_F300_0000_FFFF | DATA << 16 & 0xFF_FFFF_0000)
    guest.write(CODE, bytes.fromhex("cb"))
    guest.put(CODE, long=False, rsp=0x1234_FFFE)
    small = guest.loaded(0x63)._replace(base=DATA)
    guest.state.load()
    cs = guest.loaded(USER32_CS)
    guest.state.set_cs_ss(cs, small, cpl=3)
    guest.state.store()
    guest.run()
    assert guest.entry.vector == PF
    guest.state.load()
    assert guest.state.control(2) == DATA + 0xFFFE


def test_ring_0_returns_by_frames_of_its_own_as_before() -> None:
    guest = Guest(supervise_kernel=True)
    guest.write(KERNEL, code("iretq"))
    values = (CODE, USER_CS, 0x202, STACK_TOP - 64, USER_DS)
    guest.write(KERNEL_DATA, b"".join(value.to_bytes(8, "little") for value in values))
    guest.write(CODE, INT80)
    guest.put_kernel(KERNEL, rsp=KERNEL_DATA)
    guest.run()
    assert (guest.entry.vector, guest.entry.from_cpl) == (0x80, 3)


# ---- SYSRET

SYSRET_64, SYSRET_32 = "480f07", "0f07"
ODD_SS: Final = Segment(0, 0x1000, 0x55, 0x0040_9200)


def sysret(vendor: str, made: str = SYSRET_64, supervised: bool = True, **registers: int) -> Guest:
    """Ring 0 executes it; ring 3 then does INT 0x80, if it gets there."""
    guest = Guest(vendor, supervise_kernel=supervised)
    guest.write(KERNEL, bytes.fromhex(made))
    guest.write(CODE, INT80)
    guest.put_kernel(KERNEL, **{"rcx": CODE, "r11": 0x202} | registers)
    guest.run()
    return guest


@pytest.mark.parametrize("supervised", [False, True])
@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize(
    ("made", "cs"), [(SYSRET_64, USER_CS), (SYSRET_32, USER32_CS)], ids=["64-bit", "32-bit"]
)
def test_sysret_leads_to_ring_3_in_each_way_the_same(
    vendor: str, made: str, cs: int, supervised: bool
) -> None:
    rflags = flags.STATUS | flags.DF | flags.IF | flags.AC | flags.NT | flags.ID | flags.FIXED
    guest = sysret(vendor, made, supervised, r11=rflags, rbx=5)
    entry, seen = guest.entry, guest.seen()
    assert (entry.vector, entry.from_cpl, entry.from_rip) == (0x80, 3, CODE)
    assert seen.stack[1:5:3] == (cs, USER_DS)
    assert (seen.stack[2], seen.gpr("rbx")) == (rflags, 5)
    assert (guest.machine.counter.kernel, guest.machine.counter.user) == (1, 1)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("made", [SYSRET_64, SYSRET_32])
@pytest.mark.parametrize("flag", [flags.RF, flags.VM, 1 << 3, 1 << 15, 1 << 22, 1 << 63])
def test_sysret_takes_neither_rf_nor_vm_nor_what_is_no_flag(
    vendor: str, made: str, flag: int
) -> None:
    assert sysret(vendor, made, r11=flags.IF | flag).seen().stack[2] == flags.IF | flags.FIXED


def in_ring_3_after_sysret(vendor: str, made: str) -> Guest:
    """A machine that came from an odd SS by SYSRET, and stays where it came."""
    guest = Guest(vendor, supervise_kernel=True)
    guest.write(KERNEL, bytes.fromhex(made))
    guest.write(CODE, bytes.fromhex("ebfe"))
    guest.put_kernel(KERNEL, rcx=CODE, r11=0x202)
    guest.set_segments({SS: ODD_SS})
    guest.run(20)
    guest.state.load()
    return guest


@pytest.mark.parametrize("made", [SYSRET_64, SYSRET_32])
def test_intel_loads_flat_segments_of_ring_3(made: str) -> None:
    guest = in_ring_3_after_sysret("intel", made)
    long = made == SYSRET_64
    code_bits = 0x00A0_FB00 if long else 0x00C0_FB00
    flat = (0, 0xFFFF_FFFF)
    assert guest.state.segment(SS) == (USER_DS, *flat, 0x00C0_F300)
    assert guest.state.segment(CS) == (USER_CS if long else USER32_CS, *flat, code_bits)


@pytest.mark.parametrize("rcx", [1 << 47, 1 << 63, 0xFFFF_7FFF_FFFF_FFFF])
def test_intel_checks_the_target_in_ring_0_and_changes_nothing(rcx: int) -> None:
    guest = sysret("intel", rcx=rcx, r11=0xAD7, rsp=STACK_TOP - 64)
    entry = guest.entry
    assert (entry.vector, entry.error_code, entry.from_cpl) == (GP, 0, 0)
    assert entry.from_rip == KERNEL
    assert guest.seen().stack[4] == STACK_TOP - 64


@pytest.mark.parametrize("rcx", [1 << 47, 1 << 63])
def test_a_32_bit_sysret_takes_half_of_rcx_and_checks_nothing(rcx: int) -> None:
    guest = sysret("intel", SYSRET_32, rcx=rcx | CODE)
    assert (guest.entry.vector, guest.entry.from_rip) == (0x80, CODE)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_sysret_without_sce_is_an_invalid_opcode(vendor: str) -> None:
    guest = Guest(vendor, supervise_kernel=True)
    guest.write(KERNEL, bytes.fromhex(SYSRET_64))
    guest.engine.write_msr(msrs.EFER, msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE)
    guest.put_kernel(KERNEL, rcx=1 << 63)
    guest.run()
    assert (guest.entry.vector, guest.entry.from_rip) == (UD, KERNEL)


@pytest.mark.parametrize("made", [SYSRET_64, SYSRET_32])
def test_amd_loads_the_selector_of_ss_and_nothing_else(made: str) -> None:
    guest = in_ring_3_after_sysret("amd", made)
    assert guest.state.segment(SS) == ODD_SS._replace(selector=USER_DS)


# ---- a null selector in FS or GS

LOADS: Final = {
    "mov fs, eax": ("8ee0", FS),
    "mov gs, eax": ("8ee8", GS),
    "mov fs, r8d": ("418ee0", FS),
    "mov gs, ecx behind REX.W": ("488ee9", GS),
    "pop fs": ("0fa1", FS),
    "pop gs": ("0fa9", GS),
    "pop fs of 16 bits": ("660fa1", FS),
}
OLD: Final = Segment(0x2B, 0x12_3456_789A, 0xFFFF_FFFF, 0x00CF_F300)


def load(vendor: str, made: str, number: int, selector: int, ring: int) -> Guest:
    guest = Guest(vendor, supervise_kernel=True)
    stack = STACK_TOP - 64 if ring else KERNEL_DATA + 0x800
    guest.write(stack, selector.to_bytes(8, "little"))
    registers = {"rax": selector, "rcx": selector, "r8": selector, "rsp": stack}
    start = CODE if ring else KERNEL
    guest.write(start, bytes.fromhex(made) + INT80)
    if ring:
        guest.put(start, **registers)  # type: ignore[arg-type]  # none of them is called `long`
    else:
        guest.put_kernel(start, **registers)
    guest.set_segments({number: OLD})
    guest.run()
    assert guest.entry.vector == 0x80
    size = 0 if "8e" in made else 2 if made.startswith("66") else 8
    assert guest.seen().stack[3] == stack + size
    assert guest.entry.from_rip == start + len(bytes.fromhex(made))
    guest.state.load()
    return guest


@pytest.mark.parametrize("ring", [0, 3])
@pytest.mark.parametrize("selector", [0, 3])
@pytest.mark.parametrize("name", LOADS)
def test_amd_keeps_base_and_limit_where_a_null_selector_is_loaded(
    name: str, selector: int, ring: int
) -> None:
    made, number = LOADS[name]
    found = load("amd", made, number, selector, ring).state.segment(number)
    assert (found.selector, found.base, found.limit) == (selector, OLD.base, OLD.limit)


@pytest.mark.parametrize("ring", [0, 3])
@pytest.mark.parametrize("name", LOADS)
def test_intel_makes_the_base_0(name: str, ring: int) -> None:
    made, number = LOADS[name]
    found = load("intel", made, number, 0, ring).state.segment(number)
    assert (found.selector, found.base) == (0, 0)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("name", LOADS)
def test_a_selector_that_is_not_null_loads_the_descriptor(name: str, vendor: str) -> None:
    made, number = LOADS[name]
    found = load(vendor, made, number, USER_DS, 3).state.segment(number)
    assert found == Segment(USER_DS, 0, 0xFFFF_FFFF, 0x00CF_F300)


@pytest.mark.parametrize("place", [KERNEL_DATA, NOWHERE])
def test_pop_of_a_selector_that_cannot_be_read_is_a_page_fault(place: int) -> None:
    guest = Guest("amd")
    guest.cross(bytes.fromhex("0fa1"), rsp=place)
    assert guest.entry.vector == PF
    assert guest.entry.error_code == (U | P if place == KERNEL_DATA else U)
