"""Hooks that exist only while somebody looks: before each instruction, at each access to memory.

Where there is none the engine runs as if this module did not exist. A hook costs a call into
Python, so each is bounded by addresses; translated code carries its hooks, so a change of them
drops all translated code. It decides nothing: whoever is called stops the engine, or does not.
What a callback raises is kept by the engine and stops it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from emu.cpu.engine import HOOK_CODE, HOOK_READ, HOOK_WRITE, Engine
from emu.cpu.hostcode import address_of

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
_KINDS: Final = {False: HOOK_READ, True: HOOK_WRITE}


class Range(NamedTuple):
    """The addresses from `first` to `last`, both included."""

    first: int
    last: int


EVERYWHERE: Final = Range(0, LAST_ADDRESS)

# (address, size, is a write)
OnAccess: TypeAlias = Callable[[int, int, bool], None]


class Spies:
    """The hooks of one engine. `before` is called before the instructions in the ranges set."""

    def __init__(self, engine: Engine, before: Callable[[int], None], accessed: OnAccess) -> None:
        self._engine = engine
        self._ranges: frozenset[Range] = frozenset()
        self._accesses: frozenset[tuple[Range, bool]] = frozenset()
        self._handles: list[int] = []

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
        for handle in self._handles:
            self._engine.remove_hook(handle)
        code = address_of(self._on_code)
        hook = self._engine.hook_range
        self._handles = [hook(HOOK_CODE, code, *places) for places in sorted(ranges)]
        self._handles += [
            hook(_KINDS[write], address_of(self._on_access[write]), *places)
            for places, write in sorted(accesses)
        ]
        self._ranges, self._accesses = ranges, accesses
        self._engine.flush_code()


def _access_callback(engine: Engine, accessed: OnAccess, write: bool) -> Callable[..., bool]:
    def on_access(_engine: int, _kind: int, address: int, size: int, *_: int) -> bool:
        try:
            accessed(address, size, write)
        except BaseException as failure:
            engine.fail(failure)
        return True

    return on_access
