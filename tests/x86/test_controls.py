"""Control registers: which writes are refused, each row with the value that it refuses and others.

SDM 2B, "MOV-Move to/from Control Registers"; SDM 3A, "Control Registers".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import controls, msrs, registers
from emu.x86.controls import Allowed, Controls, Refusal
from tests import golden

CR0: Final = 0x8005_0033
CR4: Final = 0x6A0
EFER: Final = 0xD01
RUNNING: Final = Controls(CR0, 0x1000, CR4, 0, EFER, in_64bit_mode=True)
NOT_PAGING: Final = RUNNING._replace(cr0=0x33, efer=EFER & ~msrs.EFER_LMA, in_64bit_mode=False)
HAS: Final = Allowed(cr3=(1 << 40) - 1, cr4=0x3F_07FF, efer=0xD01)
PCIDE: Final = registers.CR4_PCIDE

# before, what is written, the row that refuses it, or None
WRITES: Final = (
    (RUNNING, {"cr0": CR0 | 1 << 32}, "bits 63:32"),
    (RUNNING, {"cr0": CR0 | 1 << 63}, "bits 63:32"),
    (RUNNING, {"cr0": CR0 & ~1}, "PG without PE"),
    (NOT_PAGING, {"cr0": 1 << 31}, "PG without PE"),
    (NOT_PAGING, {"cr0": 0}, None),
    (RUNNING, {"cr0": CR0 | 1 << 29}, "NW without CD"),
    (RUNNING, {"cr0": CR0 | 3 << 29}, None),
    (RUNNING, {"cr0": CR0 | 1 << 30}, None),
    (RUNNING, {"cr0": CR0 & ~(1 << 31)}, "PG cleared in 64-bit mode"),
    (RUNNING._replace(in_64bit_mode=False), {"cr0": CR0 & ~(1 << 31)}, None),
    (RUNNING, {"cr0": CR0 & ~(1 << 16)}, None),
    (RUNNING, {"cr0": CR0 | 1 << 6}, None),
    (NOT_PAGING, {"cr0": CR0}, None),
    (
        NOT_PAGING._replace(cr4=0),
        {"cr0": CR0},
        "PG set with EFER.LME and without CR4.PAE",
    ),
    (NOT_PAGING._replace(cr4=0, efer=0), {"cr0": CR0}, None),
    (RUNNING, {"cr3": (1 << 40) - 1}, None),
    (RUNNING, {"cr3": 1 << 40}, "bits beyond the physical address, but bit 63 with PCIDE"),
    (RUNNING, {"cr3": 1 << 63}, "bits beyond the physical address, but bit 63 with PCIDE"),
    (RUNNING._replace(cr4=CR4 | PCIDE), {"cr3": 1 << 63}, None),
    (RUNNING, {"cr4": CR4 | 1 << 21}, None),
    (RUNNING, {"cr4": CR4 | 1 << 22}, "bits of features that CPUID does not show"),
    (RUNNING, {"cr4": CR4 | 1 << 31}, "bits of features that CPUID does not show"),
    (RUNNING, {"cr4": CR4 | 1 << 63}, "bits of features that CPUID does not show"),
    (RUNNING, {"cr4": CR4 & ~registers.CR4_PAE}, "PAE cleared in long mode"),
    (NOT_PAGING, {"cr4": CR4 & ~registers.CR4_PAE}, None),
    (RUNNING, {"cr4": CR4 | PCIDE}, None),
    (
        RUNNING._replace(cr3=0x1008),
        {"cr4": CR4 | PCIDE},
        "PCIDE set outside long mode, or while bits 11:0 of CR3 are not 0",
    ),
    (RUNNING._replace(cr3=0x1008, cr4=CR4 | PCIDE), {"cr4": CR4 | PCIDE}, None),
    (
        NOT_PAGING,
        {"cr4": CR4 | PCIDE},
        "PCIDE set outside long mode, or while bits 11:0 of CR3 are not 0",
    ),
    (RUNNING, {"cr8": 15}, None),
    (RUNNING, {"cr8": 16}, "bits 63:4"),
    (RUNNING, {"cr8": 1 << 63}, "bits 63:4"),
    (RUNNING, {"efer": EFER & ~msrs.EFER_SCE}, None),
    (RUNNING, {"efer": EFER & ~msrs.EFER_NXE}, None),
    (RUNNING, {"efer": EFER & ~msrs.EFER_LMA}, None),
    (RUNNING, {"efer": EFER | 1 << 1}, "bits of features that CPUID does not show"),
    (RUNNING, {"efer": EFER | msrs.EFER_SVME}, "bits of features that CPUID does not show"),
    (RUNNING, {"efer": EFER | 1 << 63}, "bits of features that CPUID does not show"),
    (RUNNING, {"efer": EFER & ~msrs.EFER_LME}, "LME changed while paging"),
    (NOT_PAGING, {"efer": msrs.EFER_NXE}, None),
)


@pytest.mark.parametrize(("before", "written", "what"), WRITES)
def test_a_write_is_refused_by_its_row_or_taken(
    before: Controls, written: dict[str, int], what: str | None
) -> None:
    after = before._replace(**written)  # type: ignore[arg-type]  # none of them is in_64bit_mode
    found = controls.refusal(before, after, HAS)
    assert (found.what if found else None) == what
    if found:
        assert [found.register.lower()] == list(written)


@pytest.mark.parametrize("row", controls.TABLE, ids=lambda row: f"{row.register}: {row.what}")
def test_every_row_has_a_write_that_it_refuses(row: Refusal) -> None:
    assert row.what in {what for _, _, what in WRITES}


@pytest.mark.parametrize("register", ["cr0", "cr4", "efer"])
@pytest.mark.parametrize("model", golden.VENDORS)
def test_linux_writes_nothing_that_is_refused(model: str, register: str) -> None:
    machine = golden.machine(model)
    numbers = {
        "cr0": golden.number(machine["cr0"]),
        "cr4": golden.number(machine["cr4"]),
        "efer": golden.number(machine["msr"]["EFER"]),
    }
    after = RUNNING._replace(**{register: numbers[register]})  # type: ignore[arg-type]  # as above
    assert controls.refusal(RUNNING, after, HAS) is None


LEAVES: Final = {
    (1, 0): (0, 0, 1 << 5, 1 << 6 | 1 << 24),  # VMX; PAE, FXSR
    (7, 0): (0, 1 << 7, 0, 0),  # SMEP
    (0x8000_0001, 0): (0, 0, 1 << 2, 0),  # SVM
    (0x8000_0008, 0): (0x3028, 0, 0, 0),  # 40 bits
}


def test_what_a_model_has_is_what_cpuid_shows() -> None:
    found = controls.allowed(LEAVES)
    assert found.cr3 == (1 << 40) - 1
    assert found.cr4 == 1 << 5 | 1 << 9 | 1 << 13 | 1 << 20
    assert found.efer == EFER | msrs.EFER_SVME
