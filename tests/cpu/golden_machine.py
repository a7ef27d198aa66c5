"""The machine of a golden boot: its GDT, IDT, TSS, MSRs and control registers, value by value.

The capture holds no offsets of gates; a gate that a golden event went through leads to where that
event entered, every other to an address of its own.
"""

from __future__ import annotations

from typing import Any, Final

from emu.cpu.state import Segment
from emu.x86 import msrs
from emu.x86.descriptors import TSS
from emu.x86.gates import GATE
from emu.x86.paging import PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import GDTR, IDTR, TR
from tests import golden
from tests.cpu.assembler import code
from tests.cpu.machine_builder import GDT_BASE, GDT_ENTRIES, IDT_BASE, TEXT, Guest
from tests.golden import State, number

GATES_ELSEWHERE: Final = TEXT + 0x3000
IN_MSRS: Final = (
    *("STAR", "LSTAR", "CSTAR", "FMASK"),
    *("SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP", "KERNEL_GS_BASE"),
)


def entry_points(model: str) -> dict[str, int]:
    """Where the kernel's entries stand, as far as golden events show it."""
    return {
        symbol: entry.rip
        for crossing in golden.crossings()
        if crossing.model == model
        for symbol, entry in zip(crossing.symbols, crossing.entries, strict=True)
    }


class GoldenGuest(Guest):
    """A guest that is set up as the kernel of `model` was."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.tables_of = golden.machine(model)
        super().__init__(golden.VENDORS[model], cr4=number(self.tables_of["cr4"]))
        self._load_tables()
        self._load_msrs()

    @property
    def rsp0(self) -> int:
        """The stack of the TSS for ring 0."""
        return number(self.tables_of["tss"]["rsp0"])

    def _load_tables(self) -> None:
        machine = self.tables_of
        assert (number(machine["gdtr"]["base"]), number(machine["idtr"]["base"])) == (
            GDT_BASE,
            IDT_BASE,
        )
        for index in range(GDT_ENTRIES):
            self.set_descriptor(8 * index, number(machine["gdt"][index]))
        entries = entry_points(self.model)
        for row in machine["idt"]:
            vector = number(row["vector"])
            offset = entries.get(row["symbol"], GATES_ELSEWHERE + 8 * vector)
            self.set_gate(vector, golden_gate(row, offset))
        tss, task = machine["tss"], machine["tr"]
        rsps = [number(tss[name]) for name in ("rsp0", "rsp1", "rsp2")]
        image = TSS.pack(*rsps, *tss["ist"], number(tss["iomap_base"]))
        self.write(number(tss["base"]), image)
        self.set_segments(
            {
                GDTR: Segment(0, GDT_BASE, number(machine["gdtr"]["limit"]), 0),
                IDTR: Segment(0, IDT_BASE, number(machine["idtr"]["limit"]), 0),
                TR: Segment(
                    number(task["sel"]),
                    number(task["base"]),
                    number(task["limit"]),
                    number(task["flags"]),
                ),
            }
        )

    def _load_msrs(self) -> None:
        values = self.tables_of["msr"]
        for name in IN_MSRS:
            self.engine.write_msr(getattr(msrs, name), number(values[name]))

    def place(self, before: State, instruction: bytes) -> None:
        """Maps the instruction's page and stack, and puts the CPU before the instruction.

        Behind the instruction stands HLT, which faults in ring 3.
        """
        page = before.rip & -PAGE_SIZE
        self.map(page, 2 * PAGE_SIZE, USER | WRITABLE)
        self.write(before.rip, instruction + code("hlt"))
        rsp = before.gpr("rsp")
        self.map(rsp & -PAGE_SIZE, 2 * PAGE_SIZE, USER | WRITABLE)
        self.write(rsp, b"".join(word.to_bytes(8, "little") for word in before.stack))
        self.put_state(before)


def golden_gate(row: dict[str, Any], offset: int) -> int:
    """The gate of one row of a golden IDT, leading to `offset`."""
    return GATE.pack(
        offset=offset,
        selector=number(row["sel"]),
        ist=row["ist"],
        type=number(row["type"]),
        dpl=row["dpl"],
        present=1,
    )
