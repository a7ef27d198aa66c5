"""Snippets in the machine, below our own kernel: one machine for many, each from the same start.

The start is a copy of the whole CPU state, taken once, and four pages written anew. The end is
what the kernel saved when the signal was due, and what FXSAVE shows after it.
It does not know what a snippet should do.
"""

from __future__ import annotations

import os
from typing import Any, Final

from emu.cpu import state as at
from emu.machine import Machine
from emu.x86.paging import PF_USER, PF_WRITE
from emu.x86.registers import CS, GPRS, RDI, SEGMENTS, SS
from kernel_stub.abi.abi import X86_64
from kernel_stub.entry.constants import PT_REGS, PT_REGS_STRUCT
from kernel_stub.kernel import Kernel
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.task import Task
from kernel_stub.vfs import Vfs, VfsOptions
from kernel_stub.waits import TaskEnded
from tests.differential.snippet import (
    CODE,
    DATA,
    FPU_SIZE,
    PAGE,
    PATTERN,
    READ_ONLY,
    STACK,
    START_FLAGS,
    end,
    fpu_image,
    registers,
)

LIMIT: Final = 100_000
_FPU: Final = 0x4000_0000  # where FXSAVE stores, and the code for it
_FPU_CODE: Final = 0x4000_1000
_FXRSTOR, _FXSAVE = bytes.fromhex("480fae0f cc"), bytes.fromhex("480fae07 cc")
_INT3: Final = b"\xcc"
_WRITABLE: Final = PROT_READ | PROT_WRITE
# What makes ring 3 of the CPU's state, each with its size: hidden flags, segments, KERNEL_GS_BASE.
_BACK_IN_RING_3: Final = (
    (at.HIDDEN_FLAGS, 4),
    (at.SEGMENT, 10 * at.SEGMENT_STRIDE),
    (at.KERNEL_GS_BASE, 8),
)
_RIGHTS: Final = {
    CODE: PROT_READ | PROT_EXEC,
    DATA: PROT_READ | PROT_WRITE,
    READ_ONLY: PROT_READ,
    STACK: PROT_READ | PROT_WRITE,
    _FPU: PROT_READ | PROT_WRITE,
    _FPU_CODE: PROT_READ | PROT_EXEC,
}


class _Surviving(Kernel):
    """A kernel whose program does not end by a signal: the machine stops, all stays as it is."""

    def end(self, task: Task, ended: TaskEnded) -> None:
        self.machine.engine.stop()


class Runner:
    """A machine that runs snippets."""

    def __init__(self, vendor: str, counter: str = "auto") -> None:
        self.machine = Machine(32 << 20, vendor, counter=counter)
        self.kernel = _Surviving(self.machine, Vfs(VfsOptions()))
        self.machine.attach(self)
        self.frame = 0
        engine = self.machine.engine
        space = AddressSpace(self.machine.physical, engine, self.kernel.half.tables)
        self.tables = space.tables
        vfs = self.kernel.vfs
        self.task = Task(self.kernel, os.getpid(), space, vfs.file_table(), vfs.context(), X86_64)
        for page, rights in _RIGHTS.items():
            space.mmap(page, PAGE, _WRITABLE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS)
            space.fault(page, PF_USER | PF_WRITE)
            space.mprotect(page, PAGE, rights)
        self._starts = {bits: self._start(bits) for bits in (64, 32)}

    def handed_over(self, call: int, argument: int) -> None:
        """Remembers where the kernel's entry code saved the registers."""
        self.frame = argument
        self.kernel.handed_over(call, argument)

    def run(self, bits: int, code: bytes) -> dict[str, Any]:
        """The end of `code`, as the oracle's would be written."""
        for page, content in ((DATA, PATTERN), (READ_ONLY, PATTERN), (STACK, bytes(PAGE))):
            self.tables.write(page, content)
        self._write_code(CODE, code.ljust(PAGE, _INT3))
        state = self.machine.engine.state
        state.raw[:] = self._starts[bits]
        state.store()
        self._run_to_a_signal()
        return end(bits, self._raw_end())

    def _run_to_a_signal(self) -> None:
        self.kernel.exceptions.last = None
        exhausted = self.machine.run(LIMIT)
        assert not exhausted, "the snippet does not end"
        assert self.kernel.exceptions.last is not None, "the snippet made a system call"

    # ---- the start

    def _write_code(self, address: int, code: bytes) -> None:
        self.tables.write(address, code)
        self.machine.engine.flush_code()

    def _start(self, bits: int) -> bytes:
        """The CPU's whole state before a snippet: FXRSTOR runs in the guest, the rest is set."""
        self.tables.write(_FPU, fpu_image())
        self.kernel.start(self.task, _FPU_CODE, STACK, X86_64)
        self._run_helper(_FXRSTOR)
        self.kernel.half.enter_user(CODE, STACK, long=bits == 64)
        state = self.machine.engine.state
        state.load()
        for number, value in enumerate(registers(bits)):
            state.words[number] = value
        state.store()
        state.load()
        return bytes(state.raw)

    def _run_helper(self, code: bytes) -> None:
        """Runs `code` on the page for the FPU, in 64-bit code of ring 3."""
        self._write_code(_FPU_CODE, code)
        state = self.machine.engine.state
        state.load()
        state.words[RDI] = _FPU
        state.jump(_FPU_CODE, START_FLAGS)
        state.store()
        self._run_to_a_signal()

    # ---- the end

    def _raw_end(self) -> dict[str, Any]:
        """In the form of the oracle's lines."""
        raised, state = self.kernel.exceptions.last, self.machine.engine.state
        assert raised is not None
        saved = dict(zip(PT_REGS, self._saved(), strict=True))
        selectors = [state.selector(number) for number in range(len(SEGMENTS))]
        selectors[CS], selectors[SS] = saved["cs"], saved["ss"]
        fpu = self._fxsave()
        return {
            **raised._asdict(),
            "registers": [saved[name] for name in (*GPRS, "rip", "rflags")],
            "selectors": selectors,
            "fpu": fpu.hex(),
            "data": self.tables.read(DATA, PAGE).hex(),
            "stack": self.tables.read(STACK, PAGE).hex(),
        }

    def _saved(self) -> tuple[int, ...]:
        """pt_regs of the last crossing."""
        size = PT_REGS_STRUCT.size
        return PT_REGS_STRUCT.unpack(self.kernel.half.tables.read(self.frame, size))

    def _fxsave(self) -> bytes:
        """The FXSAVE image now. The registers of the kernel are gone afterwards."""
        state, start = self.machine.engine.state, self._starts[64]
        state.load()
        for offset, size in _BACK_IN_RING_3:
            state.raw[offset : offset + size] = start[offset : offset + size]
        state.store()
        self._run_helper(_FXSAVE)
        return self.tables.read(_FPU, FPU_SIZE)
