"""An instruction as a record: what of its decoding tells where it stands and what it accesses.

Whoever decodes fills it in (emu/watch/disasm.py); it does not know how bytes are decoded, nor what
an instruction does. SDM 2A, "Instruction Format".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

RIP: Final = 16  # as the base of an operand, behind the 16 GPRs


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
