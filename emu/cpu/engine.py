"""The only door to Unicorn: an engine in long mode whose whole state can be read and edited.

It knows Unicorn's calls and their price; it does not know gates, kernels or system calls. Facts
that it relies on are proved when it starts (probe.py) and in tests/cpu/test_engine.py.

Hooks are registered without Unicorn's Python wrappers, which cost more than the work itself, and go
through a trampoline (hostcode.py): a callback finds the state loaded, and what it leaves is stored.
What a callback raises is kept, stops the engine, and is raised by `run`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, Final

import unicorn
from unicorn import x86_const as const
from unicorn.unicorn_py3.unicorn import uc_hook_h, uc_tb, uclib

from emu.cpu import hostcode
from emu.cpu import state as at
from emu.cpu.hostcode import HostCode
from emu.cpu.state import CpuState
from emu.errors import EngineError, UsageError
from emu.memory.physical import PhysicalMemory
from emu.x86 import msrs

_VOIDP: Final = ctypes.c_void_p
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32)  # behind the trampoline
_INSN_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, _VOIDP, _VOIDP)
_NO_MARKS: Final[Mapping[bytes, int]] = {}
_HOOKS: Final = {
    unicorn.UC_HOOK_INTR: ctypes.CFUNCTYPE(ctypes.c_int, _VOIDP, ctypes.c_uint32, _VOIDP),
    unicorn.UC_HOOK_INSN_INVALID: _INSN_CALLBACK,
    unicorn.UC_HOOK_INSN: _INSN_CALLBACK,
}

# A second handle to the same library: no argument types, so arguments made once pass through, and
# short calls keep the interpreter's lock.
_fast: Final = ctypes.PyDLL(uclib._name)

_CR0_LONG_MODE: Final = 0x8005_0033  # PE MP ET NE WP AM PG

# What `cells` hold.
FLAGS: Final = 0  # RFLAGS at the hook
PATH: Final = 1  # 0: native code may do SYSCALL; PATH_TAKEN: it did, and the ledger must be told
KERNEL_AT_ENTRY: Final = 2  # the kernel's count when it did
PATH_TAKEN: Final = 1
PATH_PYTHON: Final = 2

MODELS: Final = {
    name[len("UC_CPU_X86_") :].lower().replace("_", "-"): number
    for name, number in vars(const).items()
    if name.startswith("UC_CPU_X86_") and not name.endswith("ENDING")
}


class Engine:
    """One CPU on `physical`, of the Unicorn model `model` (a key of MODELS).

    Raises:
        UsageError: there is no such model.
        EngineError: the saved state has another size than this code knows.
    """

    def __init__(self, physical: PhysicalMemory, model: str) -> None:
        self.physical = physical
        self.model = model
        self._uc = self._open(model)
        self.handle: Final = ctypes.c_void_p(self._uc._uch.value)
        self._keep: list[object] = []  # callbacks must outlive the engine
        self._failure: BaseException | None = None
        self.stopping = False
        self._map(physical)
        self._context = self._uc.context_save()
        self._value = (ctypes.c_uint64 * 3)()
        self._value_pointer = ctypes.c_void_p(ctypes.addressof(self._value))
        self.cells: Final = memoryview(self._value).cast("B").cast("Q")
        self.cells[PATH] = PATH_PYTHON
        self.state: Final = self._state_block()
        self._translation = uc_tb()
        self._uc.ctl_exits_enabled(True)  # with no exits: `until` would add phantom instructions
        self._on_interrupt: Callable[[int], None] = _nobody
        self._on_invalid: Callable[[], bool] = _refuse
        self._code, self._trampoline_marks = self._trampoline()
        self._hook_exceptions()

    @staticmethod
    def _open(model: str) -> unicorn.Uc:
        number = MODELS.get(model)
        if number is None:
            raise UsageError(f"no CPU model {model!r}; known: {', '.join(MODELS)}")
        uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        uc.ctl_set_cpu_model(number)
        return uc

    def _map(self, physical: PhysicalMemory) -> None:
        address = ctypes.addressof(ctypes.c_char.from_buffer(physical.mapping))
        self._uc.mem_map_ptr(0, physical.size, unicorn.UC_PROT_ALL, address)

    # ---- the state block

    def _state_block(self) -> CpuState:
        size = self._context.size
        start = self._context.context.value
        self._state_at = start + size - at.SIZE
        header = size - at.SIZE
        if not 0 < header <= 256:
            raise EngineError(f"unknown size of the saved CPU state: {size} bytes")
        block = memoryview((ctypes.c_char * at.SIZE).from_address(start + header)).cast("B")
        save, restore = _fast.uc_context_save, _fast.uc_context_restore
        handle, context = self.handle, ctypes.c_void_p(start)

        def load() -> None:
            save(handle, context)

        def store() -> None:
            restore(handle, context)

        return CpuState(block, load, store)

    def _trampoline(self) -> tuple[HostCode | None, dict[bytes, int]]:
        """Where trampolines are kept, and their constants; None where the host allows none."""
        marks = {
            hostcode.CONTEXT: self._context.context.value,
            hostcode.SAVE: _address(_fast.uc_context_save),
            hostcode.CELL: ctypes.addressof(self._value),
            hostcode.READ: _address(_fast.uc_reg_read),
            hostcode.RESTORE: _address(_fast.uc_context_restore),
            hostcode.FLAGS_REGISTER: const.UC_X86_REG_EFLAGS,
        }
        try:
            return HostCode(), marks
        except EngineError:
            return None, marks

    # ---- running

    def run(self) -> None:
        """Runs from the current RIP until `stop`.

        Raises:
            EngineError: the engine gave up (e.g. an access beyond RAM).
            Exception: whatever a callback raised.
        """
        self.stopping = False
        self.state.load()
        try:
            self._uc.emu_start(self.state.rip, 0)
        except unicorn.UcError as error:
            if self._failure is None:
                raise EngineError(f"the engine stopped at {self.rip():#x}: {error}") from None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def stop(self) -> None:
        """Makes `run` return before the next block. May be called from any thread."""
        self.stopping = True
        _fast.uc_emu_stop(self.handle)

    def rip(self) -> int:
        """RIP, without touching the state block."""
        return self._read(const.UC_X86_REG_RIP)

    def flags(self) -> int:
        """RFLAGS, evaluated."""
        return self._read(const.UC_X86_REG_EFLAGS)

    def _read(self, register: int) -> int:
        _fast.uc_reg_read(self.handle, register, self._value_pointer)
        return self._value[0]

    # ---- what is not in the state block, or must not be written there

    def write_msr(self, number: int, value: int) -> None:
        """WRMSR as ring 0 does it."""
        self._uc.reg_write(const.UC_X86_REG_MSR, (number, value))

    def read_msr(self, number: int) -> int:
        """RDMSR as ring 0 does it."""
        value: int = self._uc.reg_read(const.UC_X86_REG_MSR, number)
        return value

    def write_cr3(self, root: int) -> None:
        """Switches the address space; flushes the TLB."""
        self._uc.reg_write(const.UC_X86_REG_CR3, root)

    def enter_long_mode(self, root: int, cr4: int, efer: int) -> None:
        """Turns paging on with the tables at `root`; `cr4` bits are added to those of reset."""
        uc = self._uc
        self.write_msr(msrs.EFER, efer)
        self.write_cr3(root)
        uc.reg_write(const.UC_X86_REG_CR4, uc.reg_read(const.UC_X86_REG_CR4) | cr4)
        uc.reg_write(const.UC_X86_REG_CR0, _CR0_LONG_MODE)

    def read_registers(self) -> list[int]:
        """The 16 GPRs and RIP by the engine's own call, not from the state block."""
        return [self._read(register) for register in (*_GPR_IDS, const.UC_X86_REG_RIP)]

    def write_gdtr(self, base: int, limit: int) -> None:
        """LGDT by the engine's own call."""
        self._uc.reg_write(const.UC_X86_REG_GDTR, (0, base, limit, 0))

    def write_cr2(self, address: int) -> None:
        """CR2 by the engine's own call."""
        self._uc.reg_write(const.UC_X86_REG_CR2, address)

    def read_fpu(self) -> tuple[int, int]:
        """The x87 control word and MXCSR."""
        return self._uc.reg_read(const.UC_X86_REG_FPCW), self._uc.reg_read(const.UC_X86_REG_MXCSR)

    def reset_fpu(self) -> None:
        """The x87 and SSE control registers as FNINIT and a reset leave them."""
        self._uc.reg_write(const.UC_X86_REG_FPCW, 0x37F)
        self._uc.reg_write(const.UC_X86_REG_MXCSR, 0x1F80)

    def flush_tlb(self) -> None:
        """Drops every cached translation of addresses (and lets the TLB grow)."""
        _fast.uc_ctl(self.handle, _FLUSH_TLB)

    def flush_code(self) -> None:
        """Drops every translated block: needed where code was written behind the engine's back."""
        self._uc.ctl_flush_tb()

    def drop_code(self, address: int, size: int) -> None:
        """Drops the blocks translated from `size` bytes at the linear `address`."""
        self._uc.ctl_remove_cache(address, address + size)

    def block_at(self, address: int) -> tuple[int, int]:
        """The size in bytes and instructions of the block that starts at `address`.

        The block is translated for the current mode if it is not there yet.
        """
        block = self._translation
        self._request(address, block)
        return block.size, block.icount

    def _request(self, address: int, block: ctypes.Structure) -> None:
        error = uclib.uc_ctl(
            self._uc._uch, _REQUEST_BLOCK, ctypes.c_uint64(address), ctypes.byref(block)
        )
        if error:
            raise EngineError(f"no block at {address:#x}")

    # ---- hooks: each finds the state loaded, RFLAGS in cells[FLAGS], and has the state stored

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
            self._hook_instruction(const.UC_X86_INS_SYSCALL, callback)
            return
        marks = {hostcode.STATE: self._state_at, hostcode.KERNEL_COUNT: count_at}
        self._hook_instruction(const.UC_X86_INS_SYSCALL, callback, hostcode.SYSCALL_CODE, marks)

    def hook_sysenter(self, callback: Callable[[], None]) -> None:
        """`callback()` runs for SYSENTER, inside its block; 2 is added to RIP afterwards."""
        self._hook_instruction(const.UC_X86_INS_SYSENTER, callback)

    def hook_cpuid(self, callback: Callable[[], None]) -> None:
        """`callback()` does the whole CPUID, inside its block."""
        self._hook_instruction(const.UC_X86_INS_CPUID, callback)

    def hook_rdtsc(self, callback: Callable[[], None]) -> None:
        """`callback()` does the whole RDTSC, inside its block."""
        self._hook_instruction(const.UC_X86_INS_RDTSC, callback)

    def hook_rdtscp(self, callback: Callable[[], None]) -> None:
        """`callback()` does the whole RDTSCP, inside its block."""
        self._hook_instruction(const.UC_X86_INS_RDTSCP, callback)

    def hook_ports(self, address: int) -> None:
        """Makes IN, OUT, INS and OUTS fault, as if they had fetched from `address`.

        Does nothing on hosts without native code: there, ports are open to all.
        """
        if self._code is None:
            return
        marks = {
            hostcode.FLAGS_REGISTER: _REQUEST_BLOCK,
            hostcode.CONTEXT: address,
            hostcode.SAVE: _address(uclib.uc_ctl),
        }
        function = self._code.add(hostcode.PORT_FAULT_CODE, marks)
        for instruction in (const.UC_X86_INS_IN, const.UC_X86_INS_OUT):
            self.hook_native(unicorn.UC_HOOK_INSN, function, 0, ctypes.c_int(instruction))

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

        self._add(unicorn.UC_HOOK_INTR, interrupted)
        self._add(unicorn.UC_HOOK_INSN_INVALID, invalid)

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

        self._add(unicorn.UC_HOOK_INSN, guarded, code, marks, ctypes.c_int(instruction))

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
            function = _HOOKS[hook](self._slow_trampoline(callback, hook))
            address = _address(function)
        else:
            function = _CALLBACK(callback)
            own = {hostcode.PYTHON: _address(function), **marks}
            address = self._code.add(code, {**self._trampoline_marks, **own})
        self._keep.append(function)
        self.hook_native(hook, address, 0, *extra)

    def _slow_trampoline(self, callback: Callable[[int], int], hook: int) -> Callable[..., int]:
        def trampoline(_engine: int, argument: int, _data: int = 0) -> int:
            self.cells[FLAGS] = self.flags()
            self.state.load()
            result = callback(argument if hook == unicorn.UC_HOOK_INTR else 0)
            self.state.store()
            return result

        return trampoline

    def hook_native(self, hook: int, function: int, data: int, *extra: object) -> int:
        """Registers the host function at address `function`; returns the hook's own address."""
        handle = uc_hook_h()
        error = uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            hook,
            ctypes.c_void_p(function),
            ctypes.c_void_p(data),
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
            *extra,
        )
        if error:
            raise EngineError(f"Unicorn refuses a hook: error {error}")
        address: int = handle.value
        return address

    def fail(self, failure: BaseException) -> None:
        """Keeps what a callback raised, for `run` to raise, and stops."""
        if self._failure is None:
            self._failure = failure
        self.stop()


def _address(function: Any) -> int:
    """The address of a C function or of a callback."""
    address = ctypes.cast(function, _VOIDP).value
    assert address is not None
    return address


def _nobody(vector: int) -> None:
    raise EngineError(f"vector {vector} came before the processor was set up")


def _refuse() -> bool:
    return False


_GPR_IDS: Final = tuple(
    getattr(const, f"UC_X86_REG_{name}")
    for name in ("RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15".split())
)
_REQUEST_BLOCK: Final = unicorn.Uc._Uc__ctl_encode(  # the name that Uc.ctl_* use themselves
    unicorn.UC_CTL_TB_REQUEST_CACHE, unicorn.UC_CTL_IO_READ_WRITE, 2
)
_FLUSH_TLB: Final = ctypes.c_int(
    ctypes.c_int32(
        unicorn.Uc._Uc__ctl_encode(unicorn.UC_CTL_TLB_FLUSH, unicorn.UC_CTL_IO_WRITE, 0)
    ).value
)
HOOK_BLOCK: Final = unicorn.UC_HOOK_BLOCK
HOOK_NEW_BLOCK: Final = unicorn.UC_HOOK_EDGE_GENERATED
STOP_FUNCTION: Final = ctypes.cast(uclib.uc_emu_stop, _VOIDP).value
