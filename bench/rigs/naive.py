"""Unicorn as a first script uses it: default mode, all memory RWX, a hook for every instruction.

What it counts is what its hook is told, so a `rep` counts once for every turn. `none` leaves the
hook out: then it shows the memory mode alone.

    python -m bench.rigs.naive none|hook PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import sys
from typing import Any

import unicorn
from unicorn import x86_const

from bench.rigs.program import Program, answer, read_program, timed


def engine_with(program: Program) -> unicorn.Uc:
    """An engine whose memory holds the program."""
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    for piece in program.pieces:
        uc.mem_map(piece.address, len(piece.content))
        uc.mem_write(piece.address, piece.content)
    uc.reg_write(x86_const.UC_X86_REG_RSP, program.stack_pointer)
    return uc


def main(kind: str, path: str, *arguments: str) -> None:
    """Runs the guest at `path`."""
    program = read_program(path, arguments)
    uc = engine_with(program)
    count = 0

    def executed(_uc: unicorn.Uc, _address: int, _size: int, _data: Any) -> None:
        nonlocal count
        count += 1

    def called(uc: unicorn.Uc, _data: Any) -> None:
        uc.emu_stop()

    if kind == "hook":
        uc.hook_add(unicorn.UC_HOOK_CODE, executed)
    uc.hook_add(unicorn.UC_HOOK_INSN, called, None, 1, 0, x86_const.UC_X86_INS_SYSCALL)
    seconds = timed(lambda: uc.emu_start(program.entry, 0))
    answer(seconds=seconds, instructions=count)


if __name__ == "__main__":
    main(*sys.argv[1:])
