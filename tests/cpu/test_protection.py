"""What keeps ring 0 from user pages, and everybody from what a page forbids: WP, NX, SMEP, SMAP.

The engine checks these itself; the claims say what it must answer. On the models here SMAP is
AMD's only (CPUID shows it there), SMEP both have, UMIP none.
SDM 3A, "Determination of Access Rights", "Page-Fault Exceptions"; SDM 2B, "STAC"; SDM 2A, "CLAC".
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from emu.cpu.probe import execute_cpuid
from emu.cpu.state import Segment
from emu.machine import DEFAULT_MODELS, Machine
from emu.x86 import flags, registers
from emu.x86.descriptors import TSS_SIZE
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import CR4_SMAP, CR4_SMEP, TR
from emu.x86.vectors import BP, PF, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    DATA,
    KERNEL_DATA,
    NOWHERE,
    STACK_TOP,
    TEXT,
    TSS_BASE,
    TSS_SELECTOR,
    Guest,
)

KERNEL: Final = TEXT + 0x2000
USER_READ_ONLY: Final = 0x70_0000
KERNEL_READ_ONLY: Final = 0xFFFF_8880_1000_0000
USER_DATA_ONLY: Final = 0x71_0000
CR4: Final = 0x620
CR0: Final = 0x8005_0033
READ, WRITE = code("mov rax, qword ptr [rbx]"), code("mov qword ptr [rbx], rax")
JUMP, STAC, CLAC = code("jmp rbx"), bytes.fromhex("0f01cb"), bytes.fromhex("0f01ca")
INT3: Final = code("int3")
P, W, U, ID = 1, 2, 4, 16  # bits of the error code of #PF
SMEP, SMAP = CR4_SMEP, CR4_SMAP
FINE: Final = None


class Claim(NamedTuple):
    """An access of ring 0. `error_code` is that of the #PF; None if there is none."""

    what: str
    code: bytes
    address: int
    error_code: int | None
    cr4: int = 0
    cr0: int = CR0
    rflags: int = 0


NO_WP: Final = CR0 & ~registers.CR0_WP
EVERY_MODEL: Final = (
    Claim("a read of a user page", READ, DATA, FINE),
    Claim("a write to a user page", WRITE, DATA, FINE),
    Claim("WP: a write to a user page that is read-only", WRITE, USER_READ_ONLY, P | W),
    Claim("WP: a write to a kernel page that is read-only", WRITE, KERNEL_READ_ONLY, P | W),
    Claim("no WP: the user page", WRITE, USER_READ_ONLY, FINE, cr0=NO_WP),
    Claim("no WP: the kernel page", WRITE, KERNEL_READ_ONLY, FINE, cr0=NO_WP),
    Claim("a fetch from a user page", JUMP, CODE, FINE),
    Claim("NX: a fetch from data of the kernel", JUMP, KERNEL_DATA, P | ID),
    Claim("NX: a fetch from data of the user", JUMP, USER_DATA_ONLY, P | ID),
    Claim("NX: a fetch from nowhere", JUMP, NOWHERE, ID),
    Claim("SMEP: a fetch from a user page", JUMP, CODE, P | ID, cr4=SMEP),
    Claim("SMEP: a fetch from a user page with AC", JUMP, CODE, P | ID, SMEP, rflags=flags.AC),
    Claim("SMEP: a fetch from nowhere", JUMP, NOWHERE, ID, cr4=SMEP),
    Claim("SMEP: a read of a user page", READ, DATA, FINE, cr4=SMEP),
)
WITH_SMAP: Final = (
    Claim("a read of a user page", READ, DATA, P, SMAP),
    Claim("a write to a user page", WRITE, DATA, P | W, SMAP),
    Claim("a write to a user page without WP", WRITE, DATA, P | W, SMAP, NO_WP),
    Claim("a read of a kernel page", READ, KERNEL_DATA, FINE, SMAP),
    Claim("a read of nothing", READ, NOWHERE, 0, SMAP),
    Claim("a fetch from a user page", JUMP, CODE, FINE, SMAP),
    Claim("AC set: a read", READ, DATA, FINE, SMAP, rflags=flags.AC),
    Claim("AC set: a write", WRITE, DATA, FINE, SMAP, rflags=flags.AC),
    Claim("AC set: WP holds", WRITE, USER_READ_ONLY, P | W, SMAP, rflags=flags.AC),
    Claim("after STAC", STAC + READ, DATA, FINE, SMAP),
    Claim("after STAC and CLAC", STAC + CLAC + READ, DATA, P, SMAP),
)


def in_ring_0(vendor: str, claim: Claim) -> Guest:
    """Runs it with INT3 behind it, and where it may jump to."""
    guest = Guest(vendor, cr4=CR4 | claim.cr4)
    guest.map(USER_READ_ONLY, PAGE_SIZE, USER | NO_EXECUTE)
    guest.map(KERNEL_READ_ONLY, PAGE_SIZE, NO_EXECUTE)
    guest.map(USER_DATA_ONLY, PAGE_SIZE, USER | WRITABLE | NO_EXECUTE)
    guest.write(KERNEL, claim.code + INT3)
    guest.write(CODE, INT3)
    guest.engine.write_cr0(claim.cr0)
    guest.put_kernel(KERNEL, rflags=claim.rflags, rbx=claim.address)
    guest.run()
    return guest


def check(vendor: str, claim: Claim) -> None:
    guest = in_ring_0(vendor, claim)
    entry = guest.entry
    if claim.error_code is None:
        assert entry.vector == BP
        return
    assert (entry.vector, entry.error_code) == (PF, claim.error_code)
    access = KERNEL + len(claim.code) - len(READ)
    assert entry.from_rip == (claim.address if claim.code == JUMP else access)
    guest.state.load()
    assert guest.state.control(2) == claim.address


@pytest.mark.parametrize("vendor", DEFAULT_MODELS)
@pytest.mark.parametrize("claim", EVERY_MODEL, ids=lambda claim: claim.what)
def test_ring_0_may_access_what_the_page_and_the_control_registers_allow(
    vendor: str, claim: Claim
) -> None:
    check(vendor, claim)


@pytest.mark.parametrize("claim", WITH_SMAP, ids=lambda claim: claim.what)
def test_with_smap_ring_0_finds_no_user_page_unless_ac_is_set(claim: Claim) -> None:
    check("amd", claim)


@pytest.mark.parametrize("vendor", DEFAULT_MODELS)
@pytest.mark.parametrize(
    ("text", "address", "error_code"),
    [
        (READ, KERNEL_DATA, U | P),
        (WRITE, KERNEL_DATA, U | W | P),
        (WRITE, USER_READ_ONLY, U | W | P),
        (JUMP, USER_DATA_ONLY, U | ID | P),
        (JUMP, TEXT, U | ID | P),
        (READ, NOWHERE, U),
        (JUMP, NOWHERE, U | ID),
    ],
)
@pytest.mark.parametrize("cr4", [0, SMEP, SMEP | SMAP])
def test_ring_3_finds_the_same_with_and_without_smep_and_smap(
    vendor: str, text: bytes, address: int, error_code: int, cr4: int
) -> None:
    guest = Guest(vendor, cr4=CR4 | cr4)
    guest.map(USER_READ_ONLY, PAGE_SIZE, USER | NO_EXECUTE)
    guest.map(USER_DATA_ONLY, PAGE_SIZE, USER | WRITABLE | NO_EXECUTE)
    guest.cross(text, rbx=address)
    assert (guest.entry.vector, guest.entry.error_code) == (PF, error_code)


# ---- STAC and CLAC themselves

TOGGLES: Final = [STAC, CLAC]


@pytest.mark.parametrize("instruction", TOGGLES, ids=["stac", "clac"])
@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("vendor", DEFAULT_MODELS)
def test_ring_3_has_neither_stac_nor_clac(vendor: str, long: bool, instruction: bytes) -> None:
    guest = Guest(vendor, cr4=CR4 | SMAP)
    guest.cross(instruction, long=long)
    assert (guest.entry.vector, guest.entry.from_rip) == (UD, CODE)


@pytest.mark.parametrize("instruction", TOGGLES, ids=["stac", "clac"])
def test_a_model_without_smap_has_neither(instruction: bytes) -> None:
    claim = Claim("", instruction, DATA, FINE)
    assert in_ring_0("intel", claim).entry.vector == UD


@pytest.mark.parametrize(
    ("instruction", "before", "after"), [(STAC, 0, flags.AC), (CLAC, flags.AC, 0)]
)
@pytest.mark.parametrize("cr4", [0, SMAP])
def test_stac_and_clac_change_ac_alone(
    instruction: bytes, before: int, after: int, cr4: int
) -> None:
    others = flags.STATUS | flags.DF | flags.FIXED
    claim = Claim("", instruction, DATA, FINE, cr4, rflags=before | others)
    guest = in_ring_0("amd", claim)
    assert guest.entry.vector == BP
    assert guest.seen().stack[2] == after | others


# ---- what the processor itself reads and writes


@pytest.mark.parametrize(
    ("cr4", "vector", "rflags"), [(0, 0x80, 0x202), (SMAP, PF, 0x202), (SMAP, PF, 0x4_0202)]
)
def test_with_smap_a_frame_is_not_pushed_to_a_user_page_whatever_ac_says(
    cr4: int, vector: int, rflags: int
) -> None:
    guest = Guest("amd", cr4=CR4 | cr4)
    guest.write(TSS_BASE + 4, (STACK_TOP - 512).to_bytes(8, "little"))
    guest.change_gate(PF, ist=1)
    guest.cross(code("int 0x80"), rflags=rflags)
    assert guest.entry.vector == vector
    assert guest.entry.error_code == (None if vector == 0x80 else P | W)


@pytest.mark.parametrize(("cr4", "vector"), [(0, 0x80), (SMAP, PF)])
def test_with_smap_the_tss_is_not_read_from_a_user_page(cr4: int, vector: int) -> None:
    guest = Guest("amd", cr4=CR4 | cr4)
    alias = 0x72_0000
    guest.tables.map(alias, guest.tables.translate(TSS_BASE), USER | WRITABLE | NO_EXECUTE)
    guest.set_segments({TR: Segment(TSS_SELECTOR, alias, TSS_SIZE - 1, 0x8B00)})
    guest.change_gate(0x80, ist=1)
    guest.write(KERNEL, code("int 0x80"))
    guest.put_kernel(KERNEL)
    guest.run()
    assert guest.entry.vector == vector


# ---- UMIP


@pytest.mark.parametrize("vendor", DEFAULT_MODELS)
def test_no_model_here_has_umip(vendor: str) -> None:
    engine = Machine(8 << 20, vendor).engine
    ((_, _, ecx, _),) = execute_cpuid(engine, [(7, 0)])
    assert not ecx & 1 << 2
