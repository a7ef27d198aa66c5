"""Every golden IRETQ with a bad frame at CPL 0: what it raised, where, and what that pushed.

The captures are QEMU's; a processor pushes RF = 1 for the fault.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.x86 import flags
from emu.x86.paging import PAGE_SIZE, USER
from emu.x86.registers import GPRS
from emu.x86.vectors import GP
from tests import golden
from tests.cpu.assembler import code
from tests.cpu.golden_machine import GoldenGuest
from tests.golden import State, number

IRET_AT: Final = 0xFFFF_FFFF_81C0_1199  # native_irq_return_iret of that kernel
FRAME: Final = ("rip", "cs", "rflags", "rsp", "ss")
IRETS: Final = golden.read("iret_bad")
REFUSED: Final = [name for name, row in IRETS.items() if row["cpl"] == 0]
TAKEN: Final = [name for name, row in IRETS.items() if row["cpl"] == 3]
IN_32_BIT_CODE: Final = "cs32"


def returned(name: str) -> tuple[GoldenGuest, State]:
    """The state after IRETQ at CPL 0 with the frame of `name`: at an entry, or in ring 3."""
    row: dict[str, Any] = IRETS[name]
    guest = GoldenGuest("haswell_default")
    frame = [number(row["frame"][field]) for field in FRAME]
    guest.map(frame[0] & -PAGE_SIZE, PAGE_SIZE, USER)
    guest.write(frame[0], code("hlt"))
    guest.write(IRET_AT, code("iretq"))
    rsp = guest.rsp0 - 40
    guest.write(rsp, b"".join(word.to_bytes(8, "little") for word in frame))
    registers = {register: number(row["state"][register]) for register in GPRS}
    pushed = row.get("pushed", {"rflags": "0x46"})
    guest.put_kernel(IRET_AT, number(pushed["rflags"]), **(registers | {"rsp": rsp}))
    return guest, guest.run()


def test_the_frames_are_all_looked_at() -> None:
    assert len(REFUSED) == 10
    assert len(TAKEN) == 4


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_frame_is_a_general_protection_fault_at_the_iret_itself(name: str) -> None:
    guest, seen = returned(name)
    row = IRETS[name]
    assert (guest.entry.vector, guest.entry.from_cpl) == (GP, 0)
    assert guest.entry.error_code == number(row["error_code"])
    error_code, rip, cs, rflags, rsp, _ss = seen.stack[:6]
    pushed = {field: number(value) for field, value in row["pushed"].items()}
    assert (error_code, rip, cs) == (number(row["error_code"]), pushed["rip"], pushed["cs"])
    assert (rflags, rsp) == (pushed["rflags"] | flags.RF, pushed["rsp"])
    assert seen.gpr("rsp") == number(row["state"]["rsp"])


@pytest.mark.parametrize("name", REFUSED)
def test_the_handler_finds_the_registers_of_the_kernel(name: str) -> None:
    _, seen = returned(name)
    wanted = golden.state(IRETS[name]["state"] | caches(name))
    assert seen.registers == wanted.registers
    assert (seen.cpl, seen.cs) == (0, wanted.cs)
    assert seen.rflags == wanted.rflags


def caches(name: str) -> dict[str, Any]:
    """CS and SS in the form of the other captures."""
    segments = IRETS[name]["state"]["segs"]
    return {f"{register}_cache": segments[register] for register in ("cs", "ss")}


@pytest.mark.parametrize("name", TAKEN)
def test_a_good_frame_leads_to_ring_3_with_its_own_values(name: str) -> None:
    guest, seen = returned(name)
    frame = {field: number(value) for field, value in IRETS[name]["frame"].items()}
    if name == IN_32_BIT_CODE:
        frame["rsp"] &= 0xFFFF_FFFF
    assert guest.entry.from_cpl == 3
    assert guest.entry.from_long is (name != IN_32_BIT_CODE)
    error_code, rip, cs, rflags, rsp, ss = seen.stack[:6]
    assert (error_code, rip, cs, rsp, ss) == (
        0,
        frame["rip"],
        frame["cs"],
        frame["rsp"],
        frame["ss"],
    )
    assert rflags == frame["rflags"] | flags.RF
