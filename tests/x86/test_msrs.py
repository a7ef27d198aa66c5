"""MSRs that take part in a crossing: their numbers, their bits, and Linux's values in them."""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import msrs
from tests import golden

# SDM 4, "IA-32 Architectural MSRs".
NUMBERS: Final = {
    "SYSENTER_CS": 0x174,
    "SYSENTER_ESP": 0x175,
    "SYSENTER_EIP": 0x176,
    "EFER": 0xC000_0080,
    "STAR": 0xC000_0081,
    "LSTAR": 0xC000_0082,
    "CSTAR": 0xC000_0083,
    "FMASK": 0xC000_0084,
    "FS_BASE": 0xC000_0100,
    "GS_BASE": 0xC000_0101,
    "KERNEL_GS_BASE": 0xC000_0102,
    "TSC_AUX": 0xC000_0103,
}


def test_every_msr_has_the_number_of_the_manual() -> None:
    assert {name: getattr(msrs, name) for name in NUMBERS} == NUMBERS


@pytest.mark.parametrize("model", golden.VENDORS)
def test_linux_has_these_bits_in_efer(model: str) -> None:
    efer = golden.number(golden.machine(model)["msr"]["EFER"])
    assert efer == msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE


@pytest.mark.parametrize("model", golden.VENDORS)
def test_linux_has_these_selectors_in_star(model: str) -> None:
    star = golden.number(golden.machine(model)["msr"]["STAR"])
    assert msrs.STAR_LAYOUT.unpack(star) == {"eip": 0, "syscall_cs": 0x10, "sysret_cs": 0x23}


def test_an_msr_of_golden_states_is_known_here_or_takes_no_part() -> None:
    takes_no_part = {"SPEC_CTRL", "APICBASE", "PAT"}
    for model in golden.VENDORS:
        assert set(golden.machine(model)["msr"]) - takes_no_part == set(NUMBERS)
