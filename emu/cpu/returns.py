"""Far transfers and null selectors that the engine takes without looking: checks for sensitive.py.

A far return of ring 3 must be able to read its frame, a far call to write it; SYSRET goes where RCX
says and loads SS, in which the vendors differ; so does a null selector in FS or GS. It does not
know when it is asked.
SDM 2A, "CALL", "IRET"; SDM 2B, "RET", "SYSRET"; APM 3, "SYSRET"; APM 2, "Segment Registers".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from emu.cpu import state as at
from emu.cpu.state import CpuState, Segment
from emu.cpu.turn import Emulate, Raise, Turn
from emu.memory import walk
from emu.x86 import flags, msrs, vectors
from emu.x86.descriptors import ATTRIBUTE_BIG
from emu.x86.instructions import opcode_at, rex_before
from emu.x86.paging import is_canonical
from emu.x86.registers import FS, GS, R11, RCX, RSP, SS

_IRET: Final = 0xCF
_OPERAND_SIZE: Final = 0x66
_NULL: Final = 0xFFFC  # the bits of a selector that are all 0 in a null one
_LOW: Final = 0xFFFF_FFFF
_MASK64: Final = (1 << 64) - 1
_USER_CODE_64: Final = 0x00A0_FB00  # G, L, present, DPL 3, execute/read, accessed
_USER_CODE_32: Final = 0x00C0_FB00
_USER_DATA: Final = 0x00C0_F300  # G, B, present, DPL 3, read/write, accessed
_SYSRET_FLAGS: Final = 0x3C_7FD7  # of R11; RF and VM are cleared


# ---- far returns of ring 3


def far_return(turn: Turn) -> Raise | None:
    """RET far, or IRET, of ring 3: every value of the frame must be the program's to read."""
    if _is_iret(turn) and turn.rflags & flags.NT:
        return None  # #GP(0), and the frame is not looked at
    cr3 = turn.state.control(3)
    for address, size in _frame(turn):
        if not (is_canonical(address) and is_canonical(address + size - 1)):
            return Raise(vectors.SS, 0)
        fault = walk.user_fault(turn.ram, cr3, address, size)
        if fault is not None:
            return Raise(vectors.PF, fault.error_code, fault.address)
    return None


def far_call(turn: Turn) -> Raise | None:
    """CALL far of ring 3: the way back must go to the program's own stack.

    A call gate that switches stacks does not need it; it is looked at all the same.
    """
    long = turn.state.in_64bit_mode
    size = _operand_size(turn, default=_default_size(turn.state))
    cr3 = turn.state.control(3)
    for position in (1, 2):
        address = _stack_address(turn.state, -position * size)
        if long and not (is_canonical(address) and is_canonical(address + size - 1)):
            return Raise(vectors.SS, 0)
        fault = walk.user_fault(turn.ram, cr3, address, size, write=True)
        if fault is not None:
            return Raise(vectors.PF, fault.error_code, fault.address)
    return None


def _is_iret(turn: Turn) -> bool:
    return turn.code[-1] == _IRET and len(turn.code) - 1 == _opcode_at(turn)


def _frame(turn: Turn) -> Iterator[tuple[int, int]]:
    """Address and size of each value that is popped, in order."""
    size = _operand_size(turn, default=_default_size(turn.state))
    number = (5 if turn.state.in_64bit_mode else 3) if _is_iret(turn) else 2
    for position in range(number):
        yield _stack_address(turn.state, position * size), size


def _stack_address(state: CpuState, distance: int) -> int:
    """The linear address `distance` bytes above the stack pointer."""
    offset = state.words[RSP] + distance
    if state.in_64bit_mode:
        return offset & _MASK64
    stack = state.segment(SS)
    return stack.base + (offset & (_LOW if stack.attributes & ATTRIBUTE_BIG else 0xFFFF)) & _LOW


def _default_size(state: CpuState) -> int:
    """The operand size of a far transfer without prefixes."""
    return 4 if state.in_64bit_mode or state.in_32bit_segment else 2


# ---- SYSRET


def sysret(turn: Turn) -> Raise | Emulate | None:
    """Intel's looks at RCX in ring 0; AMD's loads only the selector of SS.

    The engine's takes RF and VM from R11, so it is not used.
    """
    long = _operand_size(turn, default=4) == 8
    words = turn.state.words
    if turn.state.cpl or not words[at.EFER >> 3] & msrs.EFER_SCE:
        return None  # the engine refuses it
    if turn.vendor.sysret_checks_target and long and not is_canonical(words[RCX]):
        return Raise(vectors.GP, 0)
    return Emulate(partial(_sysret, long=long, keeps_ss=turn.vendor.sysret_keeps_ss))


def _sysret(state: CpuState, long: bool, keeps_ss: bool) -> None:
    words = state.words
    base = msrs.STAR_LAYOUT.get(words[at.STAR >> 3], "sysret_cs")
    selector = (base + 16 if long else base) & 0xFFFF | 3
    code = Segment(selector, 0, _LOW, _USER_CODE_64 if long else _USER_CODE_32)
    flat = Segment(0, 0, _LOW, _USER_DATA)
    data = state.segment(SS) if keeps_ss else flat
    data = data._replace(selector=base + 8 & 0xFFFF | 3)
    state.set_cs_ss(code, data, cpl=3)
    state.jump(words[RCX] if long else words[RCX] & _LOW, words[R11] & _SYSRET_FLAGS)


# ---- a null selector in FS or GS


def move_to_segment(turn: Turn) -> Emulate | None:
    """MOV of a general register to FS or GS."""
    rex = _rex(turn)
    source = turn.code[-1] & 7 | (rex & 1) << 3
    number = FS if turn.code[-1] >> 3 & 7 == FS else GS
    return _null_load(turn, number, turn.state.words[source], popped=0)


def pop_segment(turn: Turn) -> Emulate | None:
    """POP FS, POP GS, where the program may read its stack; otherwise the engine faults."""
    state = turn.state
    long = state.in_64bit_mode
    if not long:
        return None
    size = _operand_size(turn, default=8)
    address = state.words[RSP]
    cr3 = state.control(3)
    if state.cpl == 3 and walk.user_fault(turn.ram, cr3, address, size) is not None:
        return None
    content = turn.read(address, size)
    if content is None or not is_canonical(address):
        return None
    selector = int.from_bytes(content[:2], "little")
    return _null_load(turn, FS if turn.code[-1] == _POP_FS else GS, selector, popped=size)


_POP_FS: Final = 0xA1


def _null_load(turn: Turn, number: int, selector: int, popped: int) -> Emulate | None:
    if selector & _NULL or not turn.vendor.null_selector_keeps_base:
        return None

    def perform(state: CpuState) -> None:
        kept = state.segment(number)
        state.set_segment(number, Segment(selector & 3, kept.base, kept.limit, 0))
        state.words[RSP] = state.words[RSP] + popped & _MASK64
        state.rip = turn.rip + len(turn.code) & _MASK64

    return Emulate(perform)


# ---- prefixes


def _opcode_at(turn: Turn) -> int:
    return opcode_at(turn.code, 0, turn.state.in_64bit_mode)


def _rex(turn: Turn) -> int:
    """The REX prefix in front of the opcode, or 0."""
    return rex_before(turn.code, _opcode_at(turn), turn.state.in_64bit_mode)


def _operand_size(turn: Turn, default: int) -> int:
    """In bytes: 8 by REX.W, by prefix 66 the other one of 2 and 4, else `default`."""
    if _rex(turn) & 8:
        return 8
    if _OPERAND_SIZE in turn.code[: _opcode_at(turn)]:
        return 4 if default == 2 else 2
    return default
