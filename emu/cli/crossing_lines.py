"""Each crossing into ring 0 as a line, in our form or in that of QEMU's `-d int`.

A watcher: it is told of each crossing and reads the state; it changes nothing. QEMU logs what goes
through a gate, so its form has no line for SYSCALL and SYSENTER.
emu/events.py; QEMU's documentation, "-d item1[,...]": int.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.events import Entered, Refused
from emu.machine import Machine
from emu.memory import walk
from emu.x86 import vectors
from emu.x86.registers import RAX, RSP
from kernel_stub.kallsyms import nearest

FORMS: Final = ("ringscope", "qemu")
_WORD: Final = 8


class CrossingLines:
    """Writes a line by `write` for each crossing of the machine it is given."""

    def __init__(self, form: str, write: Callable[[str], None]) -> None:
        self.machine: Machine | None = None
        self._qemu = form == "qemu"
        self._write = write
        self._count = 0

    def entered(self, event: Entered) -> None:
        """As emu.hooks.Watcher."""
        assert self.machine is not None, "no machine was given"
        line = self._as_qemu(event) if self._qemu else self._as_ours(event)
        if line:
            self._write(line + "\n")
            self._count += 1

    def refused(self, event: Refused) -> None:
        """As emu.hooks.Watcher."""
        if not self._qemu:
            inputs = ", ".join(f"{name} {value:#x}" for name, value in event.inputs)
            self._write(f"       refused: {event.check} ({inputs}): {event.meaning}\n")

    def _as_ours(self, event: Entered) -> str:
        assert self.machine is not None
        counter, state = self.machine.counter, self.machine.engine.state
        vector = event.vector
        what = vectors.mnemonic(vector) if vector is not None and vector in vectors.TABLE else ""
        symbol = nearest(event.entry_rip)
        target = symbol.name if symbol else f"{event.entry_rip:#x}"
        line = f"{self._count:6} {event.mechanism:<8} {what:<4} cpl {event.from_cpl}>0"
        line += f"  rip {event.from_rip:#x} > {target}  rsp {state.words[RSP]:#x}"
        line += f"  user {counter.user}  kernel {counter.kernel}"
        return line + (f"  error {event.error_code:#x}: {event.meaning}" if event.meaning else "")

    def _as_qemu(self, event: Entered) -> str:
        if event.vector is None:
            return ""
        code = event.error_code
        _, cs, _, rsp, ss = self._frame(0 if code is None else 1)
        rip = event.from_rip  # of the instruction, also where what is pushed is the next
        is_software = event.mechanism == "int80" or event.vector in (vectors.BP, vectors.OF)
        line = f"{self._count:6}: v={event.vector:02x} e={code or 0:04x} i={int(is_software)} "
        line += f"cpl={event.from_cpl} IP={cs:04x}:{rip:016x} pc={rip:016x} SP={ss:04x}:{rsp:016x}"
        assert self.machine is not None
        state = self.machine.engine.state
        if event.vector == vectors.PF:
            return f"{line} CR2={state.control(2):016x}"
        return f"{line} env->regs[R_EAX]={state.words[RAX]:016x}"

    def _frame(self, skip: int) -> tuple[int, ...]:
        """RIP, CS, RFLAGS, RSP, SS as the processor pushed them, above an error code."""
        assert self.machine is not None
        engine = self.machine.engine
        at = engine.state.words[RSP] + _WORD * skip
        data = walk.read(engine.physical, engine.state.control(3), at, 5 * _WORD)
        return tuple(memoryview(data).cast("Q"))
