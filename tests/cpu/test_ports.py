"""IN, OUT, INS and OUTS: who may use a port, by IOPL and by the bitmap of the TSS.

SDM 1, "I/O Privilege Level", "I/O Permission Bit Map".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode
from emu.cpu.callbacks import NEVER_MAPPED
from emu.cpu.state import Segment
from emu.x86 import descriptors
from emu.x86.registers import TR
from emu.x86.vectors import GP, PF
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COUNTERS,
    DATA,
    TEXT,
    TSS_BASE,
    TSS_SELECTOR,
    USER_CS,
    Guest,
)

pytestmark = pytest.mark.skipif(
    not hostcode.is_supported(), reason="ports are checked in native code: needs an x86-64 host"
)

IOPL_3: Final = 0x3202
BITMAP_AT: Final = descriptors.TSS_SIZE

# bytes, length, size of the data
INSTRUCTIONS: Final = {
    "in al, dx": ("ec", 1, 1),
    "in ax, dx": ("66ed", 2, 2),
    "in eax, dx": ("ed", 1, 4),
    "in al, imm": ("e480", 2, 1),
    "in eax, imm": ("e580", 2, 4),
    "out dx, al": ("ee", 1, 1),
    "out dx, ax": ("66ef", 2, 2),
    "out dx, eax": ("ef", 1, 4),
    "out imm, al": ("e680", 2, 1),
    "insb": ("6c", 1, 1),
    "rep insb": ("f36c", 2, 1),
    "outsb": ("6e", 1, 1),
    "rex in eax, dx": ("48ed", 2, 4),
}
NAMES: Final = tuple(INSTRUCTIONS)


def bytes_of(name: str) -> bytes:
    return bytes.fromhex(INSTRUCTIONS[name][0])


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("rex")])
def test_a_program_may_use_no_port(guest: Guest, name: str, long: bool) -> None:
    registers = {"rdx": 0x80, "rdi": DATA, "rsi": DATA, "rcx": 2}
    seen = guest.cross(code("nop") + bytes_of(name), long=long, rflags=0x202, **registers)
    assert (guest.entry.vector, guest.entry.error_code) == (GP, 0)
    assert seen.stack[1] == CODE + 1
    assert seen.stack[3] == 0x1_0202
    assert (guest.machine.counter.user, seen.gpr("rdx")) == (1, 0x80)


@pytest.mark.parametrize("name", NAMES)
def test_iopl_3_allows_every_port_and_the_instruction_counts_once(guest: Guest, name: str) -> None:
    _, length, _ = INSTRUCTIONS[name]
    seen = guest.cross(
        bytes_of(name) + code("int 0x80"), rflags=IOPL_3, rdx=0x80, rdi=DATA, rsi=DATA, rcx=2
    )
    assert guest.entry.vector == 0x80
    assert seen.stack[0] == CODE + length + 2
    assert guest.machine.counter.user == 2


@pytest.mark.parametrize(
    ("name", "rax"),
    [
        ("in al, dx", 0x1234_5678_9ABC_DEFF),
        ("in ax, dx", 0x1234_5678_9ABC_FFFF),
        ("in eax, dx", 0xFFFF_FFFF),
        ("rex in eax, dx", 0xFFFF_FFFF),
        ("out dx, eax", 0x1234_5678_9ABC_DEF0),
    ],
)
def test_where_no_device_is_there_is_nothing_but_ones(guest: Guest, name: str, rax: int) -> None:
    seen = guest.cross(
        bytes_of(name) + code("int 0x80"), rflags=IOPL_3, rax=0x1234_5678_9ABC_DEF0, rdx=0x80
    )
    assert seen.gpr("rax") == rax


@pytest.mark.parametrize("iopl", range(3))
def test_a_lower_iopl_asks_the_bitmap(guest: Guest, iopl: int) -> None:
    guest.cross(bytes_of("in al, dx"), rflags=0x202 | iopl << 12, rdx=0x80)
    assert guest.entry.vector == GP


def with_bitmap(guest: Guest, bitmap: bytes, limit: int | None = None) -> None:
    guest.write(TSS_BASE + BITMAP_AT, bitmap)
    last = BITMAP_AT + len(bitmap) - 1 if limit is None else limit
    guest.set_segments({TR: Segment(TSS_SELECTOR, TSS_BASE, last, 0x8B00)})


# bitmap, port, instruction, allowed
BITMAPS: Final = (
    (b"\x00\xff", 0, "in al, dx", True),
    (b"\xfe\xff", 0, "in al, dx", True),
    (b"\x01\xff", 0, "in al, dx", False),
    (b"\x7f\xff", 7, "in al, dx", True),
    (b"\x7f\xff", 6, "in al, dx", False),
    (b"\xff\xfe\xff", 8, "in al, dx", True),
    (b"\x7f\xfe\xff", 7, "in ax, dx", True),
    (b"\x7f\xff\xff", 7, "in ax, dx", False),
    (b"\xf0\xff", 0, "in eax, dx", True),
    (b"\xf8\xff", 0, "in eax, dx", False),
    (b"\x1f\xfe\xff", 5, "out dx, eax", True),
    (b"\x1f\xff\xff", 5, "out dx, eax", False),
    (b"\x00\xff", 8, "in al, dx", False),
    (b"\x00" * 16 + b"\xfe\xff", 0x80, "in al, imm", True),
    (b"\x00" * 16 + b"\xff\xff", 0x80, "in al, imm", False),
)


@pytest.mark.parametrize(("bitmap", "port", "name", "allowed"), BITMAPS)
def test_the_bitmap_has_a_0_for_each_byte_that_a_program_may_use(
    guest: Guest, bitmap: bytes, port: int, name: str, allowed: bool
) -> None:
    with_bitmap(guest, bitmap)
    guest.cross(bytes_of(name) + code("int 0x80"), rdx=port)
    assert guest.entry.vector == (0x80 if allowed else GP)


@pytest.mark.parametrize(("limit", "allowed"), [(BITMAP_AT + 1, True), (BITMAP_AT, False)])
def test_two_bytes_of_the_bitmap_must_lie_inside_the_tss(
    guest: Guest, limit: int, allowed: bool
) -> None:
    with_bitmap(guest, b"\x00\x00", limit)
    guest.cross(bytes_of("in al, dx") + code("int 0x80"), rdx=0)
    assert guest.entry.vector == (0x80 if allowed else GP)


def test_a_tss_too_short_for_a_bitmap_allows_nothing(guest: Guest) -> None:
    with_bitmap(guest, b"\x00\x00", descriptors.TSS_IOMAP_BASE)
    guest.cross(bytes_of("in al, dx"), rdx=0)
    assert guest.entry.vector == GP


def test_ring_0_may_use_every_port(guest: Guest) -> None:
    guest.write(TEXT + 0x2000, bytes_of("in al, dx") + code("ud2"))
    guest.put_kernel(TEXT + 0x2000, rdx=0x80)
    assert guest.run().gpr("rax") == 0xFF
    assert guest.machine.counter.kernel == 1


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_port_instruction_in_mid_block_counts_exactly(counter: str) -> None:
    guest = Guest(counter=counter)
    text = code("inc eax; inc ebx") + bytes_of("out dx, al") + code("inc eax; inc ebx; int 0x80")
    seen = guest.cross(text, rflags=IOPL_3)
    assert (seen.gpr("rax"), seen.gpr("rbx")) == (2, 2)
    assert guest.machine.counter.user == 6


@pytest.mark.parametrize("name", ["in al, dx", "rep insb"])
def test_cr2_is_not_what_a_port_instruction_left_in_it(guest: Guest, name: str) -> None:
    guest.state.load()
    guest.cross(code("mov rax, qword ptr [rbx]"), rbx=0xDEA_D000)
    guest.state.forget_exception()
    guest.state.store()
    guest.engine.flush_code()
    guest.cross(bytes_of(name) + code("int 0x80"), rflags=IOPL_3, rdi=DATA)
    guest.state.load()
    assert guest.state.control(2) == 0xDEA_D000


def test_a_jump_to_the_address_that_marks_ports_is_an_ordinary_page_fault(guest: Guest) -> None:
    seen = guest.cross(code("jmp rbx"), rbx=NEVER_MAPPED)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, 0x14)
    assert seen.stack[1:3] == (NEVER_MAPPED, USER_CS)


@pytest.mark.parametrize("instruction", ["mov rax, qword ptr [rbx]", "mov qword ptr [rbx], rax"])
def test_an_access_to_that_address_is_an_ordinary_page_fault(
    guest: Guest, instruction: str
) -> None:
    seen = guest.cross(code(instruction), rbx=NEVER_MAPPED)
    assert guest.entry.vector == PF
    assert seen.stack[1] == CODE
    guest.state.load()
    assert guest.state.control(2) == NEVER_MAPPED
