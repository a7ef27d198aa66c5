"""Unmasked SIMD floating-point exceptions: #XM in front of the instruction, MXCSR's flags set.

The engine computes results and sets no flags. Here an instruction's operands are read, emu/x86/
sse.py says what the instruction would signal, and where MXCSR does not mask it #XM is raised with
the destination unchanged. While all are masked nothing of this is even loaded: whoever loads MXCSR
with less is seen by `loads_mxcsr`.
SDM 3A, "Interrupt 19-SIMD Floating-Point Exception (#XM)"; SDM 1, "MXCSR Control and Status
Register"; SDM 2A, "LDMXCSR", "FXRSTOR".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.cpu import operands
from emu.cpu.state import CpuState
from emu.cpu.turn import UNMASKED, Raise, Turn, Watch
from emu.x86 import vectors
from emu.x86.floating import ALL, Control
from emu.x86.instructions import opcode_at, rex_before
from emu.x86.registers import CR4_OSXMMEXCPT
from emu.x86.sse import F2, F3, GPR, NO_PREFIX, OPERATIONS, P66, XMM, Inputs, Operation, signals

_RESERVED: Final = 0xFFFF_0000
_MASKS_SHIFT, _ROUNDING_SHIFT = 7, 13
_DENORMALS_ARE_ZERO, _FLUSH_TO_ZERO = 1 << 6, 1 << 15
_IN_FXSAVE_AREA: Final = 24
_REX_W, _REX_R, _REX_B = 8, 4, 1


class Encoded(NamedTuple):
    """An SSE instruction taken apart: mandatory prefix, opcode behind 0F, ModRM and the rest."""

    prefix: int
    opcode: int
    modrm: int
    rex: int
    immediate: int


def loads_mxcsr(turn: Turn) -> Raise | Watch | None:
    """LDMXCSR, FXRSTOR, XRSTOR: what they load may unmask; reserved bits are #GP(0)."""
    found = turn.instruction
    if found is None:
        return None
    is_area = found.mnemonic != "ldmxcsr"
    address = operands.linear(turn.state, found, found.memory[0])
    content = turn.read(address + (_IN_FXSAVE_AREA if is_area else 0), 4)
    if content is None:
        return None
    mxcsr = int.from_bytes(content, "little")
    if mxcsr & _RESERVED:
        return None if found.mnemonic.startswith("x") else Raise(vectors.GP, 0)
    return None if mxcsr >> _MASKS_SHIFT & ALL == ALL else Watch(UNMASKED)


def check(turn: Turn) -> Raise | None:
    """#XM if the instruction signals what is not masked; #UD if CR4 says that nobody handles it."""
    mxcsr = turn.state.mxcsr
    masks = mxcsr >> _MASKS_SHIFT & ALL
    encoded = take_apart(turn.code, turn.state.in_64bit_mode)
    operation = OPERATIONS.get((encoded.prefix, encoded.opcode))
    if masks == ALL or operation is None:
        return None
    inputs = _inputs(turn, encoded, operation, _control(mxcsr))
    signaled = 0 if inputs is None else signals(operation.stages(inputs), masks)
    if not signaled:
        return None

    def note(state: CpuState) -> None:
        state.mxcsr |= signaled

    enabled = turn.state.control(4) & CR4_OSXMMEXCPT
    return Raise(vectors.XM if enabled else vectors.UD, edit=note)


def _control(mxcsr: int) -> Control:
    return Control(
        mxcsr >> _MASKS_SHIFT & ALL,
        mxcsr >> _ROUNDING_SHIFT & 3,
        bool(mxcsr & _DENORMALS_ARE_ZERO),
        bool(mxcsr & _FLUSH_TO_ZERO),
    )


# ---- operands


def take_apart(code: bytes, long: bool) -> Encoded:
    """The parts of the SSE instruction `code`."""
    start = opcode_at(code, 0, long)
    prefixes = code[:start]
    rex = rex_before(code, start, long)
    opcode_end = start + (3 if code[start + 1] == 0x3A else 2)
    repeats = [byte for byte in prefixes if byte in (F2, F3)]
    prefix = repeats[-1] if repeats else P66 if P66 in prefixes else NO_PREFIX
    opcode = int.from_bytes(code[start + 1 : opcode_end])
    return Encoded(prefix, opcode, code[opcode_end], rex, code[-1])


def _inputs(turn: Turn, encoded: Encoded, operation: Operation, control: Control) -> Inputs | None:
    """The operands; None if the source is in memory that is not there."""
    rex, modrm = encoded.rex, encoded.modrm
    width = 64 if rex & _REX_W else 32
    if modrm >> 6 == 3:
        number = modrm & 7 | (8 if rex & _REX_B else 0)
        source: int | None = _register(turn.state, operation.source, number)
    else:
        source = _from_memory(turn, operation.size or width // 8)
    if source is None:
        return None
    destination = modrm >> 3 & 7 | (8 if rex & _REX_R else 0)
    a = turn.state.xmm(destination)
    return Inputs(a, source, encoded.immediate, width, control)


def _register(state: CpuState, kind: str, number: int) -> int:
    if kind == GPR:
        return state.words[number]
    return state.xmm(number) if kind == XMM else state.mmx(number & 7)


def _from_memory(turn: Turn, size: int) -> int | None:
    found = turn.instruction
    if found is None:
        return None
    content = turn.read(operands.linear(turn.state, found, found.memory[0]), size)
    return None if content is None else int.from_bytes(content, "little")
