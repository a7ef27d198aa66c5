"""The only door to Unicorn: an engine in long mode whose whole state can be read and edited.

It knows Unicorn's calls and their price; it does not know gates, kernels or system calls. Facts
that it relies on are proved when it starts (probe.py) and in tests/cpu/test_engine.py.

Hooks are registered without Unicorn's Python wrappers, which cost more than the work itself, and go
through a trampoline (hostcode.py): a callback finds the state loaded, and what it leaves is stored.
What a callback raises is kept, stops the engine, and is raised by `run`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

import unicorn
from unicorn import x86_const as const
from unicorn.unicorn_py3.unicorn import uc_hook_h, uc_tb, uclib

from emu.cpu import hostcode
from emu.cpu import state as at
from emu.cpu.callbacks import Callbacks, HookNumbers
from emu.cpu.hostcode import address_of
from emu.cpu.state import CpuState
from emu.errors import EngineError, UsageError
from emu.memory.physical import PhysicalMemory
from emu.x86 import msrs
from emu.x86.flags import IF

# A second handle to the same library: no argument types, so arguments made once pass through, and
# short calls keep the interpreter's lock.
_fast: Final = ctypes.PyDLL(uclib._name)

_CR0_LONG_MODE: Final = 0x8005_0033  # PE MP ET NE WP AM PG

MODELS: Final = {
    name[len("UC_CPU_X86_") :].lower().replace("_", "-"): number
    for name, number in vars(const).items()
    if name.startswith("UC_CPU_X86_") and not name.endswith("ENDING")
}


class Engine(Callbacks):
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
        self.stopping = False
        self.code_dropped: Callable[[], object] = _nothing  # whoever keeps what blocks were like
        self.leaves: dict[tuple[int, int], tuple[int, int, int, int]] = {}  # CPUID: features.py
        self._map(physical)
        self._context = self._uc.context_save()
        self._others: list[object] = []  # contexts of `other_state`
        self._value = (ctypes.c_uint64 * 3)()
        self._value_pointer = ctypes.c_void_p(ctypes.addressof(self._value))
        self.state = self._state_block(self._context)
        self._state_at = self._context.context.value + at.HEADER
        self._translation = uc_tb()
        self._translation_pointer = ctypes.byref(self._translation)
        self._wanted = ctypes.c_uint64()
        self._uc.ctl_exits_enabled(True)  # with no exits: `until` would add phantom instructions
        cells = memoryview(self._value).cast("B").cast("Q")
        super().__init__(_HOOK_NUMBERS, cells, self._marks())

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

    def other_state(self) -> CpuState:
        """A second state block: in a hook it loads what the first one does not hold any more."""
        context = self._uc.context_save()
        self._others.append(context)
        return self._state_block(context)

    def _state_block(self, saved: unicorn.UcContext) -> CpuState:
        size = saved.size
        start = saved.context.value
        header = size - at.SIZE
        if header != at.HEADER:
            raise EngineError(f"unknown size of the saved CPU state: {size} bytes")
        block = memoryview((ctypes.c_char * at.SIZE).from_address(start + header)).cast("B")
        save, restore = _fast.uc_context_save, _fast.uc_context_restore
        handle, context = self.handle, ctypes.c_void_p(start)

        def load() -> None:
            save(handle, context)

        def store() -> None:
            restore(handle, context)

        return CpuState(block, load, store)

    def _marks(self) -> dict[bytes, int]:
        """The constants of this engine's host code."""
        return {
            hostcode.CONTEXT: self._context.context.value,
            hostcode.SAVE: address_of(_fast.uc_context_save),
            hostcode.CELL: ctypes.addressof(self._value),
            hostcode.READ: address_of(_fast.uc_reg_read),
            hostcode.RESTORE: address_of(_fast.uc_context_restore),
            hostcode.FLAGS_REGISTER: const.UC_X86_REG_EFLAGS,
            hostcode.STATE: self._state_at,
            hostcode.CONTROL: address_of(uclib.uc_ctl),
            hostcode.REQUEST: _REQUEST_BLOCK,
        }

    # ---- running

    def run(self, again: bool = False) -> None:
        """Runs from the current RIP until `stop` or `pause`; `again`: not after a `stop`.

        Raises:
            EngineError: the engine gave up (e.g. an access beyond RAM).
            Exception: whatever a callback raised.
        """
        if again and self.stopping:
            return
        self.stopping = False
        self.state.load()
        self.state.is_running = True
        try:
            self._uc.emu_start(self.state.rip, 0)
        except unicorn.UcError as error:
            if not self.has_failed:
                raise EngineError(f"the engine stopped at {self.rip():#x}: {error}") from None
        finally:
            self.state.is_running = False
        self.raise_failure()

    def stop(self) -> None:
        """Makes `run` return before the next block. May be called from any thread."""
        self.stopping = True
        _fast.uc_emu_stop(self.handle)

    def pause(self) -> None:
        """The same for whoever goes on running afterwards."""
        _fast.uc_emu_stop(self.handle)

    def rip(self) -> int:
        """RIP, without touching the state block."""
        return self._read(const.UC_X86_REG_RIP)

    @property
    def accepts_interrupts(self) -> bool:
        """IF, between two runs. SDM 3A, "Masking Maskable Hardware Interrupts"."""
        return bool(self.flags() & IF)

    def flags(self) -> int:
        """RFLAGS, evaluated."""
        return self._read(const.UC_X86_REG_EFLAGS)

    def _read(self, register: int) -> int:
        self._value[0] = 0  # some registers are shorter than the cell
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
        self.write_cr0(_CR0_LONG_MODE)

    def write_cr0(self, value: int) -> None:
        """MOV to CR0 as ring 0 does it."""
        self._uc.reg_write(const.UC_X86_REG_CR0, value)

    def read_registers(self) -> list[int]:
        """The 16 GPRs and RIP by the engine's own call, not from the state block."""
        return [self._read(register) for register in (*_GPR_IDS, const.UC_X86_REG_RIP)]

    def read_selectors(self) -> list[int]:
        """CS and GS by the engine's own call."""
        return [self._read(register) for register in (const.UC_X86_REG_CS, const.UC_X86_REG_GS)]

    def write_gdtr(self, base: int, limit: int) -> None:
        """LGDT by the engine's own call."""
        self._uc.reg_write(const.UC_X86_REG_GDTR, (0, base, limit, 0))

    def write_cr2(self, address: int) -> None:
        """CR2 by the engine's own call."""
        self._uc.reg_write(const.UC_X86_REG_CR2, address)

    def write_control(self, number: int, value: int) -> None:
        """MOV to CR0, CR3 or CR4 as ring 0 does it."""
        self._uc.reg_write(getattr(const, f"UC_X86_REG_CR{number}"), value)

    def read_named(self, name: str) -> int:
        """A register of the x87 or vector unit (st0, fpcw, xmm0, mxcsr, ...) as one number."""
        value = self._uc.reg_read(self._number_of(name))
        if isinstance(value, tuple):  # st0 to st7: significand, then sign and exponent
            return int(value[0]) | int(value[1]) << 64
        return int(value)

    def write_named(self, name: str, value: int) -> None:
        """The reverse of `read_named`."""
        whole = (value & (1 << 64) - 1, value >> 64) if name.startswith("st") else value
        self._uc.reg_write(self._number_of(name), whole)

    def _number_of(self, name: str) -> int:
        """The engine's number of a register; those of the x87 stack turn with its top."""
        if name.startswith("st"):
            top = self._read(const.UC_X86_REG_FPSW) >> 11
            return int(const.UC_X86_REG_FP0) + (top + int(name[2:]) & 7)
        return int(getattr(const, f"UC_X86_REG_{name.upper()}"))

    def reset_fpu(self) -> None:
        """The x87 and SSE control registers as FNINIT and a reset leave them."""
        self._uc.reg_write(const.UC_X86_REG_FPCW, 0x37F)
        self._uc.reg_write(const.UC_X86_REG_FPTAG, 0xFFFF)
        self._uc.reg_write(const.UC_X86_REG_MXCSR, 0x1F80)

    def flush_tlb(self) -> None:
        """Drops every cached translation of addresses (and lets the TLB grow)."""
        _fast.uc_ctl(self.handle, _FLUSH_TLB)

    def flush_code(self) -> None:
        """Drops every translated block: needed where code was written behind the engine's back."""
        self._uc.ctl_flush_tb()
        self.code_dropped()

    def drop_code(self, address: int, size: int) -> None:
        """Drops the blocks translated from `size` bytes at the linear `address`."""
        self._uc.ctl_remove_cache(address, address + size)
        self.code_dropped()

    def block_at(self, address: int) -> tuple[int, int]:
        """The size in bytes and instructions of the block that starts at `address`.

        The block is translated for the current mode if it is not there yet.
        """
        block = self._translation
        self._wanted.value = address
        if _fast.uc_ctl(self.handle, _REQUEST, self._wanted, self._translation_pointer):
            raise EngineError(f"no block at {address:#x}")
        return block.size, block.icount

    # ---- hooks

    def hook_native(self, hook: int, function: int, data: int, *extra: object) -> int:
        """Registers the host function at address `function`; returns the hook's own address."""
        return self._hook(hook, function, data, (1, 0), *extra)

    def hook_range(self, hook: int, function: int, first: int, last: int) -> int:
        """As `hook_native`, for the addresses from `first` to `last`, both included."""
        return self._hook(hook, function, 0, (first, last))

    def _hook(
        self, hook: int, function: int, data: int, places: tuple[int, int], *extra: object
    ) -> int:
        handle = uc_hook_h()
        error = uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            hook,
            ctypes.c_void_p(function),
            ctypes.c_void_p(data),
            *map(ctypes.c_uint64, places),
            *extra,
        )
        if error:
            raise EngineError(f"Unicorn refuses a hook: error {error}")
        address: int = handle.value
        return address

    def unhook(self, hook: int) -> None:
        """Takes back the hook whose address `hook_native` returned."""
        uclib.uc_hook_del(self._uc._uch, ctypes.c_size_t(hook))


def _nothing() -> None:
    """Nobody wants to know."""


_GPR_IDS: Final = tuple(
    getattr(const, f"UC_X86_REG_{name}")
    for name in ("RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15".split())
)
_REQUEST_BLOCK: Final = unicorn.Uc._Uc__ctl_encode(  # the name that Uc.ctl_* use themselves
    unicorn.UC_CTL_TB_REQUEST_CACHE, unicorn.UC_CTL_IO_READ_WRITE, 2
)
_REQUEST: Final = ctypes.c_int(ctypes.c_int32(_REQUEST_BLOCK).value)
_FLUSH_TLB: Final = ctypes.c_int(
    ctypes.c_int32(
        unicorn.Uc._Uc__ctl_encode(unicorn.UC_CTL_TLB_FLUSH, unicorn.UC_CTL_IO_WRITE, 0)
    ).value
)
_HOOK_NUMBERS: Final = HookNumbers(
    interrupt=unicorn.UC_HOOK_INTR,
    invalid=unicorn.UC_HOOK_INSN_INVALID,
    code=unicorn.UC_HOOK_CODE,
    instruction=unicorn.UC_HOOK_INSN,
    syscall=const.UC_X86_INS_SYSCALL,
    sysenter=const.UC_X86_INS_SYSENTER,
    cpuid=const.UC_X86_INS_CPUID,
    rdtsc=const.UC_X86_INS_RDTSC,
    rdtscp=const.UC_X86_INS_RDTSCP,
    port_input=const.UC_X86_INS_IN,
    port_output=const.UC_X86_INS_OUT,
)
HOOK_CODE: Final = unicorn.UC_HOOK_CODE
HOOK_MEMORY: Final = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
HOOK_BLOCK: Final = unicorn.UC_HOOK_BLOCK
HOOK_READ: Final = unicorn.UC_HOOK_MEM_READ
HOOK_WRITE: Final = unicorn.UC_HOOK_MEM_WRITE
HOOK_NEW_BLOCK: Final = unicorn.UC_HOOK_EDGE_GENERATED
STOP_FUNCTION: Final = address_of(uclib.uc_emu_stop)
