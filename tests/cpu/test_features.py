"""CPUID shows what can be executed and nothing that would differ from run to run; RDTSC counts."""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu.features import AVX, HYPERVISOR, RDRAND, RDSEED
from emu.x86 import msrs
from emu.x86.vendors import VENDORS
from tests.cpu.assembler import code
from tests.cpu.machine_builder import COUNTERS, Guest

LEAVES: Final = ((0, 0), (1, 0), (4, 0), (4, 1), (7, 0), (0xD, 0), (0xD, 1), (0x8000_0001, 0))


def cpuid(guest: Guest, leaf: int, subleaf: int = 0) -> tuple[int, ...]:
    """EAX, EBX, ECX, EDX as ring 3 sees them."""
    seen = guest.cross(code("cpuid; int 0x80"), rax=leaf, rcx=subleaf)
    return tuple(seen.gpr(name) for name in ("rax", "rbx", "rcx", "rdx"))


@pytest.fixture(params=list(VENDORS))
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


@pytest.mark.parametrize("leaf", [0, 0x8000_0000])
def test_the_vendors_name_is_in_the_first_leaf_of_each_range(guest: Guest, leaf: int) -> None:
    _, ebx, ecx, edx = cpuid(guest, leaf)
    name = b"".join(part.to_bytes(4, "little") for part in (ebx, edx, ecx))
    assert name.decode() == guest.machine.processor.vendor.cpuid_name


# What a program must not be told of: it would be random, or would say that it is watched.
@pytest.mark.parametrize(
    ("leaf", "register", "bit"),
    [(1, 2, RDRAND), (1, 2, HYPERVISOR), (7, 1, RDSEED)],
    ids=["RDRAND", "hypervisor", "RDSEED"],
)
def test_a_feature_that_would_not_be_deterministic_is_hidden(
    guest: Guest, leaf: int, register: int, bit: int
) -> None:
    assert not cpuid(guest, leaf)[register] & bit


def test_xsave_has_no_state_of_what_is_not_there(guest: Guest) -> None:
    assert not cpuid(guest, 1)[2] & AVX
    assert cpuid(guest, 0xD, 0) == (0b11, 576, 576, 0)
    assert cpuid(guest, 0xD, 2) == (0, 0, 0, 0)


# SDM 2A, "CPUID": what every 64-bit Linux program takes for granted.
@pytest.mark.parametrize(
    ("leaf", "register", "bit"),
    [
        *((1, 3, bit) for bit in (0, 4, 8, 15, 24, 25, 26)),
        *((0x8000_0001, 3, bit) for bit in (11, 29)),
    ],
    ids=["FPU", "TSC", "CX8", "CMOV", "FXSR", "SSE", "SSE2", "SYSCALL", "long mode"],
)
def test_the_baseline_of_x86_64_is_there(guest: Guest, leaf: int, register: int, bit: int) -> None:
    assert cpuid(guest, leaf)[register] >> bit & 1


def test_sysenter_is_announced(guest: Guest) -> None:
    assert cpuid(guest, 1)[3] >> 11 & 1


def test_hwcap_is_edx_of_leaf_1(guest: Guest) -> None:
    assert guest.machine.hwcap == cpuid(guest, 1)[3]


def test_only_the_low_halves_of_the_registers_ask_and_all_are_written(guest: Guest) -> None:
    junk = 0xFFFF_FFFF_0000_0000
    seen = guest.cross(code("cpuid; int 0x80"), rax=junk | 1, rbx=junk, rcx=junk, rdx=junk)
    found = tuple(seen.gpr(name) for name in ("rax", "rbx", "rcx", "rdx"))
    assert found == cpuid(guest, 1)


def test_the_subleaf_is_asked_only_where_there_are_some(guest: Guest) -> None:
    assert cpuid(guest, 1, 0) == cpuid(guest, 1, 77)
    assert cpuid(guest, 0xD, 0) != cpuid(guest, 0xD, 1)


def test_a_leaf_that_does_not_exist_is_empty(guest: Guest) -> None:
    assert cpuid(guest, 0x4000_0000) == (0, 0, 0, 0)


def test_two_machines_of_one_kind_say_the_same(guest: Guest) -> None:
    other = Guest(guest.machine.processor.vendor.name)
    assert [cpuid(guest, *leaf) for leaf in LEAVES] == [cpuid(other, *leaf) for leaf in LEAVES]


@pytest.mark.parametrize("counter", COUNTERS)
def test_the_time_stamp_is_a_count_of_instructions(counter: str) -> None:
    guest = Guest(counter=counter)
    found = []
    for _ in range(3):
        seen = guest.cross(code("nop; nop; rdtsc; jmp next; next: nop; int 0x80"))
        found.append((seen.gpr("rax"), seen.gpr("rdx")))
    assert found == [(2, 0), (8, 0), (14, 0)]


@pytest.mark.parametrize("counter", COUNTERS)
def test_the_time_stamp_inside_a_block_leaves_out_what_follows(counter: str) -> None:
    guest = Guest(counter=counter)
    source = "nop; rdtsc; nop; rdtsc; nop; nop; int 0x80"
    assert [guest.cross(code(source)).gpr("rax") for _ in range(2)] == [3, 3 + 7]


@pytest.mark.parametrize("counter", COUNTERS)
def test_rdtscp_gives_the_same_and_tsc_aux(counter: str) -> None:
    guest = Guest(counter=counter)
    guest.engine.write_msr(msrs.TSC_AUX, 7)
    seen = guest.cross(code("nop; rdtscp; jmp next; next: nop; int 0x80"))
    assert [seen.gpr(name) for name in ("rax", "rdx", "rcx")] == [1, 0, 7]


@pytest.mark.parametrize("instruction", ["rdtsc", "rdtscp"])
def test_a_time_stamp_beyond_32_bits_is_split(instruction: str) -> None:
    guest = Guest()
    guest.machine.counter.adjust(0, 0x12_3456_7890)
    seen = guest.cross(code(f"{instruction}; int 0x80"))
    assert (seen.gpr("rdx"), seen.gpr("rax")) == (0x12, 0x3456_7890)
