"""The table of MSRs: which vendor has which, and which values each takes.

SDM 4, "IA-32 Architectural MSRs"; SDM 2D, "WRMSR"; APM 2, "MSR Cross-Reference".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.x86 import msr_table, msrs
from tests import golden

BOTH: Final = ("intel", "amd")
MAX: Final = (1 << 64) - 1
TOP: Final = 1 << 32

# number, vendors that have it
EXISTS: Final = (
    (msrs.LSTAR, BOTH),
    (msrs.EFER, BOTH),
    (msrs.PAT, BOTH),
    (0x20F, BOTH),
    (0x268, BOTH),
    (0x26F, BOTH),
    (0x427, BOTH),
    (0x198, ("intel",)),
    (msrs.MISC_ENABLE, ("intel",)),
    (0xC001_0015, ("amd",)),
    (0xC001_0117, ("amd",)),
    (0, ()),
    (0x1_2345, ()),
    (0x210, ()),
    (0x251, ()),
    (0x25A, ()),
    (0x270, ()),
    (0xC000_0085, ()),
    (0xC000_0104, ()),
    (0xFFFF_FFFF, ()),
)


@pytest.mark.parametrize(("number", "vendors"), EXISTS)
def test_a_register_exists_for_these_vendors(number: int, vendors: tuple[str, ...]) -> None:
    row = msr_table.find(number)
    assert tuple(vendor for vendor in BOTH if row and row.rule(vendor)) == vendors


# number, value, vendors that take it
VALUES: Final = (
    (msrs.STAR, MAX, BOTH),
    (msrs.SYSENTER_CS, MAX, BOTH),
    *(
        (number, value, BOTH if canonical else ())
        for number in (*(msrs.LSTAR, msrs.CSTAR, msrs.FS_BASE, msrs.GS_BASE, msrs.KERNEL_GS_BASE),)
        for value, canonical in (
            (0, True),
            ((1 << 47) - 1, True),
            (0xFFFF_8000_0000_0000, True),
            (MAX, True),
            (1 << 47, False),
            (1 << 63, False),
            (0xFFFF_7FFF_FFFF_FFFF, False),
        )
    ),
    (msrs.SYSENTER_ESP, 1 << 63, ("amd",)),
    (msrs.SYSENTER_EIP, 1 << 47, ("amd",)),
    (msrs.SYSENTER_EIP, 0, BOTH),
    (msrs.FMASK, TOP - 1, BOTH),
    (msrs.FMASK, TOP, ("amd",)),
    (msrs.TSC_AUX, TOP - 1, BOTH),
    (msrs.TSC_AUX, TOP, ("amd",)),
    (msrs.PAT, 0x0007_0406_0007_0406, BOTH),
    (msrs.PAT, 0x0106_0504_0007_0106, BOTH),
    *((msrs.PAT, wrong << 8 * byte, ()) for byte in range(8) for wrong in (2, 3, 8, 0x40, 0xFF)),
    (0x250, 0x0006_0504_0100_0606, BOTH),
    (0x26F, 7, ()),
    (msrs.MTRR_DEF_TYPE, 0xC06, BOTH),
    *((msrs.MTRR_DEF_TYPE, value, ()) for value in (2, 3, 7, 0x100, 0x200, 0x1000, 1 << 63)),
    (0x200, 0x1234_5000 | 6, BOTH),
    (0x200, 2, ()),
    (0x20E, 0x100, ()),
    (0x201, 0x800, BOTH),
    (0x201, 0x400, ()),
    (0x20F, 1, ()),
    (msrs.MTRR_CAP, 0x508, ()),
    (0x179, 0, ()),
)


@pytest.mark.parametrize(("number", "value", "vendors"), VALUES)
def test_wrmsr_takes_these_values(number: int, value: int, vendors: tuple[str, ...]) -> None:
    row = msr_table.find(number)
    assert row is not None
    taken = tuple(v for v in BOTH if (rule := row.rule(v)) and rule.takes(value))
    assert taken == vendors


def test_no_two_rows_share_a_number() -> None:
    numbers = [row.number + n for row in msr_table.TABLE for n in range(row.width)]
    assert len(numbers) == len(set(numbers))


def test_no_two_rows_share_a_name_and_each_has_its_chapter() -> None:
    names = [row.name for row in msr_table.TABLE]
    assert len(names) == len(set(names))
    assert all(row.manual.startswith(("SDM", "APM")) for row in msr_table.TABLE)


def test_every_register_of_a_crossing_is_in_the_table_under_its_name() -> None:
    known = vars(msrs)
    for name in ("EFER", "STAR", "LSTAR", "CSTAR", "FMASK", "SYSENTER_CS", "KERNEL_GS_BASE"):
        row = msr_table.find(known[name])
        assert row is not None
        assert row.name == name


@pytest.mark.parametrize("model", golden.VENDORS)
def test_what_linux_wrote_is_taken(model: str) -> None:
    numbers = {row.name: row.number for row in msr_table.TABLE}
    vendor = model if model in BOTH else {"haswell_default": "intel"}.get(model, "amd")
    found = golden.machine(model)["msr"]
    for name in set(found) & set(numbers):
        row = msr_table.find(numbers[name])
        assert row is not None
        rule = row.rule(vendor)
        assert rule is not None
        assert rule.takes(golden.number(found[name]))
