"""The few instructions that matter on the way through a kernel, recognised by their bytes.

It is no disassembler: what is not in the table has no name here. SDM 2A, "Instruction Format";
SDM 2B, "SWAPGS", "SYSRET", "SYSEXIT"; SDM 2A, "CALL", "CLD", "IRET".
"""

from __future__ import annotations

from typing import Final

from emu.x86.instructions import PREFIXES
from emu.x86.registers import RSP

SWAPGS, IRET, SYSRET, SYSEXIT = "swapgs", "iret", "sysret", "sysexit"
CLD, CLAC, POPF, CALL = "cld", "clac", "popf", "call"
RETURNS: Final = (IRET, SYSRET, SYSEXIT)

_GS: Final = 0x65
_TABLE: Final = (
    (bytes.fromhex("0f01f8"), SWAPGS),
    (bytes.fromhex("0f01ca"), CLAC),
    (bytes.fromhex("0f07"), SYSRET),
    (bytes.fromhex("0f35"), SYSEXIT),
    (bytes.fromhex("cf"), IRET),
    (bytes.fromhex("fc"), CLD),
    (bytes.fromhex("9d"), POPF),
    (bytes.fromhex("e8"), CALL),
)
_POP_RSP: Final = b"\x5c"
_MOV_LOAD: Final = b"\x8b"
_REGISTER: Final = 3  # in a ModRM byte: the operand is no memory
_GROUP_5: Final = 0xFF
_CALL_NEAR: Final = 2


def _split(code: bytes) -> tuple[bytes, bytes]:
    """The legacy prefixes, and what stands behind them and a REX prefix."""
    at = 0
    while at < len(code) and code[at] in PREFIXES:
        at += 1
    has_rex = at + 1 < len(code) and code[at] & 0xF0 == 0x40
    return code[:at], code[at + has_rex :]


def name_of(code: bytes) -> str:
    """The name of the instruction in 64-bit mode, empty for all that is not in the table."""
    _, opcode = _split(code)
    for start, name in _TABLE:
        if opcode.startswith(start):
            return name
    if len(opcode) > 1 and opcode[0] == _GROUP_5 and opcode[1] >> 3 & 7 == _CALL_NEAR:
        return CALL
    return ""


def loads_rsp(code: bytes) -> bool:
    """Whether it takes RSP from memory: `pop %rsp`, `mov ..., %rsp`."""
    _, opcode = _split(code)
    if opcode[:1] == _POP_RSP:
        return True
    return opcode[:1] == _MOV_LOAD and opcode[1] >> 3 & 7 == RSP and opcode[1] >> 6 != _REGISTER


def uses_gs(code: bytes) -> bool:
    """Whether the instruction has a GS prefix."""
    return _GS in _split(code)[0]
