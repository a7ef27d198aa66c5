"""RDMSR, WRMSR and MOV to control registers of ring 0: what a processor refuses with #GP(0).

Checks for sensitive.py: which values are refused stands in msr_table.py and controls.py. The engine
does what is not refused, but for bits that a processor drops and the engine keeps.
SDM 2C, "RDMSR"; SDM 2D, "WRMSR"; SDM 2B, "MOV-Move to/from Control Registers".
"""

from __future__ import annotations

from typing import Final

from emu.cpu import state as at
from emu.cpu.state import CpuState
from emu.cpu.turn import Emulate, Raise, Turn
from emu.x86 import controls, msr_table, msrs, vectors
from emu.x86.controls import Controls
from emu.x86.instructions import opcode_at, rex_before
from emu.x86.registers import RAX, RCX, RDX

_LOW: Final = 0xFFFF_FFFF
_MASK64: Final = (1 << 64) - 1
_REFUSED: Final = Raise(vectors.GP, 0)
# Where the state keeps the registers of which a vendor's processor drops bits.
_KEPT_AT: Final = {
    msrs.SYSENTER_ESP: at.SYSENTER_ESP,
    msrs.SYSENTER_EIP: at.SYSENTER_EIP,
    msrs.FMASK: at.FMASK,
    msrs.TSC_AUX: at.TSC_AUX,
}


def rdmsr(turn: Turn) -> Raise | None:
    """RDMSR: the register must exist."""
    return None if _rule(turn) else _REFUSED


def wrmsr(turn: Turn) -> Raise | Emulate | None:
    """WRMSR: the register must exist and take the value."""
    rule = _rule(turn)
    words = turn.state.words
    number = words[RCX] & _LOW
    value = (words[RDX] & _LOW) << 32 | words[RAX] & _LOW
    if rule is None or not rule.takes(value):
        return _REFUSED
    if number == msrs.EFER:
        before = _controls(turn)
        return _judged(turn, before, before._replace(efer=value))
    place = _KEPT_AT.get(number)
    if place is None or not value & rule.lost:
        return None

    def perform(state: CpuState) -> None:
        state.words[place >> 3] = value & ~rule.lost
        state.rip = turn.rip + len(turn.code) & _MASK64

    return Emulate(perform)


def _rule(turn: Turn) -> msr_table.Rule | None:
    """What may be written to the register that ECX names; None: there is no such register."""
    row = msr_table.find(turn.state.words[RCX] & _LOW)
    return None if row is None else row.rule(turn.vendor.name)


def move_to_control(turn: Turn) -> Raise | None:
    """MOV to CR0, CR3, CR4 or CR8; others do not exist, and the engine refuses them."""
    long = turn.state.in_64bit_mode
    rex = rex_before(turn.code, opcode_at(turn.code, 0, long), long)
    fields = turn.code[-1]
    number = fields >> 3 & 7 | (rex & 4) << 1
    value = turn.state.words[fields & 7 | (rex & 1) << 3]
    if not long:
        value &= _LOW
    before = _controls(turn)
    after = {
        0: before._replace(cr0=value),
        3: before._replace(cr3=value),
        4: before._replace(cr4=value),
        8: before._replace(cr8=value),
    }.get(number)
    return None if after is None else _judged(turn, before, after)


def _judged(turn: Turn, before: Controls, after: Controls) -> Raise | None:
    allowed = controls.allowed(turn.leaves)
    return _REFUSED if controls.refusal(before, after, allowed) else None


def _controls(turn: Turn) -> Controls:
    state = turn.state
    cr0, cr3, cr4 = (state.control(number) for number in (0, 3, 4))
    efer = state.words[at.EFER >> 3]
    return Controls(cr0, cr3, cr4, 0, efer, state.in_64bit_mode)
