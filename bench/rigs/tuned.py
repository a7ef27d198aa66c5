"""The project's engine with nothing around it: what counting and kernel are measured against.

The same memory mode (paging on, data not executable) and the same CPU model as ringscope; no
kernel, no ring 0, and by choice one of the counters, or the `floor` of them all: a block hook that
only returns. The first system call ends the guest.

    python -m bench.rigs.tuned none|floor|native|python PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import sys
from typing import Final

from bench.rigs.program import PAGE, Program, answer, read_program, timed
from emu.cpu.engine import HOOK_BLOCK, Engine
from emu.cpu.hostcode import HostCode
from emu.cpu.state import Segment
from emu.machine import DEFAULT_MODELS, make_counter
from emu.memory.pagetables import PageTables
from emu.memory.physical import PhysicalMemory
from emu.x86 import flags, msrs, paging, registers

MEMORY: Final = 256 << 20
_EFER: Final = msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE
_CR4: Final = registers.CR4_PAE | registers.CR4_OSFXSR | registers.CR4_OSXMMEXCPT
RETURN: Final = b"\xc3"
_CODE: Final = Segment(0x33, 0, 0xFFFF_FFFF, 0x00AF_FB00)  # flat, 64-bit, DPL 3
_DATA: Final = Segment(0x2B, 0, 0xFFFF_FFFF, 0x00CF_F300)  # flat, DPL 3


def map_program(tables: PageTables, program: Program) -> None:
    """Maps the program's pages; none is both writable and executable."""
    for piece in program.pieces:
        rights = 0 if piece.executable else paging.WRITABLE | paging.NO_EXECUTE
        for offset in range(0, len(piece.content), PAGE):
            frame = tables.physical.allocate()
            tables.map(piece.address + offset, frame, paging.USER | rights)
            tables.write(piece.address + offset, piece.content[offset : offset + PAGE])


def engine_with(program: Program) -> Engine:
    """An engine in ring 3 at the program's entry."""
    physical = PhysicalMemory(MEMORY)
    engine = Engine(physical, DEFAULT_MODELS["intel"])
    tables = PageTables(physical)
    map_program(tables, program)
    engine.enter_long_mode(tables.root, _CR4, _EFER)
    state = engine.state
    state.load()
    state.rip = program.entry
    state.words[registers.RSP] = program.stack_pointer
    state.set_cs_ss(_CODE, _DATA, cpl=3)
    state.set_flags(flags.IF)
    state.store()
    return engine


def main(kind: str, path: str, *arguments: str) -> None:
    """Runs the guest at `path`."""
    host_code = HostCode()
    engine = engine_with(read_program(path, arguments))
    counter = make_counter(kind, engine) if kind in ("native", "python") else None
    if kind == "floor":
        engine.hook_native(HOOK_BLOCK, host_code.add(RETURN, {}), 0)
    engine.hook_syscall(engine.stop, None)
    seconds = timed(engine.run)
    answer(seconds=seconds, instructions=counter.user if counter else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
