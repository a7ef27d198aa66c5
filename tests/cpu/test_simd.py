"""#XM comes in front of the instruction, with MXCSR's flags set and nothing else changed.

SDM 3A, "Interrupt 19-SIMD Floating-Point Exception (#XM)"; SDM 2A, "LDMXCSR", "FXRSTOR". The
snippets in tests/differential compare each operation with the record of a processor.
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode, simd
from emu.cpu import state as at
from emu.x86 import vectors
from emu.x86.floating import DE, IE, OE, PE, UE, ZE
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, COUNTERS, DATA, NOWHERE, Guest

pytestmark = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")

LDMXCSR: Final = bytes.fromhex("0fae13")  # [rbx]
FXRSTOR: Final = bytes.fromhex("0fae0b")
DIVSS: Final = bytes.fromhex("f30f5e4304")  # xmm0, [rbx + 4]
CR4_WITHOUT_XM: Final = 0x220
ONE, ZERO = 0x3F80_0000, 0


def guest_with(mxcsr: int, numerator: int, divisor: int, counter: str = "auto") -> Guest:
    """XMM0 holds the numerator, memory MXCSR and the divisor."""
    guest = Guest(counter=counter)
    guest.write(DATA, mxcsr.to_bytes(4, "little") + divisor.to_bytes(4, "little"))
    guest.state.load()
    guest.state.raw[at.XMM : at.XMM + 4] = numerator.to_bytes(4, "little")
    guest.state.mxcsr = 0x1F80
    guest.state.store()
    return guest


@pytest.mark.parametrize("counter", COUNTERS)
def test_an_unmasked_division_by_zero_raises_xm_and_divides_nothing(counter: str) -> None:
    guest = guest_with(0x1F80 & ~(ZE << 7), ONE, ZERO, counter)
    seen = guest.cross(code("nop") + LDMXCSR + DIVSS + code("int 0x80"), rbx=DATA)
    assert (guest.entry.vector, guest.entry.error_code, seen.stack[0]) == (19, None, CODE + 4)
    assert guest.state.mxcsr == (0x1F80 & ~(ZE << 7)) | ZE
    assert guest.state.xmm(0) & 0xFFFF_FFFF == ONE
    assert guest.machine.counter.user == 2


@pytest.mark.parametrize(
    ("numerator", "divisor", "flags"),
    [
        (ONE, 0x4040_0000, PE),
        (ZERO, ZERO, IE),
        (1, 0x0080_0000, DE),
        (0x7F7F_FFFF, 0x3F00_0000, OE),
        (0x0080_0001, 0x4000_0000, UE),
    ],
)
def test_each_exception_is_raised_where_it_alone_is_unmasked(
    numerator: int, divisor: int, flags: int
) -> None:
    guest = guest_with(0x1F80 & ~(flags << 7), numerator, divisor)
    guest.cross(LDMXCSR + DIVSS + code("int 0x80"), rbx=DATA)
    assert (guest.entry.vector, guest.state.mxcsr & flags) == (vectors.XM, flags)
    masked = guest_with(0x1F80 & ~((0x3F & ~flags & ~PE) << 7) | flags << 7, numerator, divisor)
    masked.cross(LDMXCSR + DIVSS + code("int 0x80"), rbx=DATA)
    assert masked.entry.vector == 0x80


def test_what_is_not_signaled_executes() -> None:
    guest = guest_with(0, ONE, ONE)
    guest.cross(LDMXCSR + DIVSS + code("int 0x80"), rbx=DATA)
    assert (guest.entry.vector, guest.machine.counter.user) == (0x80, 3)


def test_all_masked_again_is_all_masked() -> None:
    guest = guest_with(0, ONE, ZERO)
    guest.write(DATA + 8, (0x1F80).to_bytes(4, "little"))
    again = bytes.fromhex("0fae5308")  # ldmxcsr [rbx + 8]
    guest.cross(LDMXCSR + again + DIVSS + code("int 0x80"), rbx=DATA)
    assert (guest.entry.vector, guest.machine.counter.user) == (0x80, 4)


def test_without_osxmmexcpt_it_is_undefined() -> None:
    guest = Guest(cr4=CR4_WITHOUT_XM)
    guest.write(DATA, bytes(8))
    guest.cross(LDMXCSR + DIVSS, rbx=DATA)
    assert guest.entry.vector == vectors.UD


def test_fxrstor_unmasks_too() -> None:
    guest = Guest()
    guest.write(DATA, bytes(512))  # MXCSR = 0, XMM0 = 0
    guest.cross(FXRSTOR + DIVSS, rbx=DATA)
    assert (guest.entry.vector, guest.state.mxcsr) == (vectors.XM, IE)


@pytest.mark.parametrize("mxcsr", [0x1_0000, 0x8000_1F80])
def test_reserved_bits_of_mxcsr_are_refused(mxcsr: int) -> None:
    guest = guest_with(mxcsr, ONE, ONE)
    guest.cross(LDMXCSR, rbx=DATA)
    assert (guest.entry.vector, guest.entry.error_code) == (vectors.GP, 0)
    assert guest.state.mxcsr == 0x1F80


def test_a_page_fault_of_the_operand_comes_first() -> None:
    guest = guest_with(0, ONE, ZERO)
    divide = bytes.fromhex("f30f5e01")  # xmm0, [rcx]
    guest.cross(LDMXCSR + divide, rbx=DATA, rcx=NOWHERE)
    assert guest.entry.vector == vectors.PF
    guest = guest_with(0, ONE, ZERO)
    guest.cross(LDMXCSR, rbx=NOWHERE)
    assert guest.entry.vector == vectors.PF


def test_a_block_that_ran_while_all_was_masked_is_seen_when_it_is_not() -> None:
    guest = guest_with(0x1F80, ZERO, ZERO)
    program = bytes.fromhex("0f57c0") + LDMXCSR + DIVSS + code("int 0x80")  # xorps xmm0, xmm0
    guest.cross(program, rbx=DATA)
    assert guest.entry.vector == 0x80
    guest.write(DATA, bytes(4))
    guest.cross(program, rbx=DATA)
    assert guest.entry.vector == vectors.XM


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0f58c1", (0, 0x58, 0xC1, 0, 0xC1)),
        ("66f20f5ec1", (0xF2, 0x5E, 0xC1, 0, 0xC1)),
        ("f3440f51c9", (0xF3, 0x51, 0xC9, 0x44, 0xC9)),
        ("66410f3a0bc204", (0x66, 0x3A0B, 0xC2, 0x41, 4)),
    ],
)
def test_an_instruction_is_taken_apart(text: str, parts: tuple[int, ...]) -> None:
    assert simd.take_apart(bytes.fromhex(text), long=True) == parts
