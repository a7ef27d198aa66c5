"""Where Intel and AMD differ: one row each, with the names that CPUID gives."""

from __future__ import annotations

import pytest

from emu.x86.vendors import AMD, INTEL, VENDORS, Vendor


def test_the_two_vendors_are_found_by_name() -> None:
    assert VENDORS == {"intel": INTEL, "amd": AMD}


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_the_name_in_cpuid_has_twelve_letters(vendor: Vendor) -> None:
    assert len(vendor.cpuid_name) == 12


@pytest.mark.parametrize(
    ("column", "intel", "amd"),
    [
        ("cpuid_name", "GenuineIntel", "AuthenticAMD"),
        ("compat_syscall", False, True),
        ("long_mode_sysenter", True, False),
        ("sysret_checks_target", True, False),
        ("sysret_keeps_ss", False, True),
        ("null_selector_keeps_base", False, True),
    ],
)
def test_a_difference_is_as_the_two_manuals_have_it(
    column: str, intel: object, amd: object
) -> None:
    assert getattr(INTEL, column) == intel
    assert getattr(AMD, column) == amd
