"""Alignment is checked in ring 3 with AC set, as a processor of AMD was seen to check it.

SDM 3A, "Interrupt 17-Alignment Check Exception (#AC)". The snippets in tests/differential compare
more of it with the record of a processor.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.cpu import hostcode
from emu.x86 import flags, vectors
from emu.x86.registers import CR0_AM
from tests.cpu.assembler import code
from tests.cpu.machine_builder import COUNTERS, DATA, NOWHERE, STACK_TOP, TEXT, Guest, handler

pytestmark = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")

AC: Final = flags.IF | flags.AC
STACK: Final = STACK_TOP - 64
# hex with [rbx], the alignment that it asks for; 16 and more: #GP without it
DEMANDS: Final = {
    "mov al, [rbx]": ("8a03", 1),
    "mov ax, [rbx]": ("668b03", 2),
    "mov eax, [rbx]": ("8b03", 4),
    "mov [rbx], eax": ("8903", 4),
    "mov rax, [rbx]": ("488b03", 8),
    "xadd [rbx], eax": ("0fc103", 4),
    "cmpxchg8b [rbx]": ("0fc70b", 8),
    "movss xmm0, [rbx]": ("f30f1003", 4),
    "movsd xmm0, [rbx]": ("f20f1003", 8),
    "comiss xmm0, [rbx]": ("0f2f03", 4),
    "comisd xmm0, [rbx]": ("660f2f03", 8),
    "fld tbyte [rbx]": ("db2b", 8),
    "fld qword [rbx]": ("dd03", 8),
    "fnstenv [rbx]": ("d933", 4),
    "fnstenv16 [rbx]": ("66d933", 2),
    "fnsave [rbx]": ("dd33", 4),
    "stmxcsr [rbx]": ("0fae1b", 4),
    "lea eax, [rbx]": ("8d03", 1),
    "nop [rbx]": ("0f1f03", 1),
    "prefetcht0 [rbx]": ("0f180b", 1),
}
SSE: Final = {"movups xmm0, [rbx]": ("0f1003", 17), "movaps xmm0, [rbx]": ("0f2803", 13)}


def end(instruction: bytes, counter: str = "auto", rflags: int = AC, **registers: Any) -> Guest:
    guest = Guest(counter=counter)
    guest.write(handler(0x80), code("hlt"))
    guest.cross(instruction + code("int 0x80"), rflags=rflags, **registers)
    return guest


@pytest.mark.parametrize("name", DEMANDS)
def test_a_misaligned_operand_raises_ac_and_an_aligned_one_does_not(name: str) -> None:
    text, alignment = DEMANDS[name]
    instruction = bytes.fromhex(text)
    for distance in (1, 2, 4, 8):
        guest = end(instruction, rbx=DATA + distance)
        raises = distance % alignment != 0
        assert guest.entry.vector == (vectors.AC if raises else 0x80)
        if raises:
            assert guest.entry.error_code == 0
            assert guest.machine.counter.user == 0


@pytest.mark.parametrize("name", SSE)
def test_sixteen_bytes_that_must_be_aligned_raise_gp(name: str) -> None:
    text, vector = SSE[name]
    assert end(bytes.fromhex(text), rbx=DATA + 8).entry.vector == vector
    assert end(bytes.fromhex(text), rbx=DATA + 16).entry.vector == 0x80


@pytest.mark.parametrize("counter", COUNTERS)
def test_without_ac_nothing_is_checked(counter: str) -> None:
    guest = end(bytes.fromhex("8b03"), counter, flags.IF, rbx=DATA + 1)
    assert (guest.entry.vector, guest.machine.counter.user) == (0x80, 2)


def test_without_am_nothing_is_checked() -> None:
    guest = Guest()
    guest.write(TEXT, bytes.fromhex("0f20c0 0fbaf012 0f22c0 0f01c1"))  # cr0: btr 18; vmcall
    guest.attach()
    guest.put_kernel()
    guest.run()
    assert not guest.state.control(0) & CR0_AM
    guest.cross(bytes.fromhex("8b03") + code("int 0x80"), rflags=AC, rbx=DATA + 1)
    assert guest.entry.vector == 0x80


def test_ring_0_is_not_checked() -> None:
    guest = Guest(supervise_kernel=True)
    guest.write(TEXT, bytes.fromhex("8b03 0f01c1"))
    guest.attach()
    guest.put_kernel(rflags=flags.AC, rbx=DATA + 1)
    guest.run()
    assert guest.machine.counter.kernel == 2


@pytest.mark.parametrize(
    ("text", "vector"),
    [
        ("50", 17),
        ("58", 17),
        ("9c", 17),
        ("9d", 17),
        ("c3", 17),
        ("6650", 0x80),
        ("e800000000", 17),
    ],
)
def test_the_stack_is_checked_too(text: str, vector: int) -> None:
    assert end(bytes.fromhex(text), rsp=STACK + 2).entry.vector == vector


@pytest.mark.parametrize(("count", "vector", "retired"), [(0, 0x80, 2), (1, 17, 0), (3, 17, 0)])
@pytest.mark.parametrize("counter", COUNTERS)
def test_a_repeated_access_is_checked_where_there_is_one(
    counter: str, count: int, vector: int, retired: int
) -> None:
    guest = end(bytes.fromhex("f3ab"), counter, rdi=DATA + 1, rcx=count)
    assert (guest.entry.vector, guest.machine.counter.user) == (vector, retired)


def test_alignment_comes_before_a_page_fault() -> None:
    assert end(bytes.fromhex("8b03"), rbx=NOWHERE + 1).entry.vector == vectors.AC
    assert end(bytes.fromhex("8b03"), rbx=NOWHERE).entry.vector == vectors.PF


def test_what_is_privileged_comes_before_alignment() -> None:
    assert end(bytes.fromhex("0f0113"), rbx=DATA + 1).entry.vector == vectors.GP  # lgdt


@pytest.mark.parametrize("counter", COUNTERS)
def test_popf_turns_the_check_on_and_off_again(counter: str) -> None:
    on = bytes.fromhex("6802020400 9d")  # push 0x40202; popf
    off = bytes.fromhex("6802020000 9d")
    load = bytes.fromhex("8b03")
    guest = end(load + on + off + load, counter, flags.IF, rbx=DATA + 1)
    assert (guest.entry.vector, guest.machine.counter.user) == (0x80, 7)
    guest = end(load + on + load, counter, flags.IF, rbx=DATA + 1)
    assert (guest.entry.vector, guest.machine.counter.user) == (vectors.AC, 3)


@pytest.mark.parametrize("counter", COUNTERS)
def test_the_check_goes_on_behind_a_return_from_ring_0(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.attach()
    guest.write(handler(0x80), code("iretq"))
    guest.write(handler(vectors.AC), code("vmcall"))
    guest.cross(code("int 0x80") + bytes.fromhex("8b03"), rflags=AC, rbx=DATA + 1)
    assert guest.entry.vector == vectors.AC
    assert (guest.machine.counter.user, guest.machine.counter.kernel) == (1, 2)


def test_flags_are_right_where_a_supervised_instruction_faults_by_itself() -> None:
    subtract = bytes.fromhex("83e901")  # sub ecx, 1: CF, SF, PF and AF
    guest = end(subtract + bytes.fromhex("8b03"), rbx=NOWHERE)
    assert guest.entry.vector == vectors.PF
    pushed = guest.seen().stack[3]
    assert pushed & flags.STATUS == flags.CF | flags.SF | flags.PF | flags.AF


def test_pushf_shows_no_flag_that_the_program_did_not_set() -> None:
    guest = end(bytes.fromhex("9c58"))  # pushf; pop rax
    assert guest.seen().gpr("rax") == AC | flags.FIXED
