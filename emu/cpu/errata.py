"""Exceptions that the engine reports otherwise than a processor, corrected when they are reported.

`TABLE` has a row for each: which exception it looks at, and the chapter by title. A row finds out
from the instruction itself, decoded, and from the CPU state. It cannot know of an exception that
the engine does not report at all. Decoding is injected and costs nothing until it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.cpu import operands
from emu.cpu.counters import KERNEL, USER, Block
from emu.cpu.state import CpuState, Segment
from emu.memory import walk
from emu.memory.physical import PhysicalMemory
from emu.x86 import vectors
from emu.x86.instructions import LOCK, LONGEST, OVERRIDES, Decode, Instruction, opcode_at
from emu.x86.paging import is_canonical
from emu.x86.registers import DS, ES, RBP, RSP, SS

_MASK64: Final = (1 << 64) - 1
_WIDEST: Final = 512  # bytes of an operand: FXSAVE

_COUNTED_JUMPS: Final = frozenset(("loop", "loope", "loopne"))

_INDEX: Final = 0xFFFC  # of a selector: 0 in a null one
_4_GIB: Final = 1 << 32
_FEW: Final = 4  # bytes: as many prefixes as an instruction has groups of them
_EXPAND_DOWN_MASK, _EXPAND_DOWN = 0x1C, 0x14  # S, code and E of a descriptor's type

_INT1: Final = 0xF1
_ONE_BYTE: Final = {vectors.BP: b"\xcc", vectors.OF: b"\xce"}  # INT3, INTO


class Fault(NamedTuple):
    """An exception: vector, error code, the instruction it points to, and RSP as it is then."""

    vector: int
    error_code: int | None
    rip: int
    rsp: int


class Errata:
    """The corrections on one CPU. The state block must be loaded; it is only read."""

    def __init__(self, ram: PhysicalMemory, state: CpuState, decode: Decode) -> None:
        self._ram = ram
        self.state = state
        self._decode = decode

    def correct(self, fault: Fault, block: Block) -> Fault:
        """What the processor raises where the engine reports `fault`, in or behind `block`."""
        long = self.state.in_64bit_mode
        for row in TABLE:
            if (row.vector, row.long) == (fault.vector, long):
                corrected = row.correct(self, fault, block)
                if corrected is not None:
                    return corrected
        return fault

    def start_of(self, end: int, block: Block, otherwise: int) -> int:
        """Where the instruction of `block` stands that ends before `end`."""
        found = self.ends_at(end, block)
        return otherwise if found is None else found.address

    def ends_at(self, end: int, block: Block) -> Instruction | None:
        """The instruction of `block` that ends before `end`."""
        code = self.code(block.start, block.end - block.start)
        for found in self._decode(code, block.start, self.state.in_64bit_mode):
            if found.end == end:
                return found
        return None

    def stands_at(self, address: int) -> Instruction | None:
        """The instruction at `address`."""
        found = self._decode(self.code(address, LONGEST), address, self.state.in_64bit_mode)
        return found[0] if found else None

    def int_length(self, vector: int, next_rip: int) -> int:
        """The length of the `int` that ends before `next_rip`: INT n is two bytes, others one."""
        short = _ONE_BYTE.get(vector)
        return 1 if short and self.code(next_rip - 1, 1) == short else 2

    def int1_length(self, rip: int) -> int:
        """The length of the INT1 at `rip` with its prefixes; 0 if it is another instruction.

        SDM 2D, "Opcode Map"; SDM 2A, "INT n/INTO/INT3/INT1".
        """
        code = self.code(rip, LONGEST) + b"\0"  # which is no prefix
        opcode = opcode_at(code, 0, self.state.in_64bit_mode)
        return opcode + 1 if code[opcode] == _INT1 and LOCK not in code[:opcode] else 0

    def violation(self, found: Instruction) -> int | None:
        """The vector for the first operand outside its segment, in compatibility mode."""
        for memory in found.memory:
            number = memory.segment
            if number is None:
                number = SS if memory.base in (RSP, RBP) else DS
            segment = self.state.segment(number)
            last = operands.offset(self.state, found, memory) + memory.size - 1
            if not segment.selector & _INDEX or (_is_plain(segment) and last > segment.limit):
                return vectors.SS if number == SS else vectors.GP
        return None

    def is_within_flat_segments(self, address: int, code: bytes) -> bool:
        """Whether nothing about a page fault at `address` looks like a segment's doing."""
        prefixes = [OVERRIDES[byte] for byte in code[:_FEW] if byte in OVERRIDES]
        segments = [self.state.segment(number) for number in (DS, ES, SS, *prefixes)]
        return _WIDEST <= address < _4_GIB - _WIDEST and all(
            segment.selector & _INDEX and segment.limit == _4_GIB - 1 for segment in segments
        )

    def code(self, address: int, size: int) -> bytes:
        """The bytes at `address`, as many of `size` as there are."""
        return walk.read_part(self._ram, self.state.control(3), address, size)


def _is_plain(segment: Segment) -> bool:
    """Whether its limit is an upper one: it does not expand down."""
    return segment.attributes >> 8 & _EXPAND_DOWN_MASK != _EXPAND_DOWN


# ---- the rows


def _not_canonical(errata: Errata, fault: Fault, _block: Block) -> Fault | None:
    """#SS(0) or #GP(0) for the first access that is not canonical, up to its last byte."""
    if fault.vector == vectors.GP and fault.error_code:
        return None
    if fault.vector == vectors.PF and is_canonical(errata.state.control(2) + _WIDEST):
        return None
    found = errata.stands_at(fault.rip)
    if found is None or (found.is_privileged and errata.state.cpl):
        return None
    for access in operands.accesses(errata.state, found):
        if not access.is_canonical:
            vector = vectors.SS if access.by_stack else vectors.GP
            return fault._replace(vector=vector, error_code=0)
    return None


def _wild_branch(errata: Errata, fault: Fault, block: Block) -> Fault | None:
    """#GP(0) of a near branch whose target is not canonical: at the branch, nothing done."""
    path = KERNEL if errata.state.cpl < 3 else USER
    if is_canonical(fault.rip) or fault.error_code or block.path != path:
        return None
    branch = errata.ends_at(block.end, block)
    if branch is None:
        return None
    if branch.mnemonic == "call":
        return fault._replace(rip=branch.address, rsp=fault.rsp + 8 & _MASK64)
    if branch.mnemonic == "ret":
        popped = 8 + sum(branch.immediates)
        return fault._replace(rip=branch.address, rsp=fault.rsp - popped & _MASK64)
    if branch.mnemonic.startswith("j") or branch.mnemonic in _COUNTED_JUMPS:
        return fault._replace(rip=branch.address)
    return None


def _outside_its_segment(errata: Errata, fault: Fault, _block: Block) -> Fault | None:
    """#GP(0), or #SS(0), of an operand by a null segment or beyond a limit: it goes first."""
    if errata.is_within_flat_segments(errata.state.control(2), errata.code(fault.rip, _FEW)):
        return None
    found = errata.stands_at(fault.rip)
    vector = (
        None if found is None or found.mnemonic in operands.NO_ACCESS else errata.violation(found)
    )
    return None if vector is None else fault._replace(vector=vector, error_code=0)


class Row(NamedTuple):
    """`correct` gives what the processor raises instead, or None. `manual`: chapter by title.

    `long`: in 64-bit mode; otherwise in compatibility mode.
    """

    vector: int
    long: bool
    correct: Callable[[Errata, Fault, Block], Fault | None]
    manual: str


TABLE: Final = (
    Row(
        vectors.GP,
        True,
        _wild_branch,
        'SDM 2A, "CALL", "JMP"; SDM 2B, "RET": 64-Bit Mode Exceptions',
    ),
    Row(
        vectors.GP,
        True,
        _not_canonical,
        'SDM 1, "Canonical Addressing"; SDM 3A, "Interrupt 12-Stack Fault Exception (#SS)"',
    ),
    Row(
        vectors.PF,
        True,
        _not_canonical,
        'SDM 1, "Canonical Addressing": the whole operand, not its first byte',
    ),
    Row(
        vectors.PF,
        False,
        _outside_its_segment,
        'SDM 3A, "Limit Checking", "Privilege Checking": a null segment selector',
    ),
)
