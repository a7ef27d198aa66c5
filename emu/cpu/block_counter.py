"""The counter in pure Python: any host, the same numbers, slower.

A block hook looks each block up by address, size and AC; a second hook, which runs when Unicorn
translates a block behind another one, drops what was known of that address. Where none went before,
it does not run: so all that was known goes when the engine drops code.
"""

from __future__ import annotations

import ctypes
from typing import Final

from emu.cpu.counters import NO_BLOCK, Block, Counter, InstructionCount, repeats_alone
from emu.cpu.engine import HOOK_BLOCK, HOOK_NEW_BLOCK, Engine
from emu.cpu.hostcode import address_of
from emu.cpu.limits import UNLIMITED
from emu.cpu.state import RFLAGS
from emu.x86.flags import AC

_RFLAGS: Final = RFLAGS >> 3
_CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)
_NEW_CALLBACK: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.c_void_p, ctypes.c_void_p
)


class BlockCounter(Counter):
    """Counts in Python, once per block that runs."""

    name = "python"

    def __init__(self, engine: Engine, count: InstructionCount) -> None:
        super().__init__(engine, count)
        self._totals = [0, 0]
        self._left = UNLIMITED
        self._known: dict[int, dict[tuple[int, int], Block]] = {}  # by start, by size and AC
        self._current = self._previous = NO_BLOCK
        self._hooks = _CALLBACK(self._entered), _NEW_CALLBACK(self._translated)
        entered, translated = map(address_of, self._hooks)
        engine.hook_native(HOOK_BLOCK, engine.leaving(entered), 0)
        engine.hook_native(HOOK_NEW_BLOCK, translated, 0)
        engine.code_dropped = self._known.clear

    def _translated(self, _engine: int, block: ctypes._Pointer[ctypes.c_uint64], *_: int) -> None:
        self._known.pop(block[0], None)

    def _entered(self, _engine: int, pc: int, size: int, _data: int) -> int:
        try:
            return self._enter(pc, size)
        except BaseException as failure:
            self._engine.fail(failure)
            return False

    def _enter(self, pc: int, size: int) -> bool:
        """Counts the block; returns whether it is to be left instead, as if never entered."""
        previous = self._current
        self._engine.state.load()
        kind = size, self._engine.state.words[_RFLAGS] & AC
        known = self._known.get(pc)
        block = known.get(kind) if known else None
        if block is None:
            block = self._measure(pc, size, previous)
            self._known.setdefault(pc, {})[kind] = block
            if self._leaves(block):
                return True
        self._current = block
        if not block.whole:
            self._take_back(previous, pc)
        if not repeats_alone(block, previous):
            self._totals[block.path] += block.instructions
            self._left -= block.instructions
            if self._left < 0:
                self._engine.pause()
        return False

    def _take_back(self, block: Block, pc: int) -> None:
        rest = self._rest_of(block, pc)
        self._totals[block.path] -= rest
        self._left += rest

    def _rest_of(self, block: Block, pc: int) -> int:
        inside = block.instructions and block.start <= pc < block.end
        return self._rest(block, pc) if inside else 0

    def _undone(self, pc: int) -> int:
        return self._rest_of(self._current, pc)

    @property
    def totals(self) -> list[int]:
        return self._totals

    @property
    def exhausted(self) -> bool:
        return self._left < 0

    @property
    def block(self) -> Block:
        return self._current

    def limit(self, instructions: int = UNLIMITED) -> None:
        self._left = instructions

    def abort(self, pc: int) -> None:
        self._take_back(self._current, pc)
        self._current = NO_BLOCK

    def adjust(self, path: int, instructions: int) -> None:
        self._totals[path] += instructions
        self._left -= instructions
