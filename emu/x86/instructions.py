"""An instruction as a record: what of its decoding tells where it stands and what it accesses.

Whoever decodes fills it in (emu/watch/disasm.py). Of the bytes it knows the prefixes; it does not
know how the rest is decoded, nor what an instruction does. SDM 2A, "Instruction Format".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from emu.x86.registers import CS, DS, ES, FS, GS, SS

RIP: Final = 16  # as the base of an operand, behind the 16 GPRs
LONGEST: Final = 15  # bytes of an instruction

# The legacy prefixes. REX is none: it has a meaning in 64-bit mode only, next to the opcode.
OVERRIDES: Final = {0x26: ES, 0x2E: CS, 0x36: SS, 0x3E: DS, 0x64: FS, 0x65: GS}
LOCK: Final = 0xF0
PREFIXES: Final = frozenset((*OVERRIDES, LOCK, 0x66, 0x67, 0xF2, 0xF3))
_REX_MASK, _REX = 0xF0, 0x40


def opcode_at(code: bytes, start: int, long: bool) -> int:
    """Where the opcode of the instruction at `start` stands: behind all prefixes. `long`: 64-bit.

    Raises IndexError where `code` ends before it.
    """
    at = start
    while code[at] in PREFIXES or (long and code[at] & _REX_MASK == _REX):
        at += 1
    return at


def rex_before(code: bytes, opcode: int, long: bool) -> int:
    """The REX prefix of the instruction `code`, whose opcode stands at `opcode`; 0: it has none."""
    last = code[opcode - 1] if opcode else 0
    return last if long and last & _REX_MASK == _REX else 0


class MemoryOperand(NamedTuple):
    """A memory operand. Registers are numbers of GPRs, or None; `segment` is an override's."""

    segment: int | None
    base: int | None
    indexed_by: int | None
    scale: int
    displacement: int
    size: int


class Instruction(NamedTuple):
    """One decoded instruction. `mnemonic` has no prefixes, `text` has all.

    What it accesses unnamed is not here.
    """

    address: int
    length: int
    mnemonic: str
    text: str
    memory: tuple[MemoryOperand, ...]
    registers: tuple[str, ...]  # operands, by name
    immediates: tuple[int, ...]
    address_size: int  # in bytes
    has_operand_prefix: bool  # 66
    is_privileged: bool

    @property
    def end(self) -> int:
        """Where the next instruction stands."""
        return self.address + self.length


# Decodes the whole instructions in the code that stands at an address; the flag: in 64-bit mode.
Decode: TypeAlias = Callable[[bytes, int, bool], list[Instruction]]
