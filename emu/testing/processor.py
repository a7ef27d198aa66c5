"""The processor of a machine under test: started in long mode, put before an instruction.

It sets registers and segments by selector, as the GDT in force has them. It runs nothing.
SDM 3A, "Initializing IA-32e Mode", "Loading Segment Selectors".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from emu.cpu.state import Segment
from emu.cpu.traps import loaded_segment
from emu.errors import UsageError
from emu.machine import Machine
from emu.memory import walk
from emu.memory.pagetables import PageTables
from emu.testing import tables
from emu.testing.states import Selectors
from emu.x86 import descriptors, gates, msrs
from emu.x86.registers import (
    CR4_OSFXSR,
    CR4_OSXMMEXCPT,
    CR4_PAE,
    DS,
    ES,
    FS,
    GDTR,
    GPRS,
    GS,
    IDTR,
    LDTR,
    TR,
)

_CR4: Final = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
_EFER: Final = msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE
_BUSY_TSS: Final = 0x8000 | descriptors.TYPE_TSS_BUSY << 8
_NO_LDT: Final = 0x8200
_BITS: Final = (64, 32)


class Cpu:
    """The registers of one machine."""

    def __init__(self, machine: Machine, tables: PageTables, selectors: Selectors) -> None:
        self._engine = machine.engine
        self._state = machine.engine.state
        self._root = tables.root
        self._selectors = selectors

    def start(self, cr4: int, values: Mapping[int, int]) -> None:
        """Long mode, the MSRs, and the machine's own tables."""
        self._engine.enter_long_mode(self._root, _CR4 | cr4, _EFER)
        for number, value in values.items():
            self._engine.write_msr(number, value)
        state = self._state
        state.load()
        state.set_segment(GDTR, Segment(0, tables.GDT_AT, tables.GDT_BYTES - 1, 0))
        state.set_segment(IDTR, Segment(0, tables.IDT_AT, 256 * gates.GATE_SIZE - 1, 0))
        size = descriptors.TSS.size
        state.set_segment(TR, Segment(self._selectors.tss, tables.TSS_AT, size - 1, _BUSY_TSS))
        state.set_segment(LDTR, Segment(0, 0, 0, _NO_LDT))
        state.store()

    def put(self, rip: int, rflags: int, ring: int, bits: int, registers: Sequence[int]) -> None:
        """Puts the CPU before the instruction at `rip`. Bases of FS and GS stay."""
        if ring not in (0, 3) or bits not in _BITS or (ring, bits) == (0, 32):
            raise UsageError(f"no code of {bits} bits in ring {ring}: 64 in 0 and 3, 32 in 3")
        selectors, state = self._selectors, self._state
        state.load()
        state.words[:16] = memoryview(
            b"".join((one & (1 << 64) - 1).to_bytes(8, "little") for one in registers)
        ).cast("Q")
        state.rip = rip
        data = self._loaded(selectors.user_ss)
        for number in (DS, ES):
            state.set_segment(number, data if bits == 32 else Segment(0, 0, 0, 0))
        for number in (FS, GS):
            state.set_segment(number, Segment(0, state.segment(number).base, 0, 0))
        if ring == 0:
            code, stack = self._loaded(selectors.kernel_cs), self._loaded(selectors.kernel_ss)
        else:
            code = self._loaded(selectors.user_cs if bits == 64 else selectors.user32_cs)
            stack = data
        state.set_cs_ss(code, stack, ring)
        state.set_flags(rflags)
        state.store()

    def change(self, values: Mapping[str, int]) -> None:
        """Changes some registers where the CPU stands."""
        rflags = values.get("rflags", self._engine.flags())
        state = self._state
        state.load()
        for name, value in values.items():
            if name in GPRS:
                state.words[GPRS.index(name)] = value & (1 << 64) - 1
        state.jump(values.get("rip", state.rip), rflags)
        state.store()

    def _loaded(self, selector: int) -> Segment:
        """The segment register after a load of `selector` from the GDT in force."""
        base, _ = self._state.table(GDTR)
        raw = walk.read(self._engine.physical, self._state.control(3), base + (selector & ~7), 8)
        return loaded_segment(selector, int.from_bytes(raw, "little"))
