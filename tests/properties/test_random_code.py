"""Random bytes in ring 3: ring 0 is reached through a gate or an MSR of the guest, or not at all.

No expectation about the bytes themselves; the differential tests have those. CPL is the hidden one.
SDM 3A, "Privilege Levels", "Interrupt and Exception Handling in 64-bit Mode".
"""

from __future__ import annotations

import random
from functools import cache
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.events import Entered
from emu.x86 import flags
from emu.x86.paging import PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import GPRS
from tests.cpu.machine_builder import (
    COMPAT_SYSCALL_ENTRY,
    DATA,
    GDT_BASE,
    IDT_BASE,
    RSP0,
    STACK_TOP,
    SYSCALL_ENTRY,
    SYSENTER_ENTRY,
    TEXT,
    Guest,
    handler,
)
from tests.properties import cases

PLACE: Final = 0x100_0000
PAGES: Final = 64
STEPS: Final = 200
FAST: Final = {SYSCALL_ENTRY, COMPAT_SYSCALL_ENTRY, SYSENTER_ENTRY}
RSP: Final = STACK_TOP - 512
WORTH_TRYING: Final = (
    *(0, 1, 0x10, 0x23, 0x33, (1 << 64) - 1, 1 << 63),
    *(DATA, RSP, PLACE, TEXT, SYSCALL_ENTRY, RSP0 - 40, GDT_BASE, IDT_BASE),
)


@cache
def machine(vendor: str) -> Guest:
    """Every byte of `PAGES` pages is random; each entry point is another program."""
    guest = Guest(vendor, "auto", watch=True)
    guest.map(PLACE, PAGES * PAGE_SIZE, USER | WRITABLE)
    guest.map(RSP & -PAGE_SIZE, PAGE_SIZE, USER | WRITABLE)
    return guest


def fresh(guest: Guest, seed: int) -> None:
    """Other random bytes; what was translated of the old ones is dropped."""
    guest.write(PLACE, random.Random(seed).randbytes(PAGES * PAGE_SIZE))
    guest.engine.flush_code()


registers = st.tuples(*(st.sampled_from(WORTH_TRYING) for _ in GPRS))
flag_bits = st.sampled_from((flags.IF, flags.IF | flags.DF, flags.IF | flags.NT | flags.AC))
MANY: Final = 64  # entry points for each set of registers


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@cases(80)
@given(st.integers(0, (1 << 32) - 1), st.booleans(), registers, flag_bits)
def test_random_code_reaches_ring_0_only_where_the_guest_lets_it_in(
    vendor: str, seed: int, long: bool, values: tuple[int, ...], rflags: int
) -> None:
    guest = machine(vendor)
    fresh(guest, seed)
    named = dict(zip(GPRS, values, strict=True)) | {"rsp": RSP}
    if not long:
        named = {name: value & 0xFFFF_FFFF for name, value in named.items()}
    for number in range(MANY):
        guest.events.clear()
        guest.put(PLACE + 1021 * number, long=long, rflags=rflags, **named)
        stopped = guest.machine.run(STEPS)
        is_where_it_may_be(guest, stopped)


def is_where_it_may_be(guest: Guest, used_up: bool) -> None:
    entries = [event for event in guest.events if isinstance(event, Entered)]
    guest.state.load()
    cpl, rip = guest.state.cpl, guest.state.rip
    if not entries:
        assert used_up
        assert cpl == 3
        return
    (entered,) = entries
    assert cpl == 0
    assert rip == entered.entry_rip
    assert entered.from_cpl == 3
    if entered.vector is None:
        assert rip in FAST
    else:
        assert rip == handler(entered.vector)
