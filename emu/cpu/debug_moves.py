"""MOV to and from debug registers in ring 0: what the engine does not do by itself.

It arms no breakpoint on data, checks no reserved bit, and knows no general detect. Imported by the
first such instruction that a machine supervises.
SDM 2B, "MOV-Move to/from Debug Registers"; SDM 3B, "Debug Registers", "Debug Control Register
(DR7)".
"""

from __future__ import annotations

from typing import Final

from emu.cpu.state import CpuState
from emu.cpu.turn import Emulate, Raise, Turn, Verdict
from emu.x86 import debug, vectors
from emu.x86.instructions import opcode_at, rex_before
from emu.x86.registers import CR4_DE

_TO_DEBUG: Final = 0x23
_LOW: Final = 0xFFFF_FFFF
_ALIASES: Final = {4: 6, 5: 7}  # without CR4.DE
_STATUS_AND_CONTROL: Final = (6, 7)


def move_debug(turn: Turn) -> Verdict | None:
    """The verdict on MOV to or from a debug register."""
    long = turn.state.in_64bit_mode
    opcode = opcode_at(turn.code, 0, long)
    rex = rex_before(turn.code, opcode, long)
    fields = turn.code[-1]
    number = fields >> 3 & 7 | (rex & 4) << 1
    if number in _ALIASES and not turn.state.control(4) & CR4_DE:
        number = _ALIASES[number]
    if number not in debug.REGISTERS:
        return Raise(vectors.UD)
    if turn.state.debug(7) & debug.CONTROL_DETECT:
        return Raise(vectors.DB, edit=_detected)
    if turn.code[opcode + 1] != _TO_DEBUG:
        return None
    value = turn.state.words[fields & 7 | (rex & 1) << 3]
    if not long:
        value &= _LOW
    if number in _STATUS_AND_CONTROL and value > _LOW:
        return Raise(vectors.GP, 0)
    return _write(number, value, turn.rip + len(turn.code))


def _detected(state: CpuState) -> None:
    """The #DB of general detect: DR6.BD is set, and DR7.GD cleared for its handler."""
    state.set_debug(6, state.debug(6) | debug.STATUS_DETECTED)
    state.set_debug(7, state.debug(7) & ~debug.CONTROL_DETECT)


def _write(number: int, value: int, next_rip: int) -> Emulate:
    def perform(state: CpuState) -> None:
        state.set_debug(number, debug.fixed(number, value))
        state.rip = next_rip

    return Emulate(perform, changes_breakpoints=True)
