"""SYSCALL and SYSENTER: the two instructions that enter ring 0 by MSRs alone.

Both run inside the engine's hook for the instruction, which adds the instruction's length to RIP
when it returns: what is written to RIP is short by that length. They edit the CPU state, count
nothing, and know no kernel. SDM 2B, "SYSCALL", "SYSENTER"; APM 3, the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.cpu import state as at
from emu.cpu.state import CpuState
from emu.memory import walk
from emu.memory.physical import PhysicalMemory
from emu.x86 import crossings, flags, msrs
from emu.x86.instructions import LOCK, LONGEST, opcode_at
from emu.x86.registers import R11, RCX, RSP
from emu.x86.vendors import Vendor

_VEX: Final = {0xC5: 3, 0xC4: 4}  # the prefix: bytes up to and including the opcode
_ESCAPE: Final = 0x0F  # SYSCALL is 0F 05, SYSENTER 0F 34
_SELECTOR: Final = 0xFFFC
_SYSCALL_CLEARS: Final = crossings.BY_SYSCALL.clears
_SYSENTER_CLEARS: Final = crossings.BY_SYSENTER.clears
_RIP: Final = at.RIP >> 3
_HIDDEN: Final = at.HIDDEN_FLAGS >> 2
_EFER: Final = at.EFER >> 3
_STAR: Final = at.STAR >> 3
_LSTAR: Final = at.LSTAR >> 3
_CSTAR: Final = at.CSTAR >> 3
_FMASK: Final = at.FMASK >> 3
_MASK64: Final = (1 << 64) - 1


class Encoding(NamedTuple):
    """How the engine read a SYSCALL or SYSENTER: bytes of it, and whether a processor does so."""

    length: int
    exists: bool


def encoding_of(code: bytes, long: bool) -> Encoding:
    """The SYSCALL or SYSENTER with which `code` begins, prefixes included.

    The engine also takes one with LOCK, and a VEX prefix in the place of 0F; both are #UD.
    """
    position = opcode_at(code, 0, long)
    vex = _VEX.get(code[position])
    if vex is not None:
        return Encoding(position + vex, exists=False)
    return Encoding(code.index(_ESCAPE, position) + 2, LOCK not in code[:position])


def encoding_at(ram: PhysicalMemory, state: CpuState) -> Encoding:
    """The SYSCALL or SYSENTER at RIP."""
    code = walk.read_part(ram, state.control(3), state.rip, LONGEST)
    return encoding_of(code, state.in_64bit_mode)


def syscall(state: CpuState, rflags: int, vendor: Vendor, length: int) -> bool:
    """SYSCALL of `length` bytes. Returns False, the state untouched, where it is #UD."""
    words = state.words
    long = state.dwords[_HIDDEN] & at.HIDDEN_CS64
    if not words[_EFER] & msrs.EFER_SCE or not (long or vendor.compat_syscall):
        return False
    words[RCX] = words[_RIP] + length & _MASK64
    words[R11] = rflags & ~flags.RF
    state.enter_flat_ring0(
        words[_STAR] >> 32 & _SELECTOR,
        words[_LSTAR if long else _CSTAR] - length & _MASK64,
        rflags & ~(words[_FMASK] | _SYSCALL_CLEARS),
    )
    return True


def sysenter(state: CpuState, rflags: int, length: int) -> bool:
    """SYSENTER of `length` bytes, as Intel has it.

    Returns False, the state untouched, where it is #GP(0).
    """
    words = state.words
    selector = words[at.SYSENTER_CS >> 3] & _SELECTOR
    if not selector:
        return False
    words[RSP] = words[at.SYSENTER_ESP >> 3]
    state.enter_flat_ring0(
        selector,
        words[at.SYSENTER_EIP >> 3] - length & _MASK64,
        rflags & ~_SYSENTER_CLEARS,
    )
    return True
