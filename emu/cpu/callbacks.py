"""Hooks: how the engine calls Python, and what a callback finds and leaves.

Each callback finds the CPU state loaded and RFLAGS in `cells[FLAGS]`, and what it leaves in the
state is stored: a trampoline does both, native where the host allows it (hostcode.py). What a
callback raises is kept and stops the engine. It knows no gate and no kernel, and not Unicorn: the
engine gives the numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from emu.cpu import hostcode
from emu.cpu.hostcode import HostCode, address_of
from emu.cpu.state import CpuState
from emu.errors import EngineError

# What `cells` hold.
FLAGS: Final = 0  # RFLAGS at the hook
PATH: Final = 1  # 0: native code may do SYSCALL; PATH_TAKEN: it did, and the ledger must be told
KERNEL_AT_ENTRY: Final = 2  # the kernel's count when it did
PATH_TAKEN: Final = 1
PATH_PYTHON: Final = 2

# A page that no address space maps: a fetch from it is a hook that leaves its block.
NEVER_MAPPED: Final = 0xFFFF_FFFF_FFFF_F000

_VOIDP: Final = ctypes.c_void_p
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32)  # behind native code
_SLOW_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, _VOIDP, _VOIDP)
_SLOW_INTERRUPT: Final = ctypes.CFUNCTYPE(ctypes.c_int, _VOIDP, ctypes.c_uint32, _VOIDP)
_STEP_CALLBACK: Final = ctypes.CFUNCTYPE(None, _VOIDP, ctypes.c_uint64, ctypes.c_uint32, _VOIDP)
_NO_MARKS: Final[Mapping[bytes, int]] = {}


class HookNumbers(NamedTuple):
    """The engine's numbers: kinds of hooks, then instructions."""

    interrupt: int
    invalid: int
    code: int
    instruction: int
    syscall: int
    sysenter: int
    cpuid: int
    rdtsc: int
    rdtscp: int
    port_input: int
    port_output: int


class Callbacks:
    """The half of the engine that calls back. The engine itself is the other half."""

    state: CpuState

    def __init__(self, numbers: HookNumbers, cells: memoryview, marks: Mapping[bytes, int]) -> None:
        self.cells: Final = cells
        self.cells[PATH] = PATH_PYTHON
        self._numbers = numbers
        self._engine_marks = marks
        self._keep: list[object] = []  # callbacks must outlive the engine
        self._failure: BaseException | None = None
        self._on_interrupt: Callable[[int], None] = _nobody
        self._on_invalid: Callable[[], bool] = _refuse
        try:
            self._code: HostCode | None = HostCode()
        except EngineError:
            self._code = None
        self._hook_exceptions()

    def flags(self) -> int:
        """RFLAGS, evaluated."""
        raise NotImplementedError

    def stop(self) -> None:
        """Makes the engine stop before the next block."""
        raise NotImplementedError

    def hook_native(self, hook: int, function: int, data: int, *extra: object) -> int:
        """Registers the host function at address `function`; returns the hook's own address."""
        raise NotImplementedError

    def hook_range(self, hook: int, function: int, first: int, last: int) -> int:
        """As `hook_native`, for the addresses from `first` to `last`, both included."""
        raise NotImplementedError

    # ---- what a callback raised

    def fail(self, failure: BaseException) -> None:
        """Keeps what a callback raised, for `raise_failure`, and stops."""
        if self._failure is None:
            self._failure = failure
        self.stop()

    @property
    def has_failed(self) -> bool:
        """Whether a callback raised."""
        return self._failure is not None

    def raise_failure(self) -> None:
        """Raises what a callback raised, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    # ---- hooks

    def hook_interrupts(self, callback: Callable[[int], None] | None) -> None:
        """`callback(vector)` runs for each exception and `int n`, between two blocks."""
        self._on_interrupt = callback or _nobody

    def hook_invalid(self, callback: Callable[[], bool]) -> None:
        """`callback()` runs for each #UD, between two blocks; it returns True to go on."""
        self._on_invalid = callback

    def hook_syscall(self, callback: Callable[[], None], count_at: int | None) -> None:
        """`callback()` runs for SYSCALL, inside its block; 2 is added to RIP afterwards.

        Where the kernel's count stands at the host's address `count_at`, and `cells[PATH]` is 0,
        SYSCALL from 64-bit code at CPL 3 is done in native code instead; see syscall.S.
        """
        if self._code is None or count_at is None:
            self._hook_instruction(self._numbers.syscall, callback)
            return
        marks = {hostcode.KERNEL_COUNT: count_at}
        self._hook_instruction(self._numbers.syscall, callback, hostcode.SYSCALL_CODE, marks)

    def hook_sysenter(self, callback: Callable[[], None]) -> None:
        """`callback()` runs for SYSENTER, inside its block; 2 is added to RIP afterwards."""
        self._hook_instruction(self._numbers.sysenter, callback)

    def hook_cpuid(self, callback: Callable[[], None]) -> None:
        """`callback()` does the whole CPUID, inside its block."""
        self._hook_instruction(self._numbers.cpuid, callback)

    def hook_rdtsc(self, callback: Callable[[], None]) -> None:
        """`callback()` does the whole RDTSC, inside its block."""
        self._hook_instruction(self._numbers.rdtsc, callback)

    def hook_rdtscp(self, callback: Callable[[], None]) -> None:
        """`callback()` does the whole RDTSCP, inside its block."""
        self._hook_instruction(self._numbers.rdtscp, callback)

    def hook_ports(self) -> None:
        """Makes IN, OUT, INS and OUTS fault, as if they had fetched from NEVER_MAPPED.

        Does nothing on hosts without native code: there, ports are open to all.
        """
        if self._code is None:
            return
        function = self._code.add(hostcode.PORT_FAULT_CODE, self.marks_for(NEVER_MAPPED))
        for instruction in (self._numbers.port_input, self._numbers.port_output):
            self.hook_native(self._numbers.instruction, function, 0, ctypes.c_int(instruction))

    def hook_steps(self, callback: Callable[[int, int], None]) -> None:
        """`callback(address, size)` runs before each instruction, inside its block, from now on.

        It finds the state loaded and may edit nothing; after `stop` the instruction has not run. It
        is slow: for tests. Blocks translated before do not call it.
        """

        def step(_engine: int, address: int, size: int, _data: int) -> None:
            try:
                self.cells[FLAGS] = self.flags()
                self.state.load()
                callback(address, size)
            except BaseException as failure:
                self.fail(failure)

        function = _STEP_CALLBACK(step)
        self._keep.append(function)
        self.hook_native(self._numbers.code, address_of(function), 0)

    def marks_for(self, address: int) -> dict[bytes, int]:
        """The constants of host code that makes the engine fault, as if fetching `address`."""
        return {hostcode.ADDRESS: address, **self._engine_marks}

    # ---- hooks that may leave their block

    @property
    def can_leave(self) -> bool:
        """Whether the host allows a hook to leave its block."""
        return self._code is not None

    def leaving(self, function: int) -> int:
        """A host function that calls the one at `function`, a hook, and leaves where it says so.

        Where the hook answers other than 0, the engine faults as if it had fetched from
        NEVER_MAPPED: at the hook's instruction, of which nothing is done. Without native code the
        hook stays alone, and its answer is lost.
        """
        if self._code is None:
            return function
        marks = {hostcode.PYTHON: function, **self.marks_for(NEVER_MAPPED)}
        return self._code.add(hostcode.LEAVE_CODE, marks)

    def hook_code(self, address: int, function: int) -> None:
        """The host function at `function` runs before the instruction at the linear `address`.

        Blocks that were translated before do not know of it.
        """
        self.hook_range(self._numbers.code, function, address, address)

    def _hook_exceptions(self) -> None:
        def interrupted(vector: int) -> int:
            try:
                self._on_interrupt(vector)
            except BaseException as failure:
                self.fail(failure)
            return 1

        def invalid(_: int) -> int:
            try:
                return self._on_invalid()
            except BaseException as failure:
                self.fail(failure)
            return 1

        self._add(self._numbers.interrupt, interrupted)
        self._add(self._numbers.invalid, invalid)

    def _hook_instruction(
        self,
        instruction: int,
        callback: Callable[[], None],
        code: bytes = hostcode.TRAMPOLINE_CODE,
        marks: Mapping[bytes, int] = _NO_MARKS,
    ) -> None:
        def guarded(_: int) -> int:
            try:
                callback()
            except BaseException as failure:
                self.fail(failure)
            return 1

        self._add(self._numbers.instruction, guarded, code, marks, ctypes.c_int(instruction))

    def _add(
        self,
        hook: int,
        callback: Callable[[int], int],
        code: bytes = hostcode.TRAMPOLINE_CODE,
        marks: Mapping[bytes, int] = _NO_MARKS,
        *extra: object,
    ) -> None:
        """Registers `callback` behind a trampoline, native where the host allows it."""
        if self._code is None:
            kind = _SLOW_INTERRUPT if hook == self._numbers.interrupt else _SLOW_CALLBACK
            function: object = kind(self._slow_trampoline(callback, hook))
            address = address_of(function)
        else:
            function = _CALLBACK(callback)
            own = {hostcode.PYTHON: address_of(function), **marks}
            address = self._code.add(code, {**self._engine_marks, **own})
        self._keep.append(function)
        self.hook_native(hook, address, 0, *extra)

    def _slow_trampoline(self, callback: Callable[[int], int], hook: int) -> Callable[..., int]:
        def trampoline(_engine: int, argument: int, _data: int = 0) -> int:
            self.cells[FLAGS] = self.flags()
            self.state.load()
            result = callback(argument if hook == self._numbers.interrupt else 0)
            self.state.store()
            return result

        return trampoline


def _nobody(vector: int) -> None:
    raise EngineError(f"vector {vector} came before the processor was set up")


def _refuse() -> bool:
    return False
