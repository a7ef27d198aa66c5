"""Hooks that exist only while somebody looks: before each instruction, at each access to memory.

Where there is none the engine runs as if this module did not exist. A hook costs a call into
Python, so each is bounded by addresses; translated code carries its hooks, so a change of them
drops all translated code. It decides nothing: whoever is called stops the engine, or does not.
What a callback raises is kept by the engine and stops it.

Hooks are moved and put aside, never removed: Unicorn looks for the code that carries a hook which
it removes, and where that page is not mapped any more, a page fault stays behind. It knows
Unicorn's `struct hook` by content, not by offset.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from emu.cpu.engine import HOOK_CODE, HOOK_READ, HOOK_WRITE, Engine
from emu.cpu.hostcode import address_of
from emu.errors import EngineError

LAST_ADDRESS: Final = (1 << 64) - 1

_CODE: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)
_ACCESS: Final = ctypes.CFUNCTYPE(
    ctypes.c_bool,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_int64,
    ctypes.c_void_p,
)
_HOOK_SIZE: Final = 96
_PLACES: Final = Struct("<3Q")  # first, last, the function: as they stand in Unicorn's struct
_KINDS: Final = {False: HOOK_READ, True: HOOK_WRITE}


class Range(NamedTuple):
    """The addresses from `first` to `last`, both included."""

    first: int
    last: int


EVERYWHERE: Final = Range(0, LAST_ADDRESS)
_NOWHERE: Final = Range(1 << 63, 1 << 63)  # not canonical, and beyond all RAM

# (address, size, is a write)
OnAccess: TypeAlias = Callable[[int, int, bool], None]


class Spies:
    """The hooks of one engine. `before` is called before the instructions in the ranges set."""

    def __init__(self, engine: Engine, before: Callable[[int], None], accessed: OnAccess) -> None:
        self._engine = engine
        self._ranges: frozenset[Range] = frozenset()
        self._accesses: frozenset[tuple[Range, bool]] = frozenset()
        self._hooks: list[_Hook] = []

        def on_code(_engine: int, address: int, _size: int, _data: int) -> None:
            try:
                before(address)
            except BaseException as failure:
                engine.fail(failure)

        self._on_code = _CODE(on_code)
        self._on_access = {
            write: _ACCESS(_access_callback(engine, accessed, write)) for write in _KINDS
        }

    def look_at(
        self,
        ranges: frozenset[Range],
        accesses: frozenset[tuple[Range, bool]] = frozenset(),
    ) -> None:
        """From now on `before` is called in `ranges`, `accessed` for `accesses` (True: writes).

        Addresses of accesses are physical, those of instructions linear.
        """
        if (ranges, accesses) == (self._ranges, self._accesses):
            return
        wanted = [(HOOK_CODE, address_of(self._on_code), one) for one in sorted(ranges)]
        wanted += [
            (_KINDS[write], address_of(self._on_access[write]), one)
            for one, write in sorted(accesses)
        ]
        idle: dict[int, list[_Hook]] = {}
        for hook in self._hooks:
            hook.move(_NOWHERE)
            idle.setdefault(hook.function, []).append(hook)
        for kind, function, places in wanted:
            free = idle.get(function)
            hook = free.pop() if free else self._new(kind, function)
            hook.move(places)
        self._ranges, self._accesses = ranges, accesses
        self._engine.flush_code()
        # To drop a hook the engine looks its addresses up at the CPL of now: for the kernel's, in
        # ring 3, that is a page fault which nobody is to see, in CR2 or as the first of a #DF.
        self._engine.state.store()

    def _new(self, kind: int, function: int) -> _Hook:
        hook = _Hook(self._engine, kind, function)
        self._hooks.append(hook)
        return hook


class _Hook:
    """One hook of Unicorn, whose range can be changed. Raises EngineError if it cannot be found."""

    def __init__(self, engine: Engine, kind: int, function: int) -> None:
        handle = engine.hook_range(kind, function, *_NOWHERE)
        content = _PLACES.pack(*_NOWHERE, function)
        found = ctypes.string_at(handle, _HOOK_SIZE).find(content)
        if found < 0:
            raise EngineError("this Unicorn keeps its hooks in an unknown way")
        self.function = function
        self._places = (ctypes.c_uint64 * 2).from_address(handle + found)

    def move(self, places: Range) -> None:
        """From now on it is for `places`."""
        self._places[:] = list(places)


def _access_callback(engine: Engine, accessed: OnAccess, write: bool) -> Callable[..., bool]:
    def on_access(_engine: int, _kind: int, address: int, size: int, *_: int) -> bool:
        try:
            accessed(address, size, write)
        except BaseException as failure:
            engine.fail(failure)
        return True

    return on_access
