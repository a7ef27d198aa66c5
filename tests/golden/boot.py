"""The machine of a golden boot, declared by `emu.testing`: its GDT, IDT, TSS, MSRs and CR4.

The capture holds no offsets of gates; a gate that a golden event went through leads to where that
event entered, every other to an address of its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from emu.testing import Gate, Guest, State
from emu.x86.gates import INTERRUPT_GATE, TRAP_GATE
from emu.x86.paging import PAGE_SIZE
from emu.x86.registers import GPRS, SEGMENTS
from tests import golden
from tests.golden import Crossing, number

TEXT: Final = 0xFFFF_FFFF_81C0_0000  # where that kernel has its entries
TEXT_SIZE: Final = 4 * PAGE_SIZE
GATES_ELSEWHERE: Final = TEXT + 0x3000
IN_MSRS: Final = (
    *("STAR", "LSTAR", "CSTAR", "FMASK"),
    *("SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP", "KERNEL_GS_BASE"),
)
TYPES: Final = {INTERRUPT_GATE: "interrupt", TRAP_GATE: "trap"}
HLT: Final = b"\xf4"
USER32_CS: Final = 0x23


@cache
def entry_points(model: str) -> dict[str, int]:
    """Where the kernel's entries stand, as far as golden events show it."""
    return {
        symbol: entry.rip
        for crossing in golden.crossings()
        if crossing.model == model
        for symbol, entry in zip(crossing.symbols, crossing.entries, strict=True)
    }


def declaration(model: str) -> dict[str, Any]:
    """What that boot had set up, as arguments of `Guest`."""
    boot = golden.machine(model)
    tss = boot["tss"]
    return {
        "vendor": golden.VENDORS[model],
        "cr4": number(boot["cr4"]),
        "msrs": {name: number(boot["msr"][name]) for name in IN_MSRS},
        "gdt": {8 * index: number(entry) for index, entry in enumerate(boot["gdt"])},
        "idt": {number(row["vector"]): _gate(model, row) for row in boot["idt"]},
        "tss": {
            **{name: number(tss[name]) for name in ("rsp0", "rsp1", "rsp2", "iomap_base")},
            **{f"ist{n}": address for n, address in enumerate(tss["ist"], 1)},
        },
    }


def _gate(model: str, row: dict[str, Any]) -> Gate:
    elsewhere = GATES_ELSEWHERE + 8 * number(row["vector"])
    return Gate(
        target=entry_points(model).get(row["symbol"], elsewhere),
        dpl=row["dpl"],
        ist=row["ist"],
        type=TYPES[number(row["type"])],
        selector=number(row["sel"]),
    )


def machine_of(model: str) -> Guest:
    """That machine, with HLT for its kernel."""
    guest = Guest(**declaration(model))
    tss = golden.machine(model)["tss"]
    for stack in (number(tss["rsp0"]), *(address for address in tss["ist"] if address)):
        guest.map(stack - PAGE_SIZE, PAGE_SIZE)
    guest.map(TEXT, TEXT_SIZE, writable=False, executable=True)
    guest.write(TEXT, HLT * TEXT_SIZE)
    return guest


def guest_before(crossing: Crossing, instruction: bytes) -> Guest:
    """That machine before the crossing's instruction; HLT, which faults, stands behind it."""
    before = crossing.before
    guest = machine_of(crossing.model)
    rsp = before.gpr("rsp")
    guest.map(rsp & -PAGE_SIZE, 2 * PAGE_SIZE, user=True)
    guest.write(rsp, b"".join(word.to_bytes(8, "little") for word in before.stack))
    return guest.code(
        instruction,
        bits=32 if before.cs.selector == USER32_CS else 64,
        at=before.rip,
        rflags=before.rflags,
        **dict(zip(GPRS, before.registers, strict=True)),
    )


def state_as(seen: State, wanted: golden.State, but: tuple[str, ...] = ()) -> State:
    """`seen` with all that the golden state `wanted` holds, the registers `but` excepted."""
    values = dict(zip(GPRS, wanted.registers, strict=True))
    values |= {name: wanted.selectors[name] for name in SEGMENTS}
    values |= {"rip": wanted.rip, "rflags": wanted.rflags, "cpl": wanted.cpl}
    return seen.but(**{name: value for name, value in values.items() if name not in but})
