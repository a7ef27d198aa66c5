"""What WRMSR, RDMSR and MOV to CR0 and CR4 do in ring 0, where the manual asks for #GP(0).

The engine makes none of these checks. Each row stands in docs/quirks.md, and these claims tell
whoever brings another engine which rows may go. SDM 2D, "WRMSR"; SDM 2C, "RDMSR"; SDM 2B, "MOV".
"""

from __future__ import annotations

import pytest

from emu.cpu import state as at
from emu.x86 import msrs
from emu.x86.vectors import BP
from tests.cpu.machine_builder import TEXT, Guest

KERNEL = TEXT + 0x2000
WRMSR, RDMSR, MOV_CR0, MOV_CR4 = "0f30", "0f32", "0f22c0", "0f22e0"
CR0, EFER = 0x8005_0033, 0xD01
NON_CANONICAL = 1 << 63


def in_ring_0(code: str, **registers: int) -> Guest:
    """Runs one instruction in ring 0, and INT3 behind it."""
    guest = Guest()
    guest.write(KERNEL, bytes.fromhex(code) + b"\xcc")
    guest.put_kernel(KERNEL, **registers)
    guest.run()
    guest.state.load()
    return guest


def wrmsr(number: int, value: int) -> Guest:
    return in_ring_0(WRMSR, rcx=number, rax=value & 0xFFFF_FFFF, rdx=value >> 32)


@pytest.mark.parametrize(
    ("code", "registers"),
    [
        (RDMSR, {"rcx": 0x1_2345}),
        (WRMSR, {"rcx": 0x1_2345}),
        (WRMSR, {"rcx": msrs.LSTAR, "rdx": 1 << 31}),
        (WRMSR, {"rcx": msrs.FS_BASE, "rdx": 1 << 31}),
        (WRMSR, {"rcx": msrs.EFER, "rax": EFER | 1 << 5}),
        (WRMSR, {"rcx": msrs.EFER, "rax": EFER & ~msrs.EFER_LME}),
        (MOV_CR0, {"rax": CR0 | 1 << 63}),
        (MOV_CR0, {"rax": CR0 & ~1}),
        (MOV_CR0, {"rax": CR0 | 1 << 29}),
        (MOV_CR4, {"rax": 0x620 | 1 << 31}),
    ],
)
def test_what_the_manual_refuses_is_not_refused(code: str, registers: dict[str, int]) -> None:
    guest = in_ring_0(code, **registers)
    assert (guest.entry.vector, guest.entry.from_rip) == (BP, KERNEL + len(code) // 2)


def test_an_msr_that_does_not_exist_reads_as_0() -> None:
    seen = in_ring_0(RDMSR, rcx=0x1_2345, rax=7, rdx=7).seen()
    assert (seen.gpr("rax"), seen.gpr("rdx")) == (0, 0)


def test_a_non_canonical_address_is_kept_in_an_msr() -> None:
    assert wrmsr(msrs.LSTAR, NON_CANONICAL).engine.read_msr(msrs.LSTAR) == NON_CANONICAL


def test_reserved_bits_of_efer_are_dropped() -> None:
    assert wrmsr(msrs.EFER, EFER | 1 << 5).state.words[at.EFER >> 3] == EFER


@pytest.mark.parametrize(
    ("code", "number", "value"), [(MOV_CR0, 0, CR0 | 1 << 29), (MOV_CR4, 4, 0x620 | 1 << 31)]
)
def test_reserved_bits_of_control_registers_are_kept(code: str, number: int, value: int) -> None:
    assert in_ring_0(code, rax=value).state.control(number) == value
