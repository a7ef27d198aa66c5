"""Alignment checking: #AC in ring 3 where AC and CR0.AM are set, and #GP of what must be aligned.

The requirement follows from the kind of operand. Its row in sensitive.py has a turn in front of
every instruction of a block that runs with AC set, because AC keeps such blocks apart. An access
that is not aligned is noticed before a page fault of it.
SDM 3A, "Interrupt 17-Alignment Check Exception (#AC)", "Alignment Requirements by Data Type";
SDM 1, "Alignment of Data in 128-bit Format". Where these leave it open, as processors of AMD do it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emu.cpu import operands
from emu.cpu.turn import Raise, Turn
from emu.x86 import vectors
from emu.x86.instructions import Instruction
from emu.x86.registers import CR0_AM, RCX, RDI

_CHECKED_IN_HALVES: Final = 16  # bytes: from here on SSE asks for alignment, whatever AC is
# By their names: what the operand's size does not tell.
_UNCHECKED: Final = frozenset(
    (
        *operands.NO_ACCESS,
        *("prefetch", "prefetchw", "prefetchnta", "prefetcht0", "prefetcht1", "prefetcht2"),
        *("clflush", "clflushopt", "invlpg", "sgdt", "sidt", "sldt", "str", "smsw"),
    )
)
_UNALIGNED: Final = frozenset(
    (
        *("movups", "movupd", "movdqu", "lddqu"),
        *("pcmpistri", "pcmpistrm", "pcmpestri", "pcmpestrm"),
    )
)
_ENVIRONMENTS: Final = frozenset(("fldenv", "fnstenv", "frstor", "fnsave"))
_SAVE_AREAS: Final = {  # alignment
    **dict.fromkeys(("fxsave", "fxsave64", "fxrstor", "fxrstor64"), 16),
    **dict.fromkeys(("xsave", "xsave64", "xsaveopt", "xsaveopt64", "xrstor", "xrstor64"), 64),
}
_SCALAR: Final = {"comiss": 4, "ucomiss": 4, "comisd": 8, "ucomisd": 8}
_MASKED_STORES: Final = {"maskmovq": 8, "maskmovdqu": 16}
_BY_SIZE: Final = {6: 4, 10: 8}  # far pointers, x87's long numbers
_SEGMENT_LOADS: Final = ("mov", "pop")  # some decoders call them privileged
_QUARTER: Final = 4


def check(turn: Turn) -> Raise | None:
    """#AC for the first access that is not aligned; #GP where it must be, AC or not."""
    found = turn.instruction
    if not turn.state.control(0) & CR0_AM or found is None:
        return None
    if found.is_privileged and found.mnemonic not in _SEGMENT_LOADS:
        return None
    if found.mnemonic in _UNCHECKED or _repeats_no_more(turn, found):
        return None
    for address, alignment in _demands(turn, found):
        if address & alignment - 1:
            return _violation(found, address, alignment)
        if turn.read(address, 1) is None:  # its page fault comes before what follows
            return None
    return None


def _violation(found: Instruction, address: int, alignment: int) -> Raise:
    """The save areas raise #AC only where not even a doubleword is aligned."""
    if found.mnemonic in _SAVE_AREAS:
        return Raise(vectors.AC if address % _QUARTER else vectors.GP, 0)
    must = alignment >= _CHECKED_IN_HALVES and found.mnemonic not in _UNALIGNED
    return Raise(vectors.GP if must and found.mnemonic not in _MASKED_STORES else vectors.AC, 0)


def _demands(turn: Turn, found: Instruction) -> Iterator[tuple[int, int]]:
    """Each access with the alignment that it asks for."""
    name = found.mnemonic
    if name in _MASKED_STORES:
        mask = (1 << 8 * found.address_size) - 1
        yield turn.state.words[RDI] & mask, _MASKED_STORES[name]
    for access in operands.accesses(turn.state, found):
        size = access.size
        if name in _ENVIRONMENTS:
            yield access.address, 2 if found.has_operand_prefix else _QUARTER
        else:
            demand = _SAVE_AREAS.get(name) or _SCALAR.get(name) or _BY_SIZE.get(size, size)
            yield access.address, demand


def _repeats_no_more(turn: Turn, found: Instruction) -> bool:
    """Whether it is a string instruction whose count is 0."""
    mask = (1 << 8 * found.address_size) - 1
    return found.text.startswith("rep") and not turn.state.words[RCX] & mask
