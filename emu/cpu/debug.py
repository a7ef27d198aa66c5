"""The debug registers: breakpoints on execution, on writes, on reads and writes, set from Python.

The engine itself knows breakpoints on execution that ring 0 sets by MOV; it knows none on data.
Here hooks exist only while a breakpoint is enabled: a few host instructions per access look for
the offset in the page, and only what fits asks Python, which compares linear addresses. A hit is
remembered and, in front of the next instruction, the engine leaves its block; the processor then
delivers #DB. It does not know the IDT. Hosts without native code have no such breakpoints.
SDM 3B, "Debug Registers", "Debug Exception (#DB) - Interrupt Vector 1", "Data Memory and I/O
Breakpoint Exception Conditions".
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from emu.cpu import hostcode
from emu.cpu.engine import HOOK_CODE, HOOK_MEMORY, Engine
from emu.cpu.hostcode import HostCode, address_of
from emu.cpu.state import CpuState
from emu.errors import UsageError
from emu.memory import walk
from emu.x86 import debug, flags
from emu.x86.debug import Breakpoint
from emu.x86.paging import PAGE_SIZE, PF_FETCH

# A page that no address space maps: a fetch from it is a breakpoint that was hit.
NEVER_MAPPED: Final = 0xFFFF_FFFF_FFFF_E000

_WIDEST: Final = 63  # bytes of an access, less one
_OFFSET: Final = PAGE_SIZE - 1
_MEMORY: Final = ctypes.CFUNCTYPE(
    *(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_int),
    *(ctypes.c_int64, ctypes.c_void_p),
)
_CODE: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)
_WRITE: Final = 17  # Unicorn's number for a write


class DebugRegisters:
    """DR0 to DR3, DR6 and DR7 of one engine, and what they make it stop at."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._state = engine.state
        self._code = HostCode()
        self._countdown = (ctypes.c_uint64 * 1)()  # instructions until the engine leaves; 0: never
        self._hits = 0
        self._hooks: list[int] = []
        self._points: set[Breakpoint] = set()  # for which there are hooks
        self._keep: list[Any] = []
        self._leave = self._code.add(self._leaving_code(), {})

    # ---- for whoever sets breakpoints

    def read(self, number: int) -> int:
        """DR `number`: 0 to 3, 6 or 7. Raises UsageError."""
        self._check(number)
        self._state.load()
        return self._state.debug(number)

    def write(self, number: int, value: int) -> None:
        """MOV to DR `number`, between two instructions. Raises UsageError."""
        self._check(number)
        self._state.load()
        self._state.set_debug(number, debug.fixed(number, value))
        self._state.store()
        self.refresh()

    def set_breakpoint(self, slot: int, address: int, kind: int, length: int = 1) -> None:
        """Enables breakpoint `slot` (0 to 3) of `kind`: EXECUTE, WRITE or ACCESS of emu.x86.debug.

        Raises:
            UsageError: `address` is not a multiple of `length`, or there is no such length or slot.
        """
        if slot not in range(4) or kind not in (debug.EXECUTE, debug.WRITE, debug.ACCESS):
            raise UsageError(f"no breakpoint {slot} of kind {kind}: slots are 0 to 3")
        if (
            length not in (1, 2, 4, 8)
            or address % length
            or (kind == debug.EXECUTE and length != 1)
        ):
            raise UsageError(
                f"no breakpoint of {length} bytes at {address:#x}: 1, 2, 4 or 8, aligned to as "
                "many, and 1 for execution"
            )
        control = debug.with_breakpoint(self.read(7), slot, kind, length)
        self.write(slot, address)
        self.write(7, control)

    def clear_breakpoint(self, slot: int) -> None:
        """Disables breakpoint `slot`. Raises UsageError."""
        if slot not in range(4):
            raise UsageError(f"no breakpoint {slot}: slots are 0 to 3")
        self.write(7, debug.without_breakpoint(self.read(7), slot))

    @staticmethod
    def _check(number: int) -> None:
        if number not in debug.REGISTERS:
            raise UsageError(f"no debug register {number}; known: 0 to 3, 6, 7")

    # ---- for the processor

    def refresh(self) -> None:
        """The hooks for what DR0 to DR7 say now."""
        enabled = self._enabled()
        if not enabled and not self._hooks:
            return
        for hook in self._hooks:
            self._engine.unhook(hook)
        self._hooks.clear()
        self._points.clear()
        self._keep.clear()
        if enabled:
            self._start_hooks()
            self._add_hooks(enabled)
        self._engine.flush_code()

    def exchange(self) -> None:
        """The block holds another task's DR0 to DR7: hooks for what none had enabled yet.

        In the midst of a run the engine cannot lose a hook: those of other tasks stay, unheard.
        """
        missing = [point for point in self._enabled() if point not in self._points]
        if not missing:
            return
        if not self._hooks:
            self._start_hooks()
        self._add_hooks(missing)
        self._engine.flush_code()

    def _enabled(self) -> list[Breakpoint]:
        addresses = [self._state.debug(number) for number in range(4)]
        return debug.enabled(self._state.debug(7), addresses)

    def _start_hooks(self) -> None:
        self._code = HostCode()
        self._leave = self._code.add(self._leaving_code(), {})

    def _add_hooks(self, points: list[Breakpoint]) -> None:
        has_none = not self._hooks
        self._hooks += [self._hook(point) for point in points]
        self._points.update(points)
        if has_none:
            self._hooks.append(self._engine.hook_native(HOOK_CODE, self._leave, 0))

    @staticmethod
    def has_left(state: CpuState, rip: int) -> bool:
        """Whether this page fault is a breakpoint: the engine fetched from nowhere."""
        return state.control(2) == NEVER_MAPPED != rip and bool(state.error_code & PF_FETCH)

    def take(self) -> int | None:
        """The breakpoints that were hit, as bits of DR6; None: held off for one instruction.

        Behind MOV SS and POP SS the instruction that follows is executed first, even if it enters
        the kernel: the #DB then comes in ring 0.
        """
        if self._state.is_inhibited:
            self._countdown[0] = 2
            return None
        hits, self._hits = self._hits, 0
        return hits

    def join(self) -> int:
        """The hits that were held off, as bits of DR6: the #DB of INT1 takes them along."""
        hits = self._hits
        self.forget()
        return hits

    def forget(self) -> None:
        """The instruction faulted: what it had accessed does not count."""
        self._countdown[0] = self._hits = 0

    # ---- hooks

    def _hook(self, point: Breakpoint) -> int:
        if point.kind == debug.EXECUTE:
            found: Any = _CODE(self._reached(point))
            code = _if_at(point.address)
        else:
            found = _MEMORY(self._accessed(point))
            code = _if_near(point.address - _WIDEST & _OFFSET, point.length + _WIDEST)
        self._keep.append(found)
        function = self._code.add(code + _jump(address_of(found)), {})
        kind = HOOK_CODE if point.kind == debug.EXECUTE else HOOK_MEMORY
        return self._engine.hook_native(kind, function, 0)

    def _reached(self, point: Breakpoint) -> Callable[..., None]:
        def reached(_engine: int, _rip: int, _size: int, _data: int) -> None:
            self._state.load()
            if point not in self._enabled():
                return
            if not self._engine.flags() & flags.RF and not self._state.is_inhibited:
                self._hits |= 1 << point.slot
                self._countdown[0] = 1

        return reached

    def _accessed(self, point: Breakpoint) -> Callable[..., None]:
        def accessed(
            _engine: int, access: int, physical: int, size: int, _value: int, _data: int
        ) -> None:
            if point.kind == debug.WRITE and access != _WRITE:
                return
            if self._is_hit(point, physical, size) and point in self._enabled():
                self._hits |= 1 << point.slot
                self._countdown[0] = 1

        return accessed

    def _is_hit(self, point: Breakpoint, physical: int, size: int) -> bool:
        """Whether `size` bytes at `physical` are some of the breakpoint's, by linear address."""
        self._state.load()
        ram, cr3 = self._engine.physical, self._state.control(3)
        page = point.address & ~_OFFSET
        for start in (page, page - PAGE_SIZE):  # an access may begin in the page before
            with suppress(walk.WalkFault):
                if walk.physical_address(ram, cr3, start) == physical & ~_OFFSET:
                    linear = start + (physical & _OFFSET)
                    if linear < point.address + point.length and point.address < linear + size:
                        return True
        return False

    # ---- machine code of the host

    def _leaving_code(self) -> bytes:
        marks = self._engine.marks_for(NEVER_MAPPED)
        fault = self._code.add(hostcode.PORT_FAULT_CODE, marks)
        cell = ctypes.addressof(self._countdown).to_bytes(8, "little")
        # mov cell,%rax; cmpq $0,(%rax); je stay; decq (%rax); jz leave; stay: ret; leave:
        return b"\x48\xb8" + cell + bytes.fromhex("488338007405 48ff087401 c3") + _jump(fault)


def _jump(function: int) -> bytes:
    """Mov function,%rax; jmp *%rax."""
    return b"\x48\xb8" + function.to_bytes(8, "little") + b"\xff\xe0"


def _if_at(address: int) -> bytes:
    """Mov address,%rax; cmp %rax,%rsi; je on; ret; on:"""
    return b"\x48\xb8" + address.to_bytes(8, "little") + bytes.fromhex("4839c6 7401 c3")


def _if_near(first: int, count: int) -> bytes:
    """Mov %edx,%eax; sub first,%eax; and 0xfff,%eax; cmp count,%eax; jb on; ret; on:"""
    low, size = first.to_bytes(4, "little"), count.to_bytes(4, "little")
    return b"\x89\xd0\x2d" + low + bytes.fromhex("25ff0f0000 3d") + size + b"\x72\x01\xc3"
