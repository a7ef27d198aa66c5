"""The only door to Capstone: x86 instructions as text, how many there are, and what one names.

Imported late by whoever needs it, because Capstone takes its time to load.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import capstone
from capstone import x86_const as const


class MemoryOperand(NamedTuple):
    """An address as an instruction names it; registers by name, empty where there is none."""

    segment: str
    base_register: str
    index_register: str
    scale: int
    displacement: int


class Instruction(NamedTuple):
    """One instruction taken apart: its operands of each kind, in order.

    `operand_size` is that of the first operand, in bytes.
    """

    mnemonic: str
    text: str
    length: int
    memory: tuple[MemoryOperand, ...]
    registers: tuple[str, ...]
    immediates: tuple[int, ...]
    operand_size: int


@cache
def _decoder(long: bool, detail: bool = False) -> Any:
    mode = capstone.CS_MODE_64 if long else capstone.CS_MODE_32
    decoder = capstone.Cs(capstone.CS_ARCH_X86, mode)
    decoder.detail = detail
    return decoder


def count_instructions(code: bytes, address: int, long: bool) -> int:
    """How many whole instructions `code` at `address` holds, in 64-bit or 32-bit mode."""
    return sum(1 for _ in _decoder(long).disasm_lite(code, address))


def disassemble(code: bytes, address: int, long: bool) -> list[tuple[int, str]]:
    """The instructions in `code` as (address, Intel syntax)."""
    return [
        (at, f"{mnemonic} {operands}".strip())
        for at, _, mnemonic, operands in _decoder(long).disasm_lite(code, address)
    ]


def decode(code: bytes, address: int, long: bool) -> Instruction | None:
    """The first instruction of `code`, which stands at `address`; None if it is none."""
    found = next(_decoder(long, detail=True).disasm(code, address, 1), None)
    if found is None:
        return None
    operands = found.operands
    return Instruction(
        mnemonic=found.mnemonic,
        text=f"{found.mnemonic} {found.op_str}".strip(),
        length=found.size,
        memory=tuple(_memory(found, one.mem) for one in operands if one.type == const.X86_OP_MEM),
        registers=tuple(
            found.reg_name(one.reg) for one in operands if one.type == const.X86_OP_REG
        ),
        immediates=tuple(one.imm for one in operands if one.type == const.X86_OP_IMM),
        operand_size=operands[0].size if operands else 0,
    )


def _memory(instruction: Any, memory: Any) -> MemoryOperand:
    numbers = (memory.segment, memory.base, memory.index)
    segment, base, index = (instruction.reg_name(number) or "" for number in numbers)
    return MemoryOperand(segment, base, index, memory.scale, memory.disp)
