"""An engine as it starts: 64-bit code at CPL 0, no paging, no tables, no kernel.

What the engine reports is kept as records; unless a test says otherwise, the first report stops it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cpu.engine import Engine
from emu.cpu.state import Segment
from emu.memory.physical import MINIMUM_SIZE, PhysicalMemory
from emu.x86 import msrs
from emu.x86.registers import DS, ES
from tests.cpu.assembler import code

CODE: Final = 0x1000
RING3_CODE: Final = Segment(0x33, 0, 0xFFFF_FFFF, 0x00AF_FB00)
RING3_CODE_32: Final = Segment(0x23, 0, 0xFFFF_FFFF, 0x00CF_FB00)
RING3_DATA: Final = Segment(0x2B, 0, 0xFFFF_FFFF, 0x00CF_F300)
INVALID: Final = "invalid"
_EFER: Final = msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA


class Report(NamedTuple):
    """One report of the engine: the vector, or INVALID, and the state's fields at that time."""

    what: int | str
    rip: int
    error_code: int
    is_int: bool


class Bare:
    """The engine, and what it reported. `on_report` runs after each report was kept."""

    def __init__(self, on_report: Callable[[], None] | None = None) -> None:
        self.physical = PhysicalMemory(MINIMUM_SIZE)
        self.engine = Engine(self.physical, "haswell")
        self.state = self.engine.state
        self.reports: list[Report] = []
        self.on_report = on_report or self.engine.stop
        self.engine.write_msr(msrs.EFER, _EFER)
        self.engine.hook_interrupts(self._keep)
        self.engine.hook_invalid(self.keep_invalid)

    def _keep(self, what: int | str) -> None:
        state = self.state
        self.reports.append(Report(what, state.rip, state.error_code, state.is_int))
        self.on_report()

    def keep_invalid(self) -> bool:
        self._keep(INVALID)
        return True

    def write(self, text: str, at: int = CODE, long: bool = True) -> int:
        """Writes code behind the engine's back; returns its length."""
        made = code(text, long)
        self.physical.view[at : at + len(made)] = made
        return len(made)

    def put(self, rip: int = CODE, cpl: int = 0, long: bool = True, **registers: int) -> None:
        """Sets registers by number (`r0=...`) and, for ring 3, the segments."""
        state = self.state
        state.load()
        for name, value in registers.items():
            state.words[int(name[1:])] = value
        state.rip = rip
        if cpl:
            for number in (DS, ES):
                state.set_segment(number, RING3_DATA)
            state.set_cs_ss(RING3_CODE if long else RING3_CODE_32, RING3_DATA, cpl)
        state.store()

    def run(self, text: str, cpl: int = 0, long: bool = True, **registers: int) -> list[Report]:
        """Runs `text` and then UD2 until the engine stops; returns what it reported."""
        self.write(text + "; ud2", long=long)
        self.put(cpl=cpl, long=long, **registers)
        self.engine.run()
        return self.reports
