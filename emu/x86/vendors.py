"""Where Intel's and AMD's manuals differ on a crossing.

One row for each difference; the delivery asks the row, never the vendor's name.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Vendor(NamedTuple):
    """What one vendor's processors do where the two differ."""

    name: str
    cpuid_name: str
    compat_syscall: bool  # APM 3, SYSCALL; SDM 2B, SYSCALL: "#UD if not in 64-bit mode"
    long_mode_sysenter: bool  # APM 3, SYSENTER: "#UD in long mode"; SDM 2B, SYSENTER


INTEL: Final = Vendor("intel", "GenuineIntel", compat_syscall=False, long_mode_sysenter=True)
AMD: Final = Vendor("amd", "AuthenticAMD", compat_syscall=True, long_mode_sysenter=False)

VENDORS: Final = {vendor.name: vendor for vendor in (INTEL, AMD)}
