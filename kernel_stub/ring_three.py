"""Ring 3 of a task, as the kernel reads and changes it while the task is in the kernel.

What the entry code saved stands in pt_regs, on the task's kernel stack; segments, bases and the
x87 and SSE units stand in the processor, or, of a task that does not run, in its context. Who may
change what, it does not know. SDM 3A, "Segment Registers", "SWAPGS".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from emu.cpu import fxsave
from emu.machine import Machine
from emu.memory.physical import PhysicalMemory
from emu.x86 import debug, descriptors, registers
from kernel_stub import layout
from kernel_stub.abi.abi import I386
from kernel_stub.boot import KernelHalf
from kernel_stub.entry import constants as entry
from kernel_stub.signalling.frames import UserState
from kernel_stub.task import Task
from kernel_stub.tasks import Tasks

_REGS: Final = entry.PT_REGS_STRUCT
_SELECTORS: Final = {
    "ds": registers.DS,
    "es": registers.ES,
    "fs": registers.FS,
    "gs": registers.GS,
}


class RingThree:
    """Answers to handlers (protocol.py: Services) about ring 3."""

    machine: Machine
    physical: PhysicalMemory
    half: KernelHalf
    tasks: Tasks
    has_xsave: bool
    running: Task | None
    sets_breakpoints = False  # some tracer did

    @contextmanager
    def lent(self, task: Task) -> Iterator[None]:
        """The processor is as `task`, which may be suspended, left it; changes are the task's."""
        if task is self.running:
            yield
            return
        with self.tasks.contexts.lent(task.cpu):
            yield

    def saved(self, task: Task, register: str) -> int:
        """What pt_regs holds of `register`."""
        at = task.cpu.frame_at + entry.PT_OFFSET[register]
        value: int = self.physical.words[at >> 3]
        return value

    def save(self, task: Task, register: str, value: int) -> None:
        """Ring 3 goes on with `value` in `register`."""
        at = task.cpu.frame_at + entry.PT_OFFSET[register]
        self.physical.words[at >> 3] = value & (1 << 64) - 1

    def user_state(self, task: Task) -> UserState:
        """Ring 3 of the running task, for a signal frame."""
        engine = self.machine.engine
        regs = _REGS.unpack_from(self.physical.view, task.cpu.frame_at)
        selectors = {name: engine.state.selector(n) for name, n in _SELECTORS.items()}
        engine.state.store()
        image = fxsave.read(engine)
        names = dict(zip(entry.PT_REGS, regs, strict=True))
        return UserState(names, selectors, image, self.has_xsave)

    def set_user_state(self, task: Task, user: UserState) -> None:
        """Ring 3 of the running task goes on as `user` says."""
        engine = self.machine.engine
        _REGS.pack_into(self.physical.view, task.cpu.frame_at, *user.registers.values())
        if task.program_abi is I386:
            for name, number in _SELECTORS.items():
                self._load_segment(number, user.selectors[name], task)
            self.return_whole(task)
        engine.state.store()
        fxsave.write(engine, user.fxsave)
        engine.state.load()

    def return_whole(self, task: Task) -> None:
        self.tasks.contexts.return_whole(task.cpu)

    def _load_segment(self, number: int, selector: int, task: Task) -> None:
        """A data segment register as ring 3 could load it; what it could not, is null."""
        if self.machine.engine.state.selector(number) != selector:
            self.half.load_data_segment(number, selector, task.space.ldt)

    def selector(self, name: str) -> int:
        return self.machine.engine.state.selector(_SELECTORS[name])

    def load_selector(self, task: Task, name: str, selector: int) -> None:
        self._load_segment(_SELECTORS[name], selector, task)

    def descriptor(self, task: Task, selector: int) -> int:
        """The descriptor that `selector` names in the GDT or the LDT of `task`; 0: none."""
        return self.half.descriptor(selector, task.space.ldt)

    def stack_pointer(self, task: Task) -> int:
        return self.saved(task, "rsp")

    # ---- segments

    def debug_register(self, number: int) -> int:
        return self.machine.engine.state.debug(number)

    def set_debug_register(self, number: int, value: int) -> None:
        self.machine.engine.state.set_debug(number, debug.fixed(number, value))
        self.sets_breakpoints = True

    def use_breakpoints(self) -> None:
        """The processor has another task's debug registers: it stops where they say."""
        if self.sets_breakpoints:
            self.machine.processor.debug.exchange()

    def forget_breakpoints(self, child: Task) -> None:
        """A new task has none of its parent's."""
        if self.sets_breakpoints:
            with self.lent(child):
                for number in debug.REGISTERS:
                    self.set_debug_register(number, 0)

    def get_fs_base(self) -> int:
        return self.machine.engine.state.fs_base

    def set_fs_base(self, address: int) -> None:
        self.machine.engine.state.fs_base = address

    def get_gs_base(self) -> int:
        return self.machine.engine.state.kernel_gs_base

    def set_gs_base(self, address: int) -> None:
        """The program's GS base: in the kernel it stands in KERNEL_GS_BASE until SWAPGS."""
        self.machine.engine.state.kernel_gs_base = address

    def get_tls_descriptor(self, slot: int) -> int:
        return self.half.read_descriptor(layout.TLS_FIRST_ENTRY + slot)

    def set_tls_descriptor(self, slot: int, descriptor: int) -> None:
        """Writes it; a segment register that names it is loaded anew."""
        entry_number = layout.TLS_FIRST_ENTRY + slot
        self.half.write_descriptor(entry_number, descriptor)
        state, selector = self.machine.engine.state, entry_number << 3 | descriptors.RPL
        for number in _SELECTORS.values():
            if state.selector(number) == selector:
                self.half.load_data_segment(number, selector, None)
