"""Crossings with a part of ringscope at a time: what stands between a figure and its floor.

A step is one way to answer `syscall`, or to give a page to a fault. Those with an engine alone
have no ring 0; those with a machine go through the guest's MSRs and IDT into the entry code, to a
kernel of a few lines.

    python -m bench.rigs.steps STEP PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from typing import Final

import unicorn
from unicorn import x86_const

from bench.rigs.program import Program, answer, read_program, timed
from bench.rigs.tuned import RETURN, engine_with, map_program
from emu.cpu.engine import Engine
from emu.cpu.hostcode import HostCode
from emu.events import Entered, Refused
from emu.hooks import Watcher
from emu.machine import Machine
from emu.memory.pagetables import PageTables
from emu.x86 import msrs, paging, vectors
from kernel_stub.boot import KernelHalf, read_image
from kernel_stub.entry.constants import HANDOVER_EXCEPTION, HANDOVER_SYSCALL_64
from kernel_stub.layout import KERNEL_TEXT

_CALLBACK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_SYSRET: Final = bytes.fromhex("480f07")
_USER_DATA: Final = paging.USER | paging.WRITABLE | paging.NO_EXECUTE
_FAULT: Final = HANDOVER_EXCEPTION + vectors.PF


# --- an engine alone: the guest's `hlt` behind its last system call ends it -----------------------


def _hook_syscall(engine: Engine, function: int) -> None:
    instruction = ctypes.c_int(x86_const.UC_X86_INS_SYSCALL)
    engine.hook_native(unicorn.UC_HOOK_INSN, function, 0, instruction)


def native_callback(program: Program) -> float:
    """The engine's floor: machine code that only returns."""
    engine, host_code = engine_with(program), HostCode()
    _hook_syscall(engine, host_code.add(RETURN, {}))
    engine.hook_interrupts(lambda _: engine.stop())
    return timed(engine.run)


def python_callback(program: Program) -> float:
    """Python is called, and does nothing."""
    engine = engine_with(program)
    callback = _CALLBACK(lambda _engine, _data: None)
    _hook_syscall(engine, ctypes.cast(callback, ctypes.c_void_p).value or 0)
    engine.hook_interrupts(lambda _: engine.stop())
    return timed(engine.run)


def python_callback_with_state(program: Program) -> float:
    """Python is called, finds the whole state of the CPU, and has it stored."""
    engine = engine_with(program)
    engine.hook_syscall(lambda: None, None)
    engine.hook_interrupts(lambda _: engine.stop())
    return timed(engine.run)


def fault_seen(program: Program) -> float:
    """Python is called for the page fault, and gives the page; nothing is delivered."""
    engine = engine_with(program)
    tables = PageTables(engine.physical, engine.state.control(3))

    def interrupted(vector: int) -> None:
        if vector == vectors.PF:
            tables.map(engine.state.control(2), engine.physical.allocate(), _USER_DATA)
            engine.state.forget_exception()
        else:
            engine.stop()

    engine.hook_interrupts(interrupted)
    return timed(engine.run)


# --- a machine: rings, gates, entry code, counting; and a kernel of a few lines -------------------


class SmallKernel:
    """Answers no system call, gives a page to every fault, and ends the run at all else."""

    def __init__(self, machine: Machine, tables: PageTables) -> None:
        self._machine = machine
        self._tables = tables

    def handed_over(self, call: int, argument: int) -> None:
        """What the entry code handed over."""
        if call == _FAULT:
            address = self._machine.engine.state.control(2)
            self._tables.map(address, self._machine.physical.allocate(), _USER_DATA)
        elif call != HANDOVER_SYSCALL_64:
            self._machine.engine.stop()


class IdleWatcher:
    """Sees every crossing and does nothing. Where somebody watches, Python delivers SYSCALL."""

    def entered(self, event: Entered) -> None:
        """A crossing."""

    def refused(self, event: Refused) -> None:
        """A crossing that failed."""


def machine_with(program: Program, *watchers: Watcher) -> Machine:
    """A machine with the kernel's half of memory, in ring 3 at the program's entry."""
    machine = Machine(watchers=watchers)
    half = KernelHalf(machine)
    map_program(half.tables, program)
    machine.attach(SmallKernel(machine, half.tables))
    machine.engine.write_cr3(half.tables.root)
    half.enter_user(program.entry, program.stack_pointer, long=True)
    return machine


def watched_syscall(program: Program) -> float:
    """SYSCALL by Python's own rules, told to a watcher; the first instruction is SYSRET."""
    machine = machine_with(program, IdleWatcher())
    sysret = KERNEL_TEXT + read_image("entry").index(_SYSRET)
    machine.engine.write_msr(msrs.LSTAR, sysret)
    return timed(machine.run)


def small_kernel(program: Program) -> float:
    """The whole way in and out, counted, with nobody who answers."""
    machine = machine_with(program)
    return timed(machine.run)


STEPS: Final[Mapping[str, Callable[[Program], float]]] = {
    step.__name__: step
    for step in (
        native_callback,
        python_callback,
        python_callback_with_state,
        watched_syscall,
        small_kernel,
        fault_seen,
    )
}


def main(step: str, path: str, *arguments: str) -> None:
    """Runs the guest at `path`."""
    answer(seconds=STEPS[step](read_program(path, arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
