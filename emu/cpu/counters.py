"""Counting instructions exactly, by blocks: the rules, shared by both counters.

A counter adds a block's instructions when the block is entered. Whatever leaves a block early, a
fault or a stop, calls `abort(pc)`: the instructions from `pc` on did not run and are taken back.
The rules: an instruction counts when it retires; one that faults counts once, when it finally
retires; a `rep` string instruction counts once, however often it is repeated; `syscall`,
`sysenter` and `int n` end their block and count. Blocks run at one CPL; those of CPL 3 add to
`user`, the others to `kernel`.

It does not know what the kernel does. How Unicorn cuts blocks: see docs/decisions.
SDM 2B, "REP/REPE/REPZ/REPNE/REPNZ"; SDM 1, "Instruction Pointer" for retirement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from emu.cpu.engine import Engine
from emu.cpu.limits import UNLIMITED
from emu.memory import walk
from emu.x86.instructions import LONGEST, PREFIXES
from emu.x86.paging import PAGE_SIZE

# Counts the instructions in `code`, which stands at `address`; `long` in 64-bit mode.
InstructionCount: TypeAlias = Callable[[bytes, int, bool], int]

LONGEST_BLOCK: Final = PAGE_SIZE + LONGEST  # bytes: Unicorn cuts there, whatever the instructions
NEVER_CUT: Final = 48  # instructions: a block of so few is not cut for its length
USER, KERNEL = 0, 1

_STRING_OPERATIONS: Final = frozenset((*range(0xA4, 0xA8), *range(0xAA, 0xB0), *range(0x6C, 0x70)))
_REP: Final = frozenset((0xF2, 0xF3))


class Block(NamedTuple):
    """A block as it ran: where it starts and ends, how much it counts, and for whom.

    `whole` is False for the one instruction that Unicorn repeats alone after it wrote to its own
    block; `rep` is True for a block that is one `rep` string instruction.
    """

    start: int
    end: int
    instructions: int
    path: int
    whole: bool
    rep: bool


NO_BLOCK: Final = Block(0, 0, 0, USER, whole=True, rep=False)


class Counter:
    """What both counters share: measuring a block and taking back what did not run."""

    name: str
    kernel_at: int | None = None  # the host's address of totals[KERNEL], where it is native

    def __init__(self, engine: Engine, count: InstructionCount) -> None:
        self._engine = engine
        self._count = count
        self.examine: Callable[[Block], bool] | None = None  # supervisor.py

    @property
    def totals(self) -> Sequence[int]:
        """Instructions retired at CPL 3 and at CPL 0 to 2: totals[USER], totals[KERNEL]."""
        raise NotImplementedError

    @property
    def user(self) -> int:
        """Instructions retired at CPL 3."""
        return self.totals[USER]

    @property
    def kernel(self) -> int:
        """Instructions retired at CPL 0 to 2."""
        return self.totals[KERNEL]

    @property
    def exhausted(self) -> bool:
        """Whether the limit was reached."""
        raise NotImplementedError

    @property
    def block(self) -> Block:
        """The block that was entered last, or NO_BLOCK if it was left by `abort`."""
        raise NotImplementedError

    def limit(self, instructions: int = UNLIMITED) -> None:
        """Stop the engine once that many more instructions have been counted."""
        raise NotImplementedError

    def abort(self, pc: int) -> None:
        """The current block was left before the instruction at `pc`, or on it by a fault.

        The state block must be loaded and not yet edited.
        """
        raise NotImplementedError

    def retired_before(self, pc: int) -> int:
        """All instructions retired before the one at `pc`, which runs now, in the current block.

        The state block must be loaded.
        """
        return self.user + self.kernel - self._undone(pc)

    def _undone(self, pc: int) -> int:
        """How many instructions of the current block stand at `pc` and after it."""
        raise NotImplementedError

    def adjust(self, path: int, instructions: int) -> None:
        """What blocks cannot tell: a refused crossing did not retire, Python did an instruction."""
        raise NotImplementedError

    def _measure(self, pc: int, size: int, previous: Block) -> Block:
        """The block of `size` bytes at `pc`, which is entered now, after `previous`."""
        state = self._engine.state
        state.load()
        path = USER if state.cpl == 3 else KERNEL
        instructions, whole = self._instructions(pc, size, previous)
        rep = whole and instructions == 1 and is_rep(self._code(pc, size), state.in_64bit_mode)
        return Block(pc, pc + size, instructions, path, whole, rep)

    def _leaves(self, block: Block) -> bool:
        """Whether `block`, just measured, is to be left before its first instruction."""
        return self.examine is not None and block.whole and self.examine(block)

    def _instructions(self, pc: int, size: int, previous: Block) -> tuple[int, bool]:
        if previous.start <= pc < previous.end and not self._may_translate(pc, previous):
            count = self._count(self._code(pc, size), pc, self._engine.state.in_64bit_mode)
            return count, count > 1 or pc + size == previous.end
        whole_size, instructions = self._engine.block_at(pc)
        if whole_size == size:
            return instructions, True
        return 1, False

    def _rest(self, block: Block, pc: int) -> int:
        """How many instructions of `block` stand at `pc` and after it."""
        if pc == block.start:
            return block.instructions
        if self._may_translate(pc, block):
            size, instructions = self._engine.block_at(pc)
            if pc + size == block.end:
                return instructions
        long = self._engine.state.in_64bit_mode
        return self._count(self._code(pc, block.end - pc), pc, long)

    def _may_translate(self, pc: int, block: Block) -> bool:
        """Whether a block at `pc`, inside `block`, is translated without a page fault on the way.

        A short block ended by itself, so one that starts inside it ends there too. One that was
        cut for its length may go on in pages that are not there.
        """
        if block.instructions <= NEVER_CUT and block.end - block.start < LONGEST_BLOCK // 2:
            return True
        state = self._engine.state
        cr3, user = state.control(3), state.cpl == 3
        ram = self._engine.physical
        return all(
            walk.is_executable(ram, cr3, address, user)
            for address in range(pc & -PAGE_SIZE, pc + LONGEST_BLOCK, PAGE_SIZE)
        )

    def _code(self, pc: int, size: int) -> bytes:
        return walk.read(self._engine.physical, self._engine.state.control(3), pc, size)


def is_rep(code: bytes, long: bool) -> bool:
    """Whether `code` begins with a repeated string instruction."""
    rep = False
    for i, byte in enumerate(code):
        if byte in PREFIXES:
            rep |= byte in _REP
        elif not (long and 0x40 <= byte <= 0x4F and i + 1 < len(code)):
            return rep and byte in _STRING_OPERATIONS
    return False


def repeats_alone(block: Block, previous: Block) -> bool:
    """Whether `block` is the one more turn of the `rep` that `previous` ended in."""
    return block.rep and block.end == previous.end
