"""What our kernel sets in the processor before the first instruction, and what follows from it."""

from __future__ import annotations

import pytest

from emu.machine import DEFAULT_MODELS, Machine
from emu.memory import walk
from emu.x86 import msrs, paging, registers
from kernel_stub import layout
from kernel_stub.boot import KernelHalf
from tests import golden

MODELS = {"intel": "haswell_default", "amd": "epyc_default"}
PROTECTIONS = registers.CR4_SMEP | registers.CR4_SMAP | registers.CR4_UMIP
FOR_RING_3 = registers.CR4_FSGSBASE | registers.CR4_OSXSAVE


@pytest.mark.parametrize("vendor", DEFAULT_MODELS)
def test_of_the_protections_that_linux_sets_smap_is_left_out(vendor: str) -> None:
    machine = Machine(8 << 20, vendor)
    KernelHalf(machine)
    machine.engine.state.load()
    linux = golden.number(golden.machine(MODELS[vendor])["cr4"]) & ~registers.CR4_SMAP
    assert machine.engine.state.control(4) & PROTECTIONS == linux & PROTECTIONS
    assert machine.engine.state.control(4) & FOR_RING_3 == linux & FOR_RING_3 == FOR_RING_3


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("core2duo", 0),
        ("sandybridge", registers.CR4_OSXSAVE),
        ("haswell", registers.CR4_SMEP | FOR_RING_3),
    ],
)
def test_what_a_model_does_not_show_stays_off(model: str, shown: int) -> None:
    machine = Machine(8 << 20, model=model)
    KernelHalf(machine)
    machine.engine.state.load()
    assert machine.engine.state.control(4) & (PROTECTIONS | FOR_RING_3) == shown


def test_the_fast_entries_clear_ac() -> None:
    machine = Machine(8 << 20)
    KernelHalf(machine)
    assert machine.engine.read_msr(msrs.FMASK) == golden.number(
        golden.machine(MODELS["intel"])["msr"]["FMASK"]
    )


@pytest.mark.parametrize("high", [0, 1, 0x1F, 0x20, 0x1234, 0x3FFF, 0x4000, 0xC000, 0xFFFF])
def test_the_espfix_stack_is_seen_under_each_16_high_bits_and_only_read(high: int) -> None:
    tables = KernelHalf(Machine(8 << 20)).tables
    seen = layout.ESPFIX_STACKS + (high << 16)
    entry = tables.entry(seen)
    assert entry & paging.ADDRESS_MASK == tables.translate(layout.ESPFIX_PAGE)
    assert not entry & (paging.WRITABLE | paging.USER)
    assert walk.physical_address(tables.physical, tables.root, seen) == tables.translate(seen)
    assert [tables.entry(seen + page) for page in range(4096, 0x10000, 4096)] == [0] * 15
