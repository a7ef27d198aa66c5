"""What the MSRs of the fast entries do when they are used, whatever is in them.

SDM 2B, "SYSCALL", "SYSENTER"; APM 3, the same. The values are put there without WRMSR, which would
refuse some of them.
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.events import Entered
from emu.x86 import msrs
from emu.x86.vectors import GP, PF, SS, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, SYSENTER_ENTRY, Guest, handler
from tests.golden import State

HIGH, LOW_HOLE = 1 << 63, 1 << 47
FETCH: Final = 0x10  # of the error code of #PF: ring 0, not present


def entering(text: str, number: int, value: int, long: bool = True) -> tuple[Guest, State]:
    """Ring 3 executes it with the MSR so; the first exception hands over."""
    guest = Guest()
    guest.attach()
    for vector in (UD, SS, GP, PF):
        guest.change_gate(vector, ist=1)
        guest.write(handler(vector), code("vmcall"))
    guest.write(SYSENTER_ENTRY, code("push rax"))
    guest.engine.write_msr(number, value)
    return guest, guest.cross(code(text), long=long)


def told(guest: Guest) -> list[tuple[str, int | None, int | None, int, int]]:
    """Mechanism, vector, error code, CPL and RIP of each entry."""
    return [
        (e.mechanism, e.vector, e.error_code, e.from_cpl, e.from_rip)
        for e in guest.events
        if isinstance(e, Entered)
    ]


@pytest.mark.parametrize("lstar", [HIGH, LOW_HOLE])
def test_syscall_to_a_non_canonical_lstar_enters_ring_0_and_faults_there(lstar: int) -> None:
    guest, seen = entering("syscall", msrs.LSTAR, lstar)
    assert told(guest) == [
        ("syscall", None, None, 3, CODE),
        ("fault", GP, 0, 0, lstar),
    ]
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (CODE + 2, 0x202)


@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
def test_sysenter_with_an_entry_of_0_enters_ring_0_and_faults_there(long: bool) -> None:
    guest, _ = entering("sysenter", msrs.SYSENTER_EIP, 0, long)
    assert told(guest) == [
        ("sysenter", None, None, 3, CODE),
        ("fault", PF, FETCH, 0, 0),
    ]


@pytest.mark.parametrize("eip", [HIGH, LOW_HOLE])
def test_sysenter_to_a_non_canonical_entry_enters_ring_0_and_faults_there(eip: int) -> None:
    guest, _ = entering("sysenter", msrs.SYSENTER_EIP, eip)
    assert told(guest)[1:] == [("fault", GP, 0, 0, eip)]


def test_sysenter_on_a_non_canonical_stack_faults_at_its_first_push() -> None:
    guest, _ = entering("sysenter", msrs.SYSENTER_ESP, HIGH)
    assert told(guest)[1:] == [("fault", SS, 0, 0, SYSENTER_ENTRY)]


@pytest.mark.parametrize("selector", range(4))
def test_sysenter_with_a_null_selector_never_leaves_ring_3(selector: int) -> None:
    guest, _ = entering("sysenter", msrs.SYSENTER_CS, selector)
    assert told(guest) == [("fault", GP, 0, 3, CODE)]


def test_sysenter_takes_only_16_bits_of_its_selector() -> None:
    guest, _ = entering("sysenter", msrs.SYSENTER_CS, 0x1234_0000)
    assert told(guest) == [("fault", GP, 0, 3, CODE)]
