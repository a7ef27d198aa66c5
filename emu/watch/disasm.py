"""The only door to Capstone: x86 instructions as text, as records, and how many there are.

Imported late by whoever needs it, because Capstone takes its time to load.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import capstone

from emu.x86.instructions import RIP, Instruction, MemoryOperand
from emu.x86.registers import GPRS, SEGMENTS

_FAR: Final = (3, 5)  # FF /3 is a far CALL, FF /5 a far JMP
_OPERAND_SIZE: Final = 0x66
_LOW_HALVES: Final = tuple(f"e{name[1:]}" for name in GPRS[:8]) + tuple(f"{n}d" for n in GPRS[8:])
_REGISTERS: Final = {
    name: number
    for names in (GPRS, _LOW_HALVES, [name[1:] for name in GPRS[:8]])
    for number, name in enumerate(names)
} | {"rip": RIP}


def _mode(long: bool) -> int:
    mode: int = capstone.CS_MODE_64 if long else capstone.CS_MODE_32
    return mode


@cache
def _decoder(long: bool, att: bool = False) -> Any:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, _mode(long))
    if att:
        decoder.syntax = capstone.CS_OPT_SYNTAX_ATT
    return decoder


def count_instructions(code: bytes, address: int, long: bool) -> int:
    """How many whole instructions `code` at `address` holds, in 64-bit or 32-bit mode."""
    return sum(1 for _ in _decoder(long).disasm_lite(code, address))


def disassemble(code: bytes, address: int, long: bool, att: bool = False) -> list[tuple[int, str]]:
    """The instructions in `code` as (address, Intel syntax, or AT&T's)."""
    return [
        (at, f"{mnemonic} {operands}".strip())
        for at, _, mnemonic, operands in _decoder(long, att).disasm_lite(code, address)
    ]


def decode(code: bytes, address: int, long: bool) -> list[Instruction]:
    """The instructions in `code` as records."""
    return [_record(found) for found in _detailed(long).disasm(code, address)]


@cache
def _detailed(long: bool) -> Any:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, _mode(long))
    decoder.detail = True
    return decoder


def _record(found: Any) -> Instruction:
    """Capstone's instruction as ours; of a far branch, the operand's form names what it is."""
    operands = found.operands
    far = found.opcode[0] == 0xFF and found.modrm >> 3 & 7 in _FAR
    return Instruction(
        address=found.address,
        length=found.size,
        mnemonic=("far " if far else "") + found.mnemonic.split()[-1],
        text=f"{found.mnemonic} {found.op_str}".strip(),
        memory=tuple(_memory(found, one) for one in operands if one.type == capstone.CS_OP_MEM),
        registers=tuple(
            found.reg_name(one.reg) for one in operands if one.type == capstone.CS_OP_REG
        ),
        immediates=tuple(one.imm for one in operands if one.type == capstone.CS_OP_IMM),
        address_size=found.addr_size,
        has_operand_prefix=found.prefix[2] == _OPERAND_SIZE,
        is_privileged=capstone.x86.X86_GRP_PRIVILEGE in found.groups
        and "iret" not in found.mnemonic,
    )


def _memory(found: Any, operand: Any) -> MemoryOperand:
    place = operand.mem
    segment = found.reg_name(place.segment)
    return MemoryOperand(
        segment=SEGMENTS.index(segment) if segment else None,
        base=_REGISTERS.get(found.reg_name(place.base)),
        indexed_by=_REGISTERS.get(found.reg_name(place.index)),
        scale=place.scale,
        displacement=place.disp,
        size=operand.size,
    )
