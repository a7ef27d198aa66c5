"""IN, OUT, INS and OUTS: who may use a port, and what there is to find.

The engine executes them in every ring; here they are checked against IOPL and the I/O permission
bitmap of the TSS. No port has a device: what may be read gives ones, what may be written is lost.
SDM 1, "I/O Privilege Level", "I/O Permission Bit Map"; SDM 2A, "IN".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.cpu.state import CpuState
from emu.memory import walk
from emu.memory.physical import PhysicalMemory
from emu.x86 import flags
from emu.x86.descriptors import TSS_IOMAP_BASE
from emu.x86.instructions import LONGEST, opcode_at
from emu.x86.registers import RAX, RDX, TR

_OPERAND_SIZE: Final = 0x66
_OUT: Final = 2  # bit of the opcode: E6, E7, EE, EF, 6E, 6F


class PortInstruction(NamedTuple):
    """One decoded port instruction of `length` bytes; `size` is that of the data in bytes."""

    length: int
    size: int
    port: int
    is_input: bool
    is_string: bool


def decode(ram: PhysicalMemory, state: CpuState) -> PortInstruction:
    """The port instruction at RIP."""
    code = walk.read_part(ram, state.control(3), state.rip, LONGEST).ljust(LONGEST, b"\x90")
    position = opcode_at(code, 0, state.in_64bit_mode)
    size = 2 if _OPERAND_SIZE in code[:position] else 4
    opcode = code[position]
    immediate = opcode & 0xF8 == 0xE0
    port = code[position + 1] if immediate else state.words[RDX] & 0xFFFF
    return PortInstruction(
        length=position + 1 + immediate,
        size=size if opcode & 1 else 1,
        port=port,
        is_input=not opcode & _OUT,
        is_string=opcode & 0xF0 == 0x60,
    )


def is_allowed(ram: PhysicalMemory, state: CpuState, rflags: int, what: PortInstruction) -> bool:
    """Whether the current privilege level may use the instruction's port."""
    if state.cpl <= rflags >> flags.IOPL_SHIFT & 3:
        return True
    task = state.segment(TR)
    cr3 = state.control(3)
    if task.limit < TSS_IOMAP_BASE + 1:
        return False
    base = int.from_bytes(walk.read(ram, cr3, task.base + TSS_IOMAP_BASE, 2), "little")
    offset = base + what.port // 8
    if offset + 1 > task.limit:
        return False
    bits = int.from_bytes(walk.read(ram, cr3, task.base + offset, 2), "little")
    return not bits >> what.port % 8 & (1 << what.size) - 1


def perform(state: CpuState, what: PortInstruction) -> None:
    """The instruction on a bus without devices; string forms move nothing but RIP."""
    if what.is_input and not what.is_string:
        ones = (1 << 8 * what.size) - 1
        kept = state.words[RAX] & ~ones if what.size < 4 else 0
        state.words[RAX] = kept | ones
    state.rip += what.length
