"""Supervision: Python has its turn in front of each sensitive instruction, others cost nothing.

When a block runs for the first time it is searched for the bytes of the rows in sensitive.py. Where
there is one, that address gets a hook of its own, and the block is left before its first
instruction and translated anew with the hook in it. From then on the hook asks the row's check;
a verdict makes the engine leave the block at that instruction, of which nothing is done, and
processor.py carries it out between two blocks. No instruction is stepped, no flag is borrowed.

Where the instruction behind a hook faults by itself, the engine takes the status flags, which the
hook evaluated, for the operands of the last operation; `flags` are right.

It knows neither what a row checks nor what becomes of a verdict. Hosts without native code cannot
leave a block: nothing is supervised there.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from emu.cpu import sensitive
from emu.cpu import state as at
from emu.cpu.counters import KERNEL, USER, Block
from emu.cpu.engine import Engine
from emu.cpu.hostcode import address_of
from emu.cpu.sensitive import Row
from emu.cpu.turn import ALIGNMENT, ALWAYS, Refetch, Turn, Verdict, Watch
from emu.memory.walk import Translations, read_part
from emu.x86 import lengths, vectors
from emu.x86.flags import AC
from emu.x86.instructions import LONGEST, Decode
from emu.x86.paging import PAGE_SIZE, PF_FETCH
from emu.x86.vendors import Vendor

_RFLAGS: Final = at.RFLAGS >> 3
_HIDDEN: Final = at.HIDDEN_FLAGS >> 2
_RING_AND_MODE: Final = at.HIDDEN_CPL | at.HIDDEN_CS64
_DECODED: Final = 4096  # instructions kept as records
_CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)


class Search:
    """The rows that hold in some blocks, and the expression that finds any of them."""

    def __init__(self, rows: Sequence[Row], long: bool) -> None:
        self.rows = rows
        self.long = long
        anywhere = b"|".join(row.pattern for row in rows)
        self.anywhere = sensitive.compiled(anywhere, long)
        self.find = self.anywhere.search

    def sensitive_in(self, code: bytes) -> list[int]:
        """Where in the block `code` sensitive instructions start."""
        hits = list(self._hits(code))
        if not hits:
            return hits
        starts = lengths.starts(code, self.long, hits[-1])
        if starts is None:  # the engine takes them for other instructions: it decides
            return hits
        places = sorted({bisect_right(starts, hit) for hit in hits})
        spans = [(starts[place - 1], starts[place]) for place in places]
        is_at = sensitive.is_at
        return [at for at, end in spans if is_at(self.anywhere, code, at, end, self.long)]

    def _hits(self, code: bytes) -> Iterator[int]:
        """Where in `code` the bytes of a row stand, whether or not an instruction starts there."""
        at = 0
        while at < len(code) and (found := self.find(code, at)) is not None:
            yield found.start()
            at = found.start() + 1

    def rows_of(self, code: bytes) -> Iterator[Row]:
        """The rows for the instruction `code`, in the table's order."""
        for row in self.rows:
            pattern = sensitive.compiled(row.pattern, self.long)
            if sensitive.is_at(pattern, code, 0, len(code), self.long):
                yield row


class Supervisor:
    """Supervises one engine. `kernel`: ring 0 too, as far as rows say."""

    def __init__(self, engine: Engine, vendor: Vendor, decode: Decode, kernel: bool) -> None:
        self._engine = engine
        self._state = engine.state
        self._words, self._dwords = engine.state.words, engine.state.dwords
        self._vendor = vendor
        self._decode = lru_cache(_DECODED)(decode)
        self._kernel = kernel
        self._modes = {ALWAYS}
        self._searches: dict[int, Search | None] = {}  # by what tells blocks apart
        self._translations = Translations(engine.physical)
        self._mapping = engine.physical.mapping
        self._hooked: set[int] = set()
        self._verdict: Verdict | Refetch | None = None
        self._callback = _CALLBACK(self._reached)
        self._hook = 0  # the host's address of the callback that may leave
        self.reached = -1  # the sensitive instruction that had its turn last, and RFLAGS then
        self.flags = 0

    def take(self) -> Verdict | Refetch | None:
        """Why the engine left its block, once; None: it was not because of a verdict."""
        verdict, self._verdict = self._verdict, None
        return verdict

    def is_at_fault(self, vector: int) -> bool:
        """Whether the instruction reached last raised `vector`: no fetch, and none before it did.

        The state block must be loaded, and RIP be `reached`.
        """
        state = self._state
        if state.is_int or vector == vectors.DB:
            return False
        return not (vector == vectors.PF and state.error_code & PF_FETCH)

    def watch(self, mode: str) -> None:
        """The rows for `mode` hold from now on, also in blocks that ran before."""
        self._modes.add(mode)
        self._searches.clear()
        self._engine.flush_code()

    def refetch(self, addresses: Sequence[int]) -> None:
        """Drops the blocks over `addresses`; between two blocks only."""
        for address in addresses:
            self._engine.drop_code(address, 1)

    # ---- a block runs for the first time

    def examine(self, block: Block) -> bool:
        """Whether `block`, about to run, must be left and translated anew; the state is loaded."""
        search = self._search()
        if search is None:
            return False
        start, size = block.start, block.end - block.start
        if PAGE_SIZE - (start & PAGE_SIZE - 1) < size:
            code = read_part(self._engine.physical, self._state.control(3), start, size)
            if not search.find(code):
                return False
        else:
            place = self._translations.physical_address(self._state.control(3), start)
            if not search.find(self._mapping, place, place + size):
                return False
            code = self._mapping[place : place + size]
        return self._add_hooks(start, search.sensitive_in(code))

    def _search(self) -> Search | None:
        """What holds now: by ring, mode and AC, for which the engine has blocks of their own."""
        hidden = self._dwords[_HIDDEN] & _RING_AND_MODE
        key = hidden | self._words[_RFLAGS] & AC
        try:
            return self._searches[key]
        except KeyError:
            found = self._searches[key] = self._new_search()
            return found

    def _new_search(self) -> Search | None:
        state, modes = self._state, set(self._modes)
        path = USER if state.cpl == 3 else KERNEL
        if path == KERNEL and not self._kernel:
            return None
        if path == USER and state.words[_RFLAGS] & AC:
            modes.add(ALIGNMENT)
        rows = [row for row in sensitive.TABLE if path in row.paths and row.when in modes]
        return Search(rows, state.in_64bit_mode) if rows else None

    def _add_hooks(self, start: int, offsets: Sequence[int]) -> bool:
        """Hooks for what has none yet; returns whether there was any."""
        fresh = tuple(start + at for at in offsets if start + at not in self._hooked)
        if not fresh:
            return False
        if not self._hook:
            self._hook = self._engine.leaving(address_of(self._callback))
        for address in fresh:
            self._engine.hook_code(address, self._hook)
        self._hooked.update(fresh)
        self._verdict = Refetch(fresh)
        return True

    # ---- in front of a sensitive instruction

    def _reached(self, _engine: int, rip: int, _size: int, _data: int) -> int:
        try:
            self.reached, self.flags = rip, self._engine.flags()
            self._state.load()
            self._verdict = self._judge(rip)
        except BaseException as failure:
            self._engine.fail(failure)
            return False
        return self._verdict is not None

    def _judge(self, rip: int) -> Verdict | None:
        search = self._search()
        code = read_part(self._engine.physical, self._state.control(3), rip, LONGEST)
        length = lengths.length(code, 0, self._state.in_64bit_mode)
        if search is None or length is None:
            return None
        turn = Turn(self._engine, self._vendor, self._decode, rip, code[:length])
        for row in search.rows_of(turn.code):  # none, if other code stood here once
            verdict = row.check(turn)
            is_watched = isinstance(verdict, Watch) and verdict.mode in self._modes
            if verdict is not None and not is_watched:
                return verdict
        return None
