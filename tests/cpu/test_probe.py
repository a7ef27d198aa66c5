"""An engine that keeps its state in another way is refused; one that does not is left untouched.

Another layout is made by exchanging two neighbours whenever the state is saved or restored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from emu.cpu import engine as engine_module
from emu.cpu import hostcode, probe
from emu.cpu import state as at
from emu.cpu.engine import Engine
from emu.cpu.state import CpuState
from emu.errors import EngineError, UsageError
from emu.memory.physical import MINIMUM_SIZE, PhysicalMemory
from emu.x86.registers import FS, GDTR, GS


def with_layout(monkeypatch: pytest.MonkeyPatch, offset: int, width: int) -> None:
    """From now on `width` bytes at `offset` have changed places with the next `width`."""

    def make(block: memoryview, load: Callable[[], None], store: Callable[[], None]) -> CpuState:
        def exchange() -> None:
            here, there = slice(offset, offset + width), slice(offset + width, offset + 2 * width)
            block[here], block[there] = bytes(block[there]), bytes(block[here])

        def moved_load() -> None:
            load()
            exchange()

        def moved_store() -> None:
            exchange()
            store()
            exchange()

        return CpuState(block, moved_load, moved_store)

    monkeypatch.setattr(hostcode, "is_supported", lambda: False)
    monkeypatch.setattr(engine_module, "CpuState", make)


def base_of(segment: int) -> int:
    return at.SEGMENT + at.SEGMENT_STRIDE * segment + 8


FIELDS: Final = (
    *(pytest.param(8 * n, 8, id=f"GPR {n}") for n in range(16)),
    pytest.param(at.RIP, 8, id="RIP"),
    pytest.param(base_of(FS), 8, id="FS base"),
    pytest.param(base_of(GS), 8, id="GS base"),
    pytest.param(base_of(GDTR), 8, id="GDTR"),
    pytest.param(at.CR + 16, 8, id="CR2"),
    pytest.param(at.STAR, 8, id="STAR"),
    pytest.param(at.LSTAR, 8, id="LSTAR"),
    pytest.param(at.CSTAR, 8, id="CSTAR"),
    pytest.param(at.FMASK, 8, id="FMASK"),
    pytest.param(at.KERNEL_GS_BASE, 8, id="KERNEL_GS_BASE"),
    pytest.param(at.SYSENTER_CS, 8, id="SYSENTER_CS"),
    pytest.param(at.SYSENTER_ESP, 8, id="SYSENTER_ESP"),
    pytest.param(at.SYSENTER_EIP, 8, id="SYSENTER_EIP"),
    pytest.param(at.TSC_AUX, 8, id="TSC_AUX"),
    pytest.param(at.ERROR_CODE, 4, id="ERROR_CODE"),
    pytest.param(at.OLD_EXCEPTION, 4, id="OLD_EXCEPTION"),
    pytest.param(at.HIDDEN_FLAGS, 4, id="HIDDEN_FLAGS"),
    pytest.param(at.EFER, 8, id="EFER"),
    pytest.param(at.CC_SOURCE, 8, id="CC_SOURCE"),
    pytest.param(at.CC_OPERATION, 4, id="CC_OPERATION"),
    pytest.param(at.DIRECTION, 4, id="DIRECTION"),
    pytest.param(at.RFLAGS, 8, id="RFLAGS"),
    pytest.param(at.IS_INT, 4, id="IS_INT"),
    pytest.param(at.SEGMENT, 24, id="segments"),
    pytest.param(at.CR + 24, 8, id="CR3"),
)


@pytest.mark.parametrize(("offset", "width"), FIELDS)
def test_a_field_in_another_place_is_noticed(
    monkeypatch: pytest.MonkeyPatch, offset: int, width: int
) -> None:
    with_layout(monkeypatch, offset, width)
    with pytest.raises(EngineError, match="this Unicorn"):
        probe.proved_engine(PhysicalMemory(MINIMUM_SIZE), "haswell")


@pytest.mark.parametrize("size", [at.SIZE - 256, at.SIZE - 8, at.SIZE + 64])
def test_a_state_of_another_size_is_refused_with_its_size(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(at, "SIZE", size)
    with pytest.raises(EngineError, match=r"unknown size of the saved CPU state: \d+ bytes"):
        Engine(PhysicalMemory(MINIMUM_SIZE), "haswell")


def test_the_proof_leaves_state_and_memory_as_they_were() -> None:
    fresh, proved = PhysicalMemory(MINIMUM_SIZE), PhysicalMemory(MINIMUM_SIZE)
    untouched = Engine(fresh, "haswell")
    engine = probe.proved_engine(proved, "haswell")
    for each in (untouched, engine):
        each.state.load()
    assert bytes(engine.state.raw) == bytes(untouched.state.raw)
    assert not any(proved.view[:4096])


def test_an_unknown_model_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="no CPU model 'z80'"):
        probe.proved_engine(PhysicalMemory(MINIMUM_SIZE), "z80")


def test_cpuid_is_executed_for_each_leaf_and_subleaf_and_leaves_no_trace() -> None:
    physical = PhysicalMemory(MINIMUM_SIZE)
    engine = probe.proved_engine(physical, "haswell")
    engine.state.load()
    before = bytes(engine.state.raw)
    leaves = probe.execute_cpuid(engine, [(0, 0), (1, 0), (7, 0), (7, 1)])
    assert len(leaves) == 4
    vendor = b"".join(leaves[0][i].to_bytes(4, "little") for i in (1, 3, 2))
    assert vendor == b"GenuineIntel"
    assert leaves[2] != leaves[3]
    assert leaves == probe.execute_cpuid(engine, [(0, 0), (1, 0), (7, 0), (7, 1)])
    engine.state.load()
    assert bytes(engine.state.raw) == before
    assert not any(physical.view[:4096])


def test_a_process_proves_a_model_and_asks_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    physical = PhysicalMemory(MINIMUM_SIZE)
    first = probe.known_cpuid(probe.known_engine(physical, "haswell"), [(0, 0)])

    def never(*_: object) -> None:
        raise AssertionError("it is known")

    monkeypatch.setattr(probe, "proved_engine", never)
    monkeypatch.setattr(probe, "execute_cpuid", never)
    engine = probe.known_engine(PhysicalMemory(MINIMUM_SIZE), "haswell")
    assert probe.known_cpuid(engine, [(0, 0)]) == first
    with pytest.raises(AssertionError, match="it is known"):
        probe.known_engine(PhysicalMemory(MINIMUM_SIZE), "westmere")
