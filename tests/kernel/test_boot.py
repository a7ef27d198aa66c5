"""What our kernel sets in the processor before the first instruction, and what follows from it."""

from __future__ import annotations

import pytest

from emu.machine import DEFAULT_MODELS, Machine
from emu.x86 import msrs, registers
from kernel_stub.boot import KernelHalf
from tests import golden

MODELS = {"intel": "haswell_default", "amd": "epyc_default"}
PROTECTIONS = registers.CR4_SMEP | registers.CR4_SMAP | registers.CR4_UMIP


@pytest.mark.parametrize("vendor", DEFAULT_MODELS)
def test_of_the_protections_that_linux_sets_smap_is_left_out(vendor: str) -> None:
    machine = Machine(8 << 20, vendor)
    KernelHalf(machine)
    machine.engine.state.load()
    linux = golden.number(golden.machine(MODELS[vendor])["cr4"]) & ~registers.CR4_SMAP
    assert machine.engine.state.control(4) & PROTECTIONS == linux & PROTECTIONS


@pytest.mark.parametrize(
    ("model", "protections"),
    [("core2duo", 0), ("sandybridge", 0), ("haswell", registers.CR4_SMEP)],
)
def test_what_a_model_does_not_show_stays_off(model: str, protections: int) -> None:
    machine = Machine(8 << 20, model=model)
    KernelHalf(machine)
    machine.engine.state.load()
    assert machine.engine.state.control(4) & PROTECTIONS == protections


def test_the_fast_entries_clear_ac() -> None:
    machine = Machine(8 << 20)
    KernelHalf(machine)
    assert machine.engine.read_msr(msrs.FMASK) == golden.number(
        golden.machine(MODELS["intel"])["msr"]["FMASK"]
    )
