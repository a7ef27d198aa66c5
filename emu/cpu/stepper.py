"""Code that runs up to the end of a page behind which there is none: one instruction at a time.

The engine translates a block as a whole, so it fetches beyond the page before the instructions in
front of it have run; a processor executes these first. When a fetch fault comes too early, the
block is executed instruction by instruction (the engine does that while TF is set), until the
fault is due, another comes first, or the program goes elsewhere. Nobody sees the TF.
SDM 3A, "Page-Fault Exceptions" (a fault is precise); SDM 3B, "Single-Step Exception Condition".
"""

from __future__ import annotations

from emu.cpu.callbacks import FLAGS, PATH, PATH_PYTHON
from emu.cpu.counters import LONGEST_BLOCK
from emu.cpu.engine import Engine
from emu.x86.flags import TF
from emu.x86.instructions import LONGEST
from emu.x86.paging import page_base


class Stepper:
    """Steps over the end of a page. `is_stepping` until `end` or a step that leads away."""

    def __init__(self, engine: Engine) -> None:
        self._state = engine.state
        self._cells = engine.cells
        self._path = PATH_PYTHON
        self._rip = 0
        self.is_stepping = False

    def is_early(self, address: int) -> bool:
        """Whether the fetch fault at `address` came before the code in front of it has run."""
        if self.is_stepping or self._cells[FLAGS] & TF:
            return False
        rip = self._state.rip
        return page_base(address) != page_base(rip) and 0 < address - rip < LONGEST_BLOCK

    def start(self) -> None:
        """From now on one instruction at a time. SYSCALL must come to Python meanwhile."""
        self.is_stepping = True
        self._path, self._cells[PATH] = self._cells[PATH], PATH_PYTHON
        self._rip = self._state.rip
        self._state.set_trap_flag(True)
        self._state.forget_exception()

    def stepped(self) -> None:
        """One instruction has run: go on in front of the page's end, or stop stepping."""
        rip = self._state.rip
        if not 0 <= rip - self._rip <= LONGEST or page_base(rip) != page_base(self._rip):
            self.end()
        self._rip = rip
        self._state.forget_exception()

    def end(self) -> int:
        """Something else happens: TF was never there. Returns RFLAGS without it."""
        self.is_stepping = False
        self._cells[PATH] = self._path
        self._state.set_trap_flag(False)
        return self._cells[FLAGS] & ~TF
