"""SYSCALL and SYSENTER with random MSRs and flags: what the manual sets, and nothing else.

Both ways that SYSCALL is done are held to the same claims: in native code where nobody watches, in
Python otherwise. SDM 2B, "SYSCALL", "SYSENTER"; APM 3, the same instructions.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.cpu.state import Segment
from emu.x86 import flags, msrs
from tests.cpu import machine_builder as at
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, TEXT, Guest, handler
from tests.golden import State
from tests.properties import cases

GP, UD = 13, 6
ENTRIES: Final = tuple(TEXT + 0x3000 + 8 * n for n in range(64))
VMCALL_LENGTH: Final = 3
FLAGS: Final = flags.STATUS | flags.IF | flags.DF | flags.IOPL | flags.NT | flags.AC | flags.ID
SELECTORS: Final = st.one_of(st.sampled_from((0, 1, 2, 3, 0x10, 0x13)), st.integers(0, 0xFFFF))
VENDORS: Final = ("intel", "amd")
INSTRUCTIONS: Final = {"syscall": CODE, "sysenter": CODE + 16}

NUMBERS: Final = (
    *(msrs.EFER, msrs.STAR, msrs.LSTAR, msrs.CSTAR, msrs.FMASK),
    *(msrs.SYSENTER_CS, msrs.SYSENTER_ESP, msrs.SYSENTER_EIP),
)


class Msrs(NamedTuple):
    """What the two instructions read."""

    efer: int
    star: int
    lstar: int
    cstar: int
    fmask: int
    sysenter_cs: int
    sysenter_esp: int
    sysenter_eip: int


values = st.builds(
    Msrs,
    st.sampled_from((0xD01, 0xD01, 0xD00)),
    st.builds(
        lambda eip, cs: cs << 32 | eip, st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF)
    ),
    st.sampled_from(ENTRIES),
    st.sampled_from(ENTRIES),
    st.integers(0, 0xFFFF_FFFF),
    SELECTORS,
    st.integers(0, (1 << 64) - 1),
    st.sampled_from(ENTRIES),
)


@cache
def machine(vendor: str, watch: bool) -> Guest:
    guest = Guest(vendor, "auto", watch=watch)
    for address in (*ENTRIES, handler(UD), handler(GP)):
        guest.write(address, code("vmcall"))
    for name, address in INSTRUCTIONS.items():
        guest.write(address, code(name))
    guest.attach()
    return guest


def enter(guest: Guest, name: str, wanted: Msrs, long: bool, rflags: int, rsp: int) -> State:
    for number, value in zip(NUMBERS, wanted, strict=True):
        guest.engine.write_msr(number, value)
    guest.put(INSTRUCTIONS[name], long=long, rflags=rflags, rsp=rsp, rcx=0x1234, r11=0x5678)
    seen = guest.run(6)
    return seen._replace(rip=seen.rip - VMCALL_LENGTH)


def refused(seen: State, vector: int, name: str, rflags: int) -> None:
    assert seen.rip == handler(vector)
    frame = seen.stack[vector == GP :]
    assert frame[0] == INSTRUCTIONS[name]
    assert frame[2] == rflags | flags.RF
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (0x1234, 0x5678)


def ring_0(seen: State, selector: int) -> None:
    assert seen.cpl == 0
    assert seen.cs == Segment(selector, 0, 0xFFFF_FFFF, 0x00A0_9B00)
    assert seen.ss == Segment(selector + 8, 0, 0xFFFF_FFFF, 0x00C0_9300)


modes = st.sampled_from((True, False))
rflags_of_ring_3 = st.integers(0, (1 << 22) - 1).map(lambda bits: bits & FLAGS | flags.FIXED)
stacks = st.sampled_from((at.STACK_TOP, 3, 0x7FFF_FFFF))


@pytest.mark.parametrize("watch", [True, False], ids=["python", "native"])
@cases(300)
@given(st.sampled_from(VENDORS), values, modes, rflags_of_ring_3, stacks)
def test_syscall_enters_as_its_msrs_say_or_does_not_exist(
    watch: bool, vendor: str, wanted: Msrs, long: bool, rflags: int, rsp: int
) -> None:
    seen = enter(machine(vendor, watch), "syscall", wanted, long, rflags, rsp)
    if not wanted.efer & 1 or (vendor == "intel" and not long):
        refused(seen, UD, "syscall", rflags)
        return
    ring_0(seen, wanted.star >> 32 & 0xFFFC)
    assert seen.rip == (wanted.lstar if long else wanted.cstar)
    assert seen.rflags == rflags & ~wanted.fmask | flags.FIXED
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (CODE + 2, rflags)
    assert seen.gpr("rsp") == rsp


@cases(300)
@given(st.sampled_from(VENDORS), values, modes, rflags_of_ring_3, stacks)
def test_sysenter_enters_as_its_msrs_say_or_faults(
    vendor: str, wanted: Msrs, long: bool, rflags: int, rsp: int
) -> None:
    seen = enter(machine(vendor, watch=True), "sysenter", wanted, long, rflags, rsp)
    if vendor == "amd" or not wanted.sysenter_cs & 0xFFFC:
        refused(seen, UD if vendor == "amd" else GP, "sysenter", rflags)
        return
    ring_0(seen, wanted.sysenter_cs & 0xFFFC)
    assert (seen.rip, seen.gpr("rsp")) == (wanted.sysenter_eip, wanted.sysenter_esp)
    assert seen.rflags == rflags & ~flags.IF
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (0x1234, 0x5678)
