"""The native counter: some hundred bytes of host machine code as the one block hook.

Unicorn bakes the hook's `user_data` into each block that it translates. This counter moves
`user_data` on after each new block, so each block carries the address of its own slot, and the
callback (slot_callback.S) only adds the slot's number to a total. Python runs once per block.
A slot whose tag does not fit is slow, never wrong. x86-64 System V hosts; others use
block_counter.py, which passes the same tests.

It knows the host's calling convention and Unicorn's `struct hook` by content, not by offset.
"""

from __future__ import annotations

import ctypes
import mmap
from struct import Struct
from typing import Final

from emu.cpu.counters import (
    KERNEL,
    NO_BLOCK,
    Block,
    Counter,
    InstructionCount,
    repeats_alone,
)
from emu.cpu.engine import HOOK_BLOCK, STOP_FUNCTION, Engine
from emu.cpu.hostcode import HostCode, address_of
from emu.cpu.limits import UNLIMITED
from emu.errors import EngineError

CALLBACK_CODE: Final = bytes.fromhex(
    "49b9111111111111111148397108751549894910488b014c8b59204901034929"
    "4120782ac34d8b51104989491048397118750b4c8b59104d395a1075d7c34d89"
    "511848b83333333333333333ffe048b82222222222222222ffe0"
)
LIMIT_CODE: Final = bytes.fromhex("49294120 782a")  # at `budget` in slot_callback.S
NO_LIMIT_CODE: Final = bytes.fromhex("660f1f440000")
STATE_MARK, STOP_MARK, PYTHON_MARK = (bytes([byte]) * 8 for byte in (0x11, 0x22, 0x33))

_SLOT: Final = Struct("<5Q")  # instructions, tag, end, tag of a rep block, address of a total
_SLOT_SIZE: Final = _SLOT.size
_FIELDS: Final = ctypes.c_char * _SLOT_SIZE
_SLOTS: Final = 1 << 14  # per arena
_NO_TAG: Final = (1 << 64) - 1
_TOTALS, _CURRENT, _PREVIOUS, _BUDGET = 0, 2, 3, 4
_HOOK_SIZE: Final = 96
_CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64
)


class SlotCounter(Counter):
    """Counts in native code. Raises EngineError where the host or Unicorn does not allow it."""

    name = "native"

    def __init__(self, engine: Engine, count: InstructionCount) -> None:
        super().__init__(engine, count)
        self._state = (ctypes.c_uint64 * 5)()
        self._view = memoryview(self._state).cast("B").cast("Q")
        self._view[_BUDGET] = UNLIMITED
        self._totals = ctypes.addressof(self._state)
        self.kernel_at = self._totals + 8 * KERNEL
        self._blocks: dict[int, Block] = {}
        self._rests: dict[tuple[int, int], int] = {}  # by slot and pc: what _rest found
        self._arenas: list[mmap.mmap] = []
        self._user_data = ctypes.c_uint64()  # the hook's, once there is one
        self._python = _CALLBACK(self._slow)
        self._new_arena()
        self._user_data = self._install()
        self._nobody = self._take()
        self._blocks[self._nobody] = NO_BLOCK
        self._forget()

    def _install(self) -> ctypes.c_uint64:
        python = self._engine.leaving(address_of(self._python))
        marks = {STATE_MARK: self._totals, STOP_MARK: STOP_FUNCTION, PYTHON_MARK: python}
        self._host_code = HostCode()
        function = self._function = self._host_code.add(CALLBACK_CODE, marks)
        hook = self._engine.hook_native(HOOK_BLOCK, function, self._fresh)
        found = ctypes.string_at(hook, _HOOK_SIZE).find(
            function.to_bytes(8, "little") + self._fresh.to_bytes(8, "little")
        )
        if found < 0:
            raise EngineError("this Unicorn keeps its hooks in an unknown way")
        return ctypes.c_uint64.from_address(hook + found + 8)

    # ---- slots

    def _new_arena(self) -> None:
        arena = mmap.mmap(-1, _SLOT_SIZE * _SLOTS)
        self._arenas.append(arena)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(arena))
        self._used = 0
        self._prepare()

    def _prepare(self) -> None:
        offset = self._used * _SLOT_SIZE
        self._fresh = self._base + offset
        _SLOT.pack_into(self._arenas[-1], offset, 0, _NO_TAG, 0, _NO_TAG, self._totals)

    def _take(self) -> int:
        """Hands out the fresh slot; blocks translated from now on carry the next one."""
        slot = self._fresh
        self._used += 1
        if self._used == _SLOTS:
            self._new_arena()
        else:
            self._prepare()
        self._user_data.value = self._fresh
        return slot

    # ---- the slow path

    def _slow(self, _engine: int, pc: int, size: int, slot: int) -> int:
        try:
            return self._enter(pc, size, slot)
        except BaseException as failure:
            self._engine.fail(failure)
            return False

    def _enter(self, pc: int, size: int, slot: int) -> bool:
        """Counts the block; returns whether it is to be left instead, as if never entered."""
        previous = self._blocks[self._view[_PREVIOUS]]
        block = self._blocks.get(slot)
        leaves = False
        if block is None:
            if slot == self._fresh:
                self._take()
            block = self._measure(pc, size, previous)
            if not block.whole:
                self._take()  # measuring may have translated another block, which has that slot
            self._fill(slot, block)
            leaves = self._leaves(block)
        elif (block.start, block.end) != (pc, pc + size):
            block = self._measure(pc, size, previous)
            leaves = self._leaves(block)
        if leaves:
            self._view[_CURRENT] = self._view[_PREVIOUS]
            return True
        if not block.whole:
            self._take_back(self._view[_PREVIOUS], pc)
        if not repeats_alone(block, previous):
            self._view[_TOTALS + block.path] += block.instructions
            self._spend(block.instructions)
        return False

    def _fill(self, slot: int, block: Block) -> None:
        self._blocks[slot] = block
        tag = block.start if block.whole and not block.rep else _NO_TAG
        rep_tag = block.start if block.rep else _NO_TAG
        total = self._totals + 8 * block.path
        where = _FIELDS.from_address(slot)
        _SLOT.pack_into(where, 0, block.instructions, tag, block.end, rep_tag, total)

    def _spend(self, instructions: int) -> None:
        self._view[_BUDGET] = self._view[_BUDGET] - instructions & _NO_TAG
        if self.exhausted:
            self._engine.pause()

    def _take_back(self, slot: int, pc: int) -> None:
        rest = self._rest_of(slot, pc)
        if rest:
            self._view[_TOTALS + self._blocks[slot].path] -= rest
            self._view[_BUDGET] = self._view[_BUDGET] + rest & _NO_TAG

    def _rest_of(self, slot: int, pc: int) -> int:
        """How many instructions of the block in `slot` stand at `pc` and after it."""
        block = self._blocks[slot]
        if not block.instructions or not block.start <= pc < block.end:
            return 0
        rest = self._rests.get((slot, pc))
        if rest is None:
            rest = self._rests[slot, pc] = self._rest(block, pc)
            self._take()  # the block at pc may have been translated just now
        return rest

    def _undone(self, pc: int) -> int:
        return self._rest_of(self._view[_CURRENT], pc)

    def _forget(self) -> None:
        self._view[_CURRENT] = self._view[_PREVIOUS] = self._nobody

    # ---- what a Counter offers

    @property
    def totals(self) -> memoryview:
        return self._view

    @property
    def exhausted(self) -> bool:
        return self._view[_BUDGET] >> 63 == 1

    @property
    def block(self) -> Block:
        return self._blocks[self._view[_CURRENT]]

    def limit(self, instructions: int = UNLIMITED) -> None:
        self._view[_BUDGET] = instructions
        code = NO_LIMIT_CODE if instructions == UNLIMITED else LIMIT_CODE
        self._host_code.patch(self._function + CALLBACK_CODE.index(LIMIT_CODE), code)

    def abort(self, pc: int) -> None:
        self._take_back(self._view[_CURRENT], pc)
        self._forget()

    def adjust(self, path: int, instructions: int) -> None:
        self._view[_TOTALS + path] += instructions
        self._spend(instructions)
