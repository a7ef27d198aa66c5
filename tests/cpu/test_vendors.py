"""Where Intel and AMD differ: whose behaviour the machine shows, row by row of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.cpu import hostcode
from emu.cpu.state import Segment
from emu.x86 import vendors
from emu.x86.paging import PAGE_SIZE
from emu.x86.registers import FS, SS
from emu.x86.vectors import GP, UD
from emu.x86.vendors import Difference
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COMPAT_SYSCALL_ENTRY,
    STACK_TOP,
    SYSENTER_ENTRY,
    TEXT,
    Guest,
    handler,
)
from tests.golden import State

KERNEL: Final = TEXT + 0x2000
NON_CANONICAL: Final = 1 << 47
ODD_SS: Final = Segment(0, 0x1000, 0x55, 0)
FOREVER: Final = bytes.fromhex("ebfe")
FEW: Final = 20
native = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")


def in_ring_0(guest: Guest, text: str, **registers: int) -> State:
    """Runs one instruction of ring 0; ring 3 then turns on the spot."""
    guest.write(KERNEL, code(text))
    guest.write(CODE, FOREVER)
    guest.put_kernel(KERNEL, **registers)
    return guest.run(FEW)


def compat_syscall(guest: Guest) -> str:
    entered = guest.cross(code("syscall"), long=False).rip
    return {handler(UD): "intel", COMPAT_SYSCALL_ENTRY: "amd"}[entered]


def sysenter(guest: Guest) -> str:
    entered = guest.cross(code("sysenter")).rip
    return {SYSENTER_ENTRY: "intel", handler(UD): "amd"}[entered]


def sysexit(guest: Guest) -> str:
    seen = in_ring_0(guest, "sysexit", rdx=CODE, rcx=STACK_TOP - PAGE_SIZE // 2)
    return {3: "intel", 0: "amd"}[seen.cpl]


def sysret_target(guest: Guest) -> str:
    in_ring_0(guest, "sysretq", rcx=NON_CANONICAL, r11=0x202)
    entry = guest.entry
    assert (entry.vector, entry.error_code) == (GP, 0)
    return {(0, KERNEL): "intel", (3, NON_CANONICAL): "amd"}[entry.from_cpl, entry.from_rip]


def sysret_stack(guest: Guest) -> str:
    guest.write(KERNEL, code("sysretq"))
    guest.write(CODE, FOREVER)
    guest.put_kernel(KERNEL, rcx=CODE, r11=0x202)
    guest.set_segments({SS: ODD_SS})
    seen = guest.run(FEW)
    assert (seen.cpl, seen.ss.selector) == (3, 0x2B)
    return {(0, 0xFFFF_FFFF): "intel", ODD_SS[1:3]: "amd"}[seen.ss.base, seen.ss.limit]


def null_base(guest: Guest) -> str:
    guest.write(CODE, bytes.fromhex("31c08ee0") + FOREVER)  # xor eax, eax; mov fs, eax
    guest.put(CODE)
    guest.set_segments({FS: Segment(0, 0x12_3456, 0xFFFF_FFFF, 0)})
    guest.run(FEW)
    guest.state.load()
    return {0: "intel", 0x12_3456: "amd"}[guest.state.fs_base]


SHOWN_BY: Final[dict[Difference, Callable[[Guest], str]]] = {
    vendors.COMPAT_SYSCALL: compat_syscall,
    vendors.LONG_MODE_SYSENTER: sysenter,
    vendors.LONG_MODE_SYSEXIT: sysexit,
    vendors.SYSRET_TARGET: sysret_target,
    vendors.SYSRET_STACK: sysret_stack,
    vendors.NULL_BASE: null_base,
}


def test_every_row_is_shown() -> None:
    assert set(SHOWN_BY) == set(vendors.DIFFERENCES)


def followed(here: str, vendor: str) -> str:
    return vendor if here == vendors.AS_THE_VENDOR else here


@native
@pytest.mark.parametrize("vendor", vendors.VENDORS)
@pytest.mark.parametrize("row", vendors.DIFFERENCES, ids=lambda row: row.what)
def test_the_machine_behaves_as_the_row_says(row: Difference, vendor: str) -> None:
    guest = Guest(vendor, supervise_kernel=True)
    assert SHOWN_BY[row](guest) == followed(row.here, vendor)


@native
@pytest.mark.parametrize("vendor", vendors.VENDORS)
@pytest.mark.parametrize("row", vendors.DIFFERENCES, ids=lambda row: row.what)
def test_a_machine_that_does_not_supervise_ring_0_too(row: Difference, vendor: str) -> None:
    assert SHOWN_BY[row](Guest(vendor)) == followed(row.unsupervised, vendor)
