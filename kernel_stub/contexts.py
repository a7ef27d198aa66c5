"""What the processor holds for each task, and how it is exchanged.

A task that does not run is always suspended where its entry code handed over: its kernel stack
holds pt_regs and a return address, and its context is the processor's whole state there. To run
another is to exchange the state and to name the other's kernel stack; it then goes on behind its
own `vmcall`, to ring 3. It decides nothing, and knows no system call.
SDM 3A, "Task Management in 64-bit Mode"; System V ABI and Linux: `ret_from_fork` by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from emu.cpu.state import CR, FS_BASE, SYSENTER_ESP, Segment
from emu.machine import Machine
from emu.x86 import descriptors, flags, registers
from kernel_stub import layout
from kernel_stub.boot import KernelHalf, loaded_data
from kernel_stub.entry import constants as entry

_FRAME_SIZE: Final = entry.PT_REGS_STRUCT.size
_CR3: Final = CR + 24 >> 3
_SLOTS: Final = range(layout.TLS_FIRST_ENTRY, layout.TLS_FIRST_ENTRY + layout.TLS_ENTRIES)


class CpuContext:
    """One task's: its kernel stack, and what it had in the processor when it was suspended.

    `frame` is where every crossing of its ring 3 saves pt_regs, `frame_at` the same in RAM. `line`
    is the ledger's, for which it is in the kernel.
    """

    def __init__(self, stack_top: int, frame_at: int) -> None:
        self.stack_top = stack_top
        self.frame = stack_top - _FRAME_SIZE
        self.frame_at = frame_at
        self.saved = b""
        self.tls: tuple[int, ...] = (0,) * layout.TLS_ENTRIES
        self.line: Any = None


class Contexts:
    """Makes contexts and exchanges them. The state block must be loaded."""

    def __init__(self, machine: Machine, half: KernelHalf) -> None:
        self.machine = machine
        self.half = half
        self.state = machine.engine.state
        self._free: list[CpuContext] = []
        self._made = 0
        self._pristine = b""  # ring 3 as a program finds it
        first = half.stack_top
        self.first = CpuContext(first, half.tables.translate(first - _FRAME_SIZE))

    def keep_pristine(self) -> None:
        """The processor is as a program finds it: x87 and SSE clean. Keeps that for exec."""
        self.state.load()
        self._pristine = bytes(self.state.raw)

    def make(self) -> CpuContext:
        """A context with a kernel stack of its own. Raises OutOfFrames."""
        if self._free:
            return self._free.pop()
        top = self.half.new_stack(self._made + 1)
        self._made += 1
        return CpuContext(top, self.half.tables.translate(top - _FRAME_SIZE))

    def free(self, context: CpuContext) -> None:
        """Its task has ended."""
        self._free.append(context)

    def fork(self, context: CpuContext, parent: CpuContext, root: int) -> None:
        """`context` starts as the running one is now, in the address space at `root`.

        The pt_regs of the parent are copied to its own stack; the caller changes them there.
        """
        ram = self.machine.physical.view
        frame = slice(context.frame_at, context.frame_at + _FRAME_SIZE)
        ram[frame] = ram[parent.frame_at : parent.frame_at + _FRAME_SIZE]
        context.tls = self._read_tls()
        context.line = self.machine.ledger.open
        self._start(context, bytes(self.state.raw), root)

    def _start(self, context: CpuContext, state: bytes, root: int) -> None:
        """`state`, but in the kernel on the stack of `context`, about to return to ring 3."""
        kept = bytes(self.state.raw)
        self.state.raw[:] = state
        self._place(context, root)
        context.saved = bytes(self.state.raw)
        self.state.raw[:] = kept

    def _place(self, context: CpuContext, root: int) -> None:
        words = self.state.words
        words[registers.RSP] = context.frame
        words[SYSENTER_ESP >> 3] = context.stack_top
        words[_CR3] = root
        self.state.rip = self.half.symbols["ret_from_fork"]

    @contextmanager
    def lent(self, context: CpuContext) -> Iterator[None]:
        """The block and the TLS entries are those of `context`, which does not run, for a while."""
        state, kept, tls = self.state, bytes(self.state.raw), self._read_tls()
        state.raw[:] = context.saved
        self._write_tls(context.tls)
        try:
            yield
            context.saved, context.tls = bytes(state.raw), self._read_tls()
        finally:
            state.raw[:] = kept
            self._write_tls(tls)
            state.store()

    def set_fs_base(self, context: CpuContext, base: int) -> None:
        """FS's base in a context that does not run."""
        saved = bytearray(context.saved)
        saved[FS_BASE : FS_BASE + 8] = base.to_bytes(8, "little")
        context.saved = bytes(saved)

    def set_tls(self, context: CpuContext, slot: int, descriptor: int) -> None:
        """TLS slot `slot` in a context that does not run; FS or GS that names it is loaded anew."""
        tls = list(context.tls)
        tls[slot] = descriptor
        context.tls = tuple(tls)
        state, kept = self.state, bytes(self.state.raw)
        state.raw[:] = context.saved
        selector = layout.TLS_FIRST_ENTRY + slot << 3 | descriptors.RPL
        for number in (registers.FS, registers.GS):
            if state.selector(number) == selector:
                self.half.set_data_segment(number, loaded_data(selector, descriptor))
        context.saved = bytes(state.raw)
        state.raw[:] = kept

    def become_pristine(self, context: CpuContext, root: int, long: bool) -> None:
        """The running task starts a new program: a clean processor, in the space at `root`."""
        state, old = self.state, self.state.control(3)
        state.raw[:] = self._pristine
        data = Segment(0, 0, 0, 0) if long else self.half.loaded(layout.USER_DS)
        for number in (registers.DS, registers.ES):
            state.set_segment(number, data)
        state.enter_flat_ring0(layout.KERNEL_CS, 0, flags.FIXED)
        gs = state.segment(registers.GS)
        state.set_segment(registers.GS, gs._replace(base=layout.PER_CPU))
        state.kernel_gs_base = 0
        self._place(context, root)
        self._write_tls((0,) * layout.TLS_ENTRIES)
        if old != root:
            self.machine.engine.flush_tlb()

    def return_whole(self, context: CpuContext) -> None:
        """Ring 3 goes on by IRET, with every register of pt_regs: SYSEXIT would take some of it."""
        self.state.words[registers.RSP] = context.frame
        self.state.rip = self.half.symbols["ret_from_fork"]

    def enter_again(self, context: CpuContext) -> None:
        """IRET failed, with GS the user's already: the kernel starts again to return."""
        state = self.state
        gs = state.segment(registers.GS)
        state.kernel_gs_base = gs.base
        state.set_segment(registers.GS, gs._replace(base=layout.PER_CPU))
        state.words[registers.RSP] = context.frame
        state.rip = self.half.symbols["ret_from_fork"]

    def switch(self, old: CpuContext | None, new: CpuContext) -> None:
        """Runs `new` from now on; `old`, if it will run again, keeps what is in the processor."""
        state, ledger = self.state, self.machine.ledger
        if old is not None:
            old.saved = bytes(state.raw)
            old.tls = self._read_tls()
            old.line = ledger.open
        root = state.control(3)
        state.raw[:] = new.saved
        self.half.use_stack(new.stack_top)
        self._write_tls(new.tls)
        ledger.open = new.line
        if state.control(3) != root:
            self.machine.engine.flush_tlb()

    def _read_tls(self) -> tuple[int, ...]:
        return tuple(self.half.read_descriptor(slot) for slot in _SLOTS)

    def _write_tls(self, descriptors: tuple[int, ...]) -> None:
        for slot, descriptor in zip(_SLOTS, descriptors, strict=True):
            self.half.write_descriptor(slot, descriptor)
