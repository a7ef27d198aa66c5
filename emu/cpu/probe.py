"""Asks a fresh engine what it is: proves the layout of its state, and executes CPUID.

Both run a few bytes of guest code in frame 0, which nobody else uses, before paging is on. What
state.py and engine.py rely on is checked here or the machine does not start: another Unicorn would
give wrong answers, not errors. A process loads one Unicorn, so what was found of a model holds for
every later engine of it: `known_engine` and `known_cpuid` ask once. It knows no gate and no kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, NamedTuple

from emu.cpu import state as at
from emu.cpu.engine import Engine
from emu.cpu.state import CpuState, Segment
from emu.errors import EngineError
from emu.memory.physical import PhysicalMemory
from emu.x86 import flags, msrs
from emu.x86.registers import CS, FS, GDTR, GS, RDI, RSI
from emu.x86.vectors import GP

_PAGE: Final = 0
_BAD_SELECTOR: Final = 0x5678  # beyond every GDT: #GP with this error code
_LOAD_DS: Final = bytes.fromhex("8ed8")  # mov %eax,%ds
_CLI: Final = bytes.fromhex("fa 8ed8")  # cli; mov %eax,%ds: whatever the ring, one faults
_INT_77: Final = bytes.fromhex("cd77")
_CPUID: Final = bytes.fromhex(  # for each entry at (%rsi), %edi of them
    "8b06 8b4e04 0fa2"  # mov (%rsi),%eax; mov 4(%rsi),%ecx; cpuid
    "8906 895e04 894e08 89560c"  # mov %eax,(%rsi) ... mov %edx,12(%rsi)
    "4883c610 ffcf 75e6"  # add $16,%rsi; dec %edi; jnz to the start
    "b878560000 8ed8"  # mov $0x5678,%eax; mov %eax,%ds: faults, which ends it
)
_REGISTERS: Final = Struct("<4I")
_RING3_CODE: Final = Segment(3, 0, 0xFFFF_FFFF, 0x00AF_FB00)
_RING3_DATA: Final = Segment(3, 0, 0xFFFF_FFFF, 0x00CF_F300)

_MSR_OFFSETS: Final = {
    msrs.SYSENTER_CS: at.SYSENTER_CS,
    msrs.SYSENTER_ESP: at.SYSENTER_ESP,
    msrs.SYSENTER_EIP: at.SYSENTER_EIP,
    msrs.STAR: at.STAR,
    msrs.LSTAR: at.LSTAR,
    msrs.CSTAR: at.CSTAR,
    msrs.FMASK: at.FMASK,
    msrs.KERNEL_GS_BASE: at.KERNEL_GS_BASE,
    msrs.TSC_AUX: at.TSC_AUX,
    msrs.FS_BASE: at.SEGMENT + at.SEGMENT_STRIDE * FS + 8,
    msrs.GS_BASE: at.SEGMENT + at.SEGMENT_STRIDE * GS + 8,
}


class Report(NamedTuple):
    """What the state says at an exception."""

    vector: int
    error_code: int
    old_exception: int
    is_int: bool
    rip: int
    next_rip: int


def proved_engine(physical: PhysicalMemory, model: str) -> Engine:
    """An engine whose state block means what state.py says.

    Raises:
        UsageError: there is no such model.
        EngineError: this Unicorn keeps its state in another way.
    """
    engine = Engine(physical, model)
    _prove_registers(engine)
    _prove_exceptions(engine)
    return engine


def known_engine(physical: PhysicalMemory, model: str) -> Engine:
    """As `proved_engine`, where this process has not proved the model yet. Raises the same."""
    if model in _proved:
        return Engine(physical, model)
    engine = proved_engine(physical, model)
    _proved.add(model)
    return engine


def known_cpuid(
    engine: Engine, leaves: Sequence[tuple[int, int]]
) -> list[tuple[int, int, int, int]]:
    """As `execute_cpuid`, where this process has not asked the model these leaves yet."""
    key = engine.model, tuple(leaves)
    if key not in _answers:
        _answers[key] = execute_cpuid(engine, leaves)
    return [*_answers[key]]


# What this process's Unicorn was found to be: models, and what they answer.
_proved: Final[set[str]] = set()
_answers: Final[dict[tuple[str, tuple[tuple[int, int], ...]], list[tuple[int, int, int, int]]]] = {}


def _prove_registers(engine: Engine) -> None:
    """What is written through the block is read by the engine's calls, and the reverse."""
    state = engine.state
    state.load()
    clean = bytes(state.raw)
    expected = [0x5CA1_AB1E_0000_0000 + i for i in range(16)] + [0x7000_1234]
    for i, mark in enumerate(expected):
        state.words[i] = mark
    state.words[at.RFLAGS >> 3] = flags.AC | flags.FIXED
    state.words[at.CC_SOURCE >> 3] = flags.ZF | flags.CF
    state.dwords[at.CC_OPERATION >> 2] = at.CC_IS_FLAGS
    state.dwords[at.DIRECTION >> 2] = 0xFFFF_FFFF
    state.set_segment(CS, Segment(0x1233, 0, 0, 0))
    state.set_segment(GS, Segment(0x5673, 0, 0, 0))
    state.store()
    found = [*engine.read_registers(), engine.flags(), *engine.read_selectors()]
    expected += [flags.AC | flags.FIXED | flags.ZF | flags.CF | flags.DF, 0x1233, 0x5673]
    for number, offset in _MSR_OFFSETS.items():
        mark = 0x5A00 | number & 0xFF
        engine.write_msr(number, mark)
        state.load()
        expected.append(mark)
        found.append(state.words[offset >> 3])
    engine.write_gdtr(0x1234_5000, 0x7F)
    engine.write_cr2(0x7777_1000)
    engine.write_cr3(0x5000)
    efer = engine.read_msr(msrs.EFER)
    state.load()
    found += [state.segment(GDTR).base, state.segment(GDTR).limit, state.control(2)]
    found += [state.control(3), state.words[at.EFER >> 3]]
    expected += [0x1234_5000, 0x7F, 0x7777_1000, 0x5000, efer]
    engine.write_cr3(0)
    if found != expected:
        raise EngineError("the saved CPU state of this Unicorn is laid out in an unknown way")
    state.raw[:] = clean
    state.store()


def _prove_exceptions(engine: Engine) -> None:
    """In ring 3, made by hand: a bad selector, a privileged instruction and INT n are reported."""
    state = engine.state
    seen: list[Report] = []

    def note(vector: int) -> None:
        old = state.dwords[at.OLD_EXCEPTION >> 2]
        seen.append(Report(vector, state.error_code, old, state.is_int, state.rip, state.next_rip))
        engine.stop()

    def prepare() -> None:
        state.words[0] = _BAD_SELECTOR
        state.set_cs_ss(_RING3_CODE, _RING3_DATA, cpl=3)

    for code in (_LOAD_DS, _CLI, _INT_77):
        _execute(engine, code, prepare, note)
    load, cli, interrupt = seen
    if (
        load[:5] != (GP, _BAD_SELECTOR, GP, False, _PAGE)
        or cli[:5] != (GP, 0, GP, False, _PAGE)
        or (interrupt.vector, interrupt.is_int, interrupt.rip, interrupt.next_rip)
        != (0x77, True, _PAGE + len(_INT_77), _PAGE + len(_INT_77))
    ):
        raise EngineError("this Unicorn reports exceptions in an unknown way")


def execute_cpuid(
    engine: Engine, leaves: Sequence[tuple[int, int]]
) -> list[tuple[int, int, int, int]]:
    """EAX, EBX, ECX, EDX of each (leaf, subleaf), by executing CPUID."""
    table = _PAGE + len(_CPUID)
    end = table + _REGISTERS.size * len(leaves)
    view = engine.physical.view
    for i, leaf in enumerate(leaves):
        _REGISTERS.pack_into(view, table + _REGISTERS.size * i, *leaf, 0, 0)

    def prepare() -> None:
        engine.state.words[RSI], engine.state.words[RDI] = table, len(leaves)

    _execute(engine, _CPUID, prepare, lambda vector: engine.stop())
    found = list(_REGISTERS.iter_unpack(view[table:end]))
    view[table:end] = bytes(end - table)
    return found


def _execute(
    engine: Engine,
    code: bytes,
    prepare: Callable[[], None],
    interrupted: Callable[[int], None],
) -> None:
    """Runs `code` until its fault, and leaves no trace: state, memory, translated code."""
    state: CpuState = engine.state
    view = engine.physical.view
    view[_PAGE : _PAGE + len(code)] = code
    state.load()
    clean = bytes(state.raw)
    prepare()
    state.rip = _PAGE
    state.store()
    engine.hook_interrupts(interrupted)
    engine.run()
    engine.hook_interrupts(None)
    view[_PAGE : _PAGE + len(code)] = bytes(len(code))
    state.raw[:] = clean
    state.store()
    engine.flush_code()
