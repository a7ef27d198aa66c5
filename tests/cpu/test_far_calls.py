"""CALL far in ring 3: where it pushes. The engine would push with the rights of ring 0.

SDM 2A, "CALL"; SDM 3A, "Determination of Access Rights".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode
from emu.x86.descriptors import code_segment
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE, USER, WRITABLE
from emu.x86.vectors import GP, PF, SS
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COUNTERS,
    DATA,
    NOWHERE,
    STACK_TOP,
    USER32_CS,
    USER_CS,
    Guest,
)

pytestmark = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")

TARGET: Final = CODE + 0x100
KERNEL_PAGE: Final = 0x7000_0000  # 32-bit code reaches it too
READ_ONLY: Final = 0x7100_0000
P, W, U = 1, 2, 4  # bits of the error code of #PF
SMALL_CS: Final = 0x63  # 16-bit code, in some tests

# name: bytes, in 64-bit mode, size of what is pushed twice
CALLS: Final = {
    "m16:64": ("48ff1b", True, 8),
    "m16:32 in 64-bit code": ("ff1b", True, 4),
    "m16:16 in 64-bit code": ("66ff1b", True, 2),
    "m16:32": ("ff1b", False, 4),
    "m16:16": ("66ff1b", False, 2),
    "m16:32 with SIB and displacement": ("ff9c2300000000", False, 4),
    "ptr16:32": ("9a" + TARGET.to_bytes(4, "little").hex() + "2300", False, 4),
}
every_call = pytest.mark.parametrize("name", CALLS)


def calling(name: str, rsp: int, guest: Guest | None = None) -> Guest:
    guest = guest or Guest()
    made, long, size = CALLS[name]
    selector = USER_CS if long else USER32_CS
    offset = TARGET & (1 << 8 * size) - 1
    guest.write(TARGET, code("int 0x80"))
    guest.write(DATA, offset.to_bytes(size, "little") + selector.to_bytes(2, "little"))
    guest.cross(code("nop") + bytes.fromhex(made), long=long, rsp=rsp, rbx=DATA)
    return guest


@every_call
@pytest.mark.parametrize("counter", COUNTERS)
def test_a_call_pushes_to_the_programs_own_stack(name: str, counter: str) -> None:
    guest = Guest(counter=counter)
    guest.tables.map(0, guest.machine.physical.allocate(), WRITABLE | USER)
    guest.write(TARGET & 0xFFFF, code("int 0x80"))  # where 16-bit offsets lead
    _, long, size = CALLS[name]
    rsp = STACK_TOP - 64
    calling(name, rsp, guest)
    assert guest.entry.vector == 0x80
    pushed = guest.tables.read(rsp - 2 * size, 2 * size)
    back = CODE + 1 + len(bytes.fromhex(CALLS[name][0])) & (1 << 8 * size) - 1
    assert int.from_bytes(pushed[:size], "little") == back
    assert int.from_bytes(pushed[size:], "little") == (USER_CS if long else USER32_CS)
    assert guest.machine.counter.user == 3


@every_call
def test_a_call_cannot_write_to_kernel_pages(name: str) -> None:
    guest = Guest()
    guest.map(KERNEL_PAGE, PAGE_SIZE, WRITABLE | NO_EXECUTE)
    calling(name, KERNEL_PAGE + 0x100, guest)
    entry = guest.entry
    assert (entry.vector, entry.error_code, entry.from_rip) == (PF, U | W | P, CODE + 1)
    assert guest.tables.read(KERNEL_PAGE, PAGE_SIZE) == bytes(PAGE_SIZE)
    guest.state.load()
    assert guest.state.control(2) == KERNEL_PAGE + 0x100 - CALLS[name][2]


@every_call
def test_a_call_cannot_write_to_what_is_read_only_or_not_there(name: str) -> None:
    guest = Guest()
    guest.map(READ_ONLY, PAGE_SIZE, USER | NO_EXECUTE)
    calling(name, READ_ONLY + 0x100, guest)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, U | W | P)
    guest = calling(name, NOWHERE)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, U | W)


@every_call
def test_the_second_push_may_fault_alone(name: str) -> None:
    size = CALLS[name][2]
    guest = calling(name, DATA + size)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, U | W)
    guest.state.load()
    assert guest.state.control(2) == DATA - size


@pytest.mark.parametrize("rsp", [1 << 47 | 16, 1 << 63])
def test_a_stack_that_is_not_canonical_is_a_stack_fault(rsp: int) -> None:
    guest = calling("m16:64", rsp)
    assert (guest.entry.vector, guest.entry.error_code, guest.entry.from_rip) == (SS, 0, CODE + 1)


def test_a_selector_that_may_not_be_called_is_refused_as_before() -> None:
    guest = Guest()
    guest.set_descriptor(0x68, code_segment(0, long=True))
    guest.write(DATA, TARGET.to_bytes(8, "little") + (0x6B).to_bytes(2, "little"))
    guest.cross(bytes.fromhex("48ff1b"), rbx=DATA)
    assert (guest.entry.vector, guest.entry.error_code) == (GP, 0x68)


@pytest.mark.parametrize(("made", "size"), [("cb", 2), ("66cb", 4)])
def test_16_bit_code_returns_by_16_bits_unless_a_prefix_says_32(made: str, size: int) -> None:
    guest = Guest()
    guest.set_descriptor(SMALL_CS, 0x0000_FB00_0000_FFFF | CODE << 16)
    guest.write(CODE, bytes.fromhex(made))
    guest.put(CODE, long=False, rsp=DATA + 2 * PAGE_SIZE - size)
    guest.state.load()
    small = guest.loaded(SMALL_CS)._replace(base=CODE)
    guest.state.set_cs_ss(small, guest.loaded(0x2B), cpl=3)
    guest.state.rip = 0
    guest.state.store()
    guest.run()
    assert (guest.entry.vector, guest.entry.error_code) == (PF, U)
    guest.state.load()
    assert guest.state.control(2) == DATA + 2 * PAGE_SIZE
