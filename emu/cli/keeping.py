"""Snapshots of our kernel: all that it keeps in Python, as bytes.

Pickled, because that is quick and shares nothing with the living kernel; what belongs to the
machine or to the host stays one and the same and is only named. The bytes never leave the process.
"""

from __future__ import annotations

import io
import mmap
import pickle
import struct
import sys
import types
from typing import Any, Final
from weakref import WeakValueDictionary

from emu.cli.journal import Journal
from emu.cpu.counters import Counter
from emu.cpu.engine import Engine
from emu.cpu.state import CpuState
from emu.machine import Machine
from emu.memory.physical import PhysicalMemory
from emu.watch.ledger import Line
from kernel_stub.abi.abi import Abi
from kernel_stub.boot import KernelHalf
from kernel_stub.kernel import Kernel
from kernel_stub.vfs.host import Host, HostDirectory, HostFd

_OF_THE_MACHINE: Final = (Machine, Engine, CpuState, Counter, PhysicalMemory, KernelHalf, Line, Abi)
_OF_THE_HOST: Final = (Host, HostDirectory, HostFd, Journal)
_OF_PYTHON: Final = (
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.CodeType),
    *(type, struct.Struct, memoryview, mmap.mmap),
)
_SHARED: Final = _OF_THE_MACHINE + _OF_THE_HOST + _OF_PYTHON
# What of the kernel is no state: the machine, and who reaches the host for it.
_NOT_KEPT: Final = frozenset(
    (
        *("machine", "physical", "half", "write_to_host", "wait_for_host", "_handlers"),
        *("observer", "screen"),
    )
)


class Keeper:
    """Keeps and restores one kernel. Whatever a snapshot names lives as long as the keeper."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._named: dict[int, Any] = {}

    def keep(self) -> bytes:
        """The kernel as it is."""
        state = {name: v for name, v in vars(self._kernel).items() if name not in _NOT_KEPT}
        content = io.BytesIO()
        _Pickler(content, self._kernel, self._named).dump(state)
        return content.getvalue()

    def restore(self, kept: bytes) -> None:
        """The kernel as it was: the same object, with other objects below it."""
        vars(self._kernel).update(_Unpickler(io.BytesIO(kept), self._named).load())


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, kernel: Kernel, named: dict[int, Any]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._kernel = kernel
        self._named = named

    def persistent_id(self, thing: Any) -> int | None:
        if isinstance(thing, types.FunctionType) and thing.__closure__:
            return None
        if thing is self._kernel or isinstance(thing, _SHARED):
            self._named[id(thing)] = thing
            return id(thing)
        return None

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, WeakValueDictionary):
            return WeakValueDictionary, (), None, None, iter(list(thing.items()))
        if isinstance(thing, types.MappingProxyType):
            return types.MappingProxyType, (dict(thing),)
        if isinstance(thing, types.FunctionType):
            contents = tuple(cell.cell_contents for cell in thing.__closure__ or ())
            about = thing.__module__, thing.__code__, thing.__defaults__, contents
            return _function, about
        return NotImplemented


def _function(
    module: str, code: types.CodeType, defaults: tuple[Any, ...] | None, contents: tuple[Any, ...]
) -> types.FunctionType:
    """A function with what it had closed over, which is a task's wait for something."""
    cells = tuple(map(types.CellType, contents))
    return types.FunctionType(code, vars(sys.modules[module]), code.co_name, defaults, cells)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, named: dict[int, Any]) -> None:
        super().__init__(file)
        self._named = named

    def persistent_load(self, number: int) -> Any:
        return self._named[number]
