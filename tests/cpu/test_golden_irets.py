"""Every golden IRETQ with a bad frame at CPL 0: what it raised, where, and what that pushed.

The captures are QEMU's; a processor pushes RF = 1 for the fault.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.testing import Frame, Guest, Trap
from emu.x86 import flags
from emu.x86.paging import PAGE_SIZE, USER
from emu.x86.registers import CS, GPRS
from emu.x86.vectors import GP
from tests import golden
from tests.cpu.assembler import code
from tests.golden import number
from tests.golden.boot import machine_of, state_as

MODEL: Final = "haswell_default"
IRET_AT: Final = 0xFFFF_FFFF_81C0_1199  # native_irq_return_iret of that kernel
FRAME: Final = ("rip", "cs", "rflags", "rsp", "ss")
IRETS: Final = golden.read("iret_bad")
REFUSED: Final = [name for name, row in IRETS.items() if row["cpl"] == 0]
TAKEN: Final = [name for name, row in IRETS.items() if row["cpl"] == 3]
IN_32_BIT_CODE: Final = "cs32"


def returned(name: str) -> tuple[Guest, Trap]:
    """The trap that follows IRETQ at CPL 0 with the frame of `name`: its own, or ring 3's."""
    row: dict[str, Any] = IRETS[name]
    guest = machine_of(MODEL)
    frame = [number(row["frame"][field]) for field in FRAME]
    guest.map_bits(frame[0] & -PAGE_SIZE, PAGE_SIZE, USER)
    guest.write(frame[0], code("hlt"))
    guest.write(IRET_AT, code("iretq"))
    rsp = number(golden.machine(MODEL)["tss"]["rsp0"]) - 40
    guest.write(rsp, b"".join(word.to_bytes(8, "little") for word in frame))
    registers = {register: number(row["state"][register]) for register in GPRS}
    rflags = number(row.get("pushed", {"rflags": "0x46"})["rflags"])
    guest.put(IRET_AT, ring=0, rflags=rflags, **(registers | {"rsp": rsp}))
    return guest, guest.run_until_trap()


def test_the_frames_are_all_looked_at() -> None:
    assert len(REFUSED) == 10
    assert len(TAKEN) == 4


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_frame_is_a_general_protection_fault_at_the_iret_itself(name: str) -> None:
    _, trap = returned(name)
    row = IRETS[name]
    assert (trap.vector, trap.cpl) == (GP, (0, 0))
    assert trap.error_code == number(row["error_code"])
    pushed = {field: number(value) for field, value in row["pushed"].items()}
    assert trap.frame == Frame(
        rip=pushed["rip"],
        cs=pushed["cs"],
        rflags=pushed["rflags"] | flags.RF,
        rsp=pushed["rsp"],
    )
    assert trap.entry.rsp == number(row["state"]["rsp"])


@pytest.mark.parametrize("name", REFUSED)
def test_the_handler_finds_the_registers_of_the_kernel(name: str) -> None:
    guest, trap = returned(name)
    wanted = golden.state(IRETS[name]["state"] | caches(name))
    unknown = ("rip", "es", "ss", "ds", "fs", "gs")  # that kernel's handlers, and its own segments
    assert trap.entry == state_as(trap.entry, wanted, but=unknown)
    assert guest.machine.engine.state.segment(CS) == wanted.cs


def caches(name: str) -> dict[str, Any]:
    """CS and SS in the form of the other captures."""
    segments = IRETS[name]["state"]["segs"]
    return {f"{register}_cache": segments[register] for register in ("cs", "ss")}


@pytest.mark.parametrize("name", TAKEN)
def test_a_good_frame_leads_to_ring_3_with_its_own_values(name: str) -> None:
    _, trap = returned(name)
    frame = {field: number(value) for field, value in IRETS[name]["frame"].items()}
    if name == IN_32_BIT_CODE:
        frame["rsp"] &= 0xFFFF_FFFF
    assert (trap.cpl, trap.user.bits) == ((3, 0), 32 if name == IN_32_BIT_CODE else 64)
    assert trap.error_code == 0
    assert trap.frame == Frame(**frame | {"rflags": frame["rflags"] | flags.RF})
