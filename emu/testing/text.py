"""A crossing instruction by instruction, as text: for failing tests, for whoever prints one.

The same crossing gives the same text to the byte. It asks no machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emu.testing.steps import Path, Step
from emu.testing.trap import Trap
from emu.testing.values import Flags
from emu.x86.registers import GPRS

_LONGEST_STORY: Final = 400  # instructions; the middle of a longer one is left out


def story(trap: Trap, path: Path) -> str:
    """A crossing instruction by instruction: where, what, and what it changed."""
    lines = [str(trap).rstrip(), f"ring 0, {len(path.instructions)} instructions"]
    steps = list(_steps(path))
    left_out = len(steps) - _LONGEST_STORY
    if left_out > 0:
        half = _LONGEST_STORY // 2
        steps[half:-half] = [f"  ... {left_out} instructions ..."]
    return "\n".join([*lines, *steps]) + "\n"


def _steps(path: Path) -> Iterator[str]:
    from emu.watch.disasm import disassemble  # loads Capstone

    for index, (step, code) in enumerate(path.instructions):
        found = disassemble(code, step.rip, long=True)
        what = found[0][1] if found else f"bytes {code.hex()}"
        changed = ", ".join(_changes(step, path.after(index)))
        yield f"  {path.where(index):28} {what:36} {changed}".rstrip()


def _changes(before: Step, after: Step) -> Iterator[str]:
    pairs = zip(GPRS, before.registers, after.registers, strict=True)
    for name, old, new in pairs:
        if old != new:
            yield f"{name} {new:#x}"
    if before.rflags != after.rflags:
        yield f"rflags {Flags(after.rflags)}"
    if before.gs_base != after.gs_base:
        yield f"GS base {after.gs_base:#x}"
    if before.cpl != after.cpl:
        yield f"ring {after.cpl}"
