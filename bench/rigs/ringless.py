"""The least that can run a program: bare Unicorn whose SYSCALL hook answers in Python.

Tuned as far as Unicorn allows it: the memory mode of ringscope, callbacks without Unicorn's
wrappers, registers by one batch each way with arguments made once. There is no ring 0, nothing is
counted, and of the calls only getpid and what a static libc needs are known.
ringscope is held against it.

    python -m bench.rigs.ringless PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from struct import Struct
from typing import Final

import unicorn
from unicorn import x86_const as const
from unicorn.unicorn_py3.unicorn import uc_hook_h, uclib

from bench.rigs.program import (
    NR_ARCH_PRCTL,
    NR_BRK,
    NR_EXIT,
    NR_EXIT_GROUP,
    NR_GETPID,
    NR_MPROTECT,
    PAGE,
    PID,
    Program,
    answer,
    read_program,
    timed,
)
from emu.memory.pagetables import PageTables
from emu.memory.physical import PhysicalMemory
from emu.x86 import paging

MEMORY: Final = 64 << 20
HEAP, HEAP_SIZE = 0x5000_0000, 32 << 20
ENOSYS: Final = 38
_ARGUMENTS: Final = ("RAX", "RDI", "RSI", "RDX", "R10", "R8", "R9")
_CALLBACK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_MASK64: Final = (1 << 64) - 1
_CR4_PAE: Final = 1 << 5
_CR0_PAGING: Final = 0x8005_0033
_EFER: Final = (0xC000_0080, 0xD01)  # SCE LME LMA NXE


class Registers:
    """Some registers, read or written by one call whose arguments are made once."""

    def __init__(self, uc: unicorn.Uc, names: tuple[str, ...]) -> None:
        count = len(names)
        ids = (ctypes.c_int * count)(*(getattr(const, f"UC_X86_REG_{name}") for name in names))
        self.values = (ctypes.c_uint64 * count)()
        start = ctypes.addressof(self.values)
        places = (ctypes.c_void_p * count)(*range(start, start + 8 * count, 8))
        self.arguments = (
            ctypes.c_void_p(uc._uch.value),
            ctypes.cast(ids, ctypes.c_void_p),
            ctypes.cast(places, ctypes.c_void_p),
            ctypes.c_int(count),
        )


def engine_with(program: Program, physical: PhysicalMemory) -> unicorn.Uc:
    """An engine with paging on, data not executable, at CPL 0 as Unicorn starts."""
    tables = PageTables(physical)
    for piece in program.pieces:
        rights = 0 if piece.executable else paging.WRITABLE | paging.NO_EXECUTE
        for offset in range(0, len(piece.content), PAGE):
            tables.map(piece.address + offset, physical.allocate(), rights)
            tables.write(piece.address + offset, piece.content[offset : offset + PAGE])
    for address in range(HEAP, HEAP + HEAP_SIZE, PAGE):
        tables.map(address, physical.allocate(), paging.WRITABLE | paging.NO_EXECUTE)
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    start = ctypes.addressof(ctypes.c_char.from_buffer(physical.mapping))
    uc.mem_map_ptr(0, physical.size, unicorn.UC_PROT_ALL, start)
    uc.ctl_exits_enabled(True)
    uc.reg_write(const.UC_X86_REG_MSR, _EFER)
    uc.reg_write(const.UC_X86_REG_CR3, tables.root)
    uc.reg_write(const.UC_X86_REG_CR4, uc.reg_read(const.UC_X86_REG_CR4) | _CR4_PAE)
    uc.reg_write(const.UC_X86_REG_CR0, _CR0_PAGING)
    uc.reg_write(const.UC_X86_REG_RSP, program.stack_pointer)
    return uc


def answering(uc: unicorn.Uc) -> Callable[[int, int], None]:
    """The hook: a look-up of the call's number, its answer into RAX."""
    library = ctypes.CDLL(uclib._name)  # a handle without argument types: nothing is converted
    arguments, result = Registers(uc, _ARGUMENTS), Registers(uc, ("RAX",))
    read, write = library.uc_reg_read_batch, library.uc_reg_write_batch
    unpack = Struct(f"<{len(_ARGUMENTS)}Q").unpack_from

    def exit_group(*_: int) -> int:
        uc.emu_stop()
        return 0

    end = HEAP

    def brk(address: int, *_: int) -> int:
        nonlocal end
        if HEAP <= address <= HEAP + HEAP_SIZE:
            end = address
        return end

    def set_fs(_option: int, base: int, *_: int) -> int:
        uc.reg_write(const.UC_X86_REG_FS_BASE, base)
        return 0

    calls: dict[int, Callable[..., int]] = {
        NR_GETPID: lambda *_: PID,
        NR_EXIT: exit_group,
        NR_EXIT_GROUP: exit_group,
        NR_BRK: brk,
        NR_MPROTECT: lambda *_: 0,
        NR_ARCH_PRCTL: set_fs,
    }

    def called(_engine: int, _data: int) -> None:
        read(*arguments.arguments)
        number, *values = unpack(arguments.values)
        call = calls.get(number)
        result.values[0] = call(*values) & _MASK64 if call else -ENOSYS & _MASK64
        write(*result.arguments)

    return called


def main(path: str, *arguments: str) -> None:
    """Runs the guest at `path`."""
    program = read_program(path, arguments)
    physical = PhysicalMemory(MEMORY)  # must outlive the engine, which uses it in place
    uc = engine_with(program, physical)
    callback = _CALLBACK(answering(uc))
    error = uclib.uc_hook_add(
        uc._uch,
        ctypes.byref(uc_hook_h()),
        unicorn.UC_HOOK_INSN,
        ctypes.cast(callback, ctypes.c_void_p),
        None,
        ctypes.c_uint64(1),
        ctypes.c_uint64(0),
        ctypes.c_int(const.UC_X86_INS_SYSCALL),
    )
    assert error == unicorn.UC_ERR_OK, error
    answer(seconds=timed(lambda: uc.emu_start(program.entry, 0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
