"""What an instruction accesses in memory: the linear addresses, from its decoding and the CPU.

Named operands, and what it pushes or pops unnamed. It knows no page and no right, and not the
frames of far returns beyond their first part.
SDM 1, "Operand Addressing"; SDM 3A, "Logical and Linear Addresses".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from emu.cpu.state import CpuState
from emu.x86.instructions import RIP, Instruction, MemoryOperand
from emu.x86.paging import is_canonical
from emu.x86.registers import DS, FS, GS, RBP, RSP, SS

NO_ACCESS: Final = frozenset(("lea", "nop"))
_PUSHES: Final = frozenset(
    ("push", "pushf", "pushfd", "pushfq", "pushal", "pushaw", "call", "lcall", "far call", "enter")
)
_POPS: Final = frozenset(
    (
        *("pop", "popf", "popfd", "popfq", "popal", "popaw"),
        *("ret", "retf", "retfq", "iret", "iretd", "iretq"),
    )
)
_MASK64: Final = (1 << 64) - 1
_MASK32: Final = (1 << 32) - 1


class Access(NamedTuple):
    """One access to memory. `by_stack`: its address is relative to SS."""

    address: int
    size: int
    by_stack: bool

    @property
    def is_canonical(self) -> bool:
        """Whether all of it lies at canonical addresses."""
        last = self.address + self.size - 1 & _MASK64
        return is_canonical(self.address) and is_canonical(last)


def accesses(state: CpuState, found: Instruction) -> Iterator[Access]:
    """The accesses of an instruction, in the order in which they are made."""
    named = [
        Access(linear(state, found, memory), memory.size, _is_by_stack(memory))
        for memory in found.memory
    ]
    if found.mnemonic in NO_ACCESS:
        return
    if found.mnemonic in _POPS:
        yield from _stack(state, found)
        yield from named
    else:
        yield from named
        yield from _stack(state, found)


def linear(state: CpuState, found: Instruction, memory: MemoryOperand) -> int:
    """The operand's linear address."""
    address = offset(state, found, memory)
    if memory.segment in (FS, GS):
        return address + state.segment(memory.segment).base & _MASK64
    if state.in_64bit_mode:
        return address
    number = memory.segment
    if number is None:
        number = SS if _is_by_stack(memory) else DS
    return address + state.segment(number).base & _MASK32


def offset(state: CpuState, found: Instruction, memory: MemoryOperand) -> int:
    """The operand's offset in its segment."""
    words, address = state.words, memory.displacement
    if memory.base == RIP:
        address += found.end
    elif memory.base is not None:
        address += words[memory.base]
    if memory.indexed_by is not None:
        address += words[memory.indexed_by] * memory.scale
    return address & (1 << 8 * found.address_size) - 1


def _is_by_stack(memory: MemoryOperand) -> bool:
    return memory.base in (RSP, RBP) and memory.segment not in (FS, GS)


def _stack(state: CpuState, found: Instruction) -> Iterator[Access]:
    """What it pushes or pops: the first of it."""
    long = state.in_64bit_mode
    size = 2 if found.has_operand_prefix else 8 if long else 4
    if found.mnemonic in _PUSHES:
        address = state.words[RSP] - size
    elif found.mnemonic in _POPS:
        address = state.words[RSP]
    elif found.mnemonic == "leave":
        address = state.words[RBP]
    else:
        return
    if not long:
        address = (address & _MASK32) + state.segment(SS).base & _MASK32
    yield Access(address & _MASK64, size, by_stack=True)
