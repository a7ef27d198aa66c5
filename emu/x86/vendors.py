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
    sysret_checks_target: bool  # SDM 2B, SYSRET: "#GP(0) if RCX is not canonical"
    sysret_keeps_ss: bool  # APM 3, SYSRET: only the selector of SS is loaded
    null_selector_keeps_base: bool  # APM 2, "Segment Registers"


INTEL: Final = Vendor(
    "intel",
    "GenuineIntel",
    compat_syscall=False,
    long_mode_sysenter=True,
    sysret_checks_target=True,
    sysret_keeps_ss=False,
    null_selector_keeps_base=False,
)
AMD: Final = Vendor(
    "amd",
    "AuthenticAMD",
    compat_syscall=True,
    long_mode_sysenter=False,
    sysret_checks_target=False,
    sysret_keeps_ss=True,
    null_selector_keeps_base=True,
)

VENDORS: Final = {vendor.name: vendor for vendor in (INTEL, AMD)}

AS_THE_VENDOR: Final = "as the vendor"


class Difference(NamedTuple):
    """What the two manuals say of one thing, and whose behaviour this machine shows.

    `here` is AS_THE_VENDOR or the name of the one vendor that both machines follow; `unsupervised`
    the same for a machine that does not supervise its ring 0.
    """

    what: str
    intel: str
    amd: str
    here: str
    unsupervised: str
    manual: str


COMPAT_SYSCALL: Final = Difference(
    "SYSCALL in compatibility mode",
    "#UD",
    "enters at CSTAR",
    AS_THE_VENDOR,
    AS_THE_VENDOR,
    'SDM 2B, "SYSCALL"; APM 3, "SYSCALL"',
)
LONG_MODE_SYSENTER: Final = Difference(
    "SYSENTER in long mode",
    "enters at SYSENTER_EIP",
    "#UD",
    AS_THE_VENDOR,
    AS_THE_VENDOR,
    'SDM 2B, "SYSENTER"; APM 3, "SYSENTER"',
)
LONG_MODE_SYSEXIT: Final = Difference(
    "SYSEXIT of ring 0 in long mode",
    "goes to RDX in ring 3",
    "#UD",
    AS_THE_VENDOR,
    AS_THE_VENDOR,
    'SDM 2B, "SYSEXIT"; APM 3, "SYSEXIT"',
)
SYSRET_TARGET: Final = Difference(
    "SYSRET to 64-bit code, RCX not canonical",
    "#GP(0) in ring 0, at the SYSRET",
    "#GP(0) in ring 3, at the target",
    AS_THE_VENDOR,
    "amd",
    'SDM 2B, "SYSRET"; APM 3, "SYSRET"',
)
SYSRET_STACK: Final = Difference(
    "SYSRET's base, limit and attributes of SS",
    "those of a flat segment of ring 3",
    "unchanged: only the selector is loaded",
    AS_THE_VENDOR,
    "intel",
    'SDM 2B, "SYSRET"; APM 3, "SYSRET"',
)
NULL_BASE: Final = Difference(
    "a null selector loaded into FS",
    "the base becomes 0",
    "the base stays, unless CPUID says that it is cleared",
    AS_THE_VENDOR,
    AS_THE_VENDOR,
    'SDM 2B, "MOV"; APM 2, "Segment Registers"',
)
DIFFERENCES: Final = (
    *(COMPAT_SYSCALL, LONG_MODE_SYSENTER, LONG_MODE_SYSEXIT),
    *(SYSRET_TARGET, SYSRET_STACK, NULL_BASE),
)
