"""The model-specific registers of this machine: what each holds, and what may be written to it.

One row for each; docs/msrs.md is printed from them. Where the vendors differ a row has a rule for
each, and none where the register does not exist. It holds no values of a running machine, and what
depends on other registers stands in controls.py.
SDM 4, "Model-Specific Registers (MSRs)"; SDM 2D, "WRMSR"; APM 2, "System Resources", and its
appendix "MSR Cross-Reference".
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from emu.x86 import msrs
from emu.x86.paging import is_canonical

_HIGH: Final = 0xFFFF_FFFF_0000_0000
_PAT_TYPES: Final = frozenset((0, 1, 4, 5, 6, 7))
_MTRR_TYPES: Final = frozenset((0, 1, 4, 5, 6))


class Rule(NamedTuple):
    """Which values WRMSR takes; any other is #GP(0). What is `lost` reads as 0 afterwards.

    `types`: what each of the low `type_bytes` bytes may be, as a memory type.
    """

    text: str
    reserved: int = 0
    lost: int = 0
    canonical: bool = False
    types: frozenset[int] | None = None
    type_bytes: int = 0
    writable: bool = True

    def takes(self, value: int) -> bool:
        """Whether WRMSR with `value` is no #GP(0)."""
        types = value.to_bytes(8, "little")[: self.type_bytes]
        return (
            self.writable
            and not value & self.reserved
            and (not self.canonical or is_canonical(value))
            and (self.types is None or self.types.issuperset(types))
        )


ANYTHING: Final = Rule("anything")
UNCHECKED: Final = Rule("not checked here")
NOTHING: Final = Rule("nothing: it is read-only", writable=False)
ADDRESS: Final = Rule("a canonical address", canonical=True)
LOW_HALF: Final = Rule("bits 63:32 are reserved", reserved=_HIGH)
HIGH_HALF_LOST: Final = Rule("bits 63:32 are lost", lost=_HIGH)
SELECTOR: Final = Rule("bits 63:16 are lost", lost=~0xFFFF & (1 << 64) - 1)
EFER_RULE: Final = Rule("SCE, LME, NXE, and what else CPUID shows; LME stays while paging")
PAT_RULE: Final = Rule("each byte 0, 1, 4, 5, 6 or 7", types=_PAT_TYPES, type_bytes=8)
FIXED_TYPES: Final = Rule("each byte 0, 1, 4, 5 or 6", types=_MTRR_TYPES, type_bytes=8)
DEFAULT_TYPE: Final = Rule(
    "bits 7:0 0, 1, 4, 5 or 6; else only bits 10 and 11",
    reserved=~0xCFF & (1 << 64) - 1,
    types=_MTRR_TYPES,
    type_bytes=1,
)
RANGE_BASE: Final = Rule(
    "bits 7:0 0, 1, 4, 5 or 6; bits 11:8 are reserved",
    reserved=0xF00,
    types=_MTRR_TYPES,
    type_bytes=1,
)
RANGE_MASK: Final = Rule("bits 10:0 are reserved", reserved=0x7FF)

_MODEL_SPECIFIC: Final = 'SDM 4, "IA-32 Architectural MSRs"'
_FAST: Final = 'SDM 2B, "SYSCALL"; APM 2, "SYSCALL and SYSRET MSRs"'
_SYSENTER: Final = 'SDM 2B, "SYSENTER"; SDM 2D, "WRMSR"; APM 2, "SYSENTER and SYSEXIT MSRs"'
_BASES: Final = 'SDM 2D, "WRMSR"; APM 2, "FS and GS Registers in 64-Bit Mode"'
_MTRRS: Final = 'SDM 3A, "Memory Type Range Registers (MTRRs)"'
_MACHINE_CHECK: Final = 'SDM 3B, "Machine-Check MSRs"'


class Msr(NamedTuple):
    """One register, or `width` of them side by side. A vendor's rule is None: it has none."""

    number: int
    name: str
    holds: str
    intel: Rule | None
    amd: Rule | None
    manual: str
    width: int = 1
    here: str = ""

    def rule(self, vendor: str) -> Rule | None:
        """The rule of the vendor called `vendor`."""
        return {"intel": self.intel, "amd": self.amd}[vendor]


def _both(
    number: int, name: str, holds: str, rule: Rule, manual: str, width: int = 1, here: str = ""
) -> Msr:
    return Msr(number, name, holds, rule, rule, manual, width, here)


def _ranges() -> list[Msr]:
    """The variable MTRRs: eight pairs."""
    rows = []
    for pair in range(8):
        number = 0x200 + 2 * pair
        holds = "base and type of a memory range"
        rows += [
            _both(number, f"MTRR_PHYSBASE{pair}", holds, RANGE_BASE, _MTRRS),
            _both(number + 1, f"MTRR_PHYSMASK{pair}", "mask of that range", RANGE_MASK, _MTRRS),
        ]
    return rows


_ALWAYS_0: Final = "reads 0, keeps nothing"
_KEEPS_ALL: Final = "AMD's keeps them where ring 0 is not supervised"

TABLE: Final = (
    _both(msrs.TSC, "TSC", "the time-stamp counter", ANYTHING, _MODEL_SPECIFIC, here=_ALWAYS_0),
    _both(
        msrs.APIC_BASE,
        "APIC_BASE",
        "where the local APIC is",
        UNCHECKED,
        _MODEL_SPECIFIC,
        here=_ALWAYS_0,
    ),
    Msr(
        msrs.BIOS_SIGN_ID,
        "BIOS_SIGN_ID",
        "the revision of the microcode",
        UNCHECKED,
        NOTHING,
        _MODEL_SPECIFIC,
        here="keeps nothing",
    ),
    Msr(msrs.MTRR_CAP, "MTRRCAP", "how many MTRRs there are", NOTHING, NOTHING, _MTRRS),
    Msr(
        msrs.SYSENTER_CS, "SYSENTER_CS", "CS of SYSENTER; 0: #GP(0)", SELECTOR, SELECTOR, _SYSENTER
    ),
    Msr(
        msrs.SYSENTER_ESP,
        "SYSENTER_ESP",
        "RSP of SYSENTER",
        ADDRESS,
        HIGH_HALF_LOST,
        _SYSENTER,
        here=_KEEPS_ALL,
    ),
    Msr(
        msrs.SYSENTER_EIP,
        "SYSENTER_EIP",
        "RIP of SYSENTER",
        ADDRESS,
        HIGH_HALF_LOST,
        _SYSENTER,
        here=_KEEPS_ALL,
    ),
    Msr(0x179, "MCG_CAP", "what machine check there is", NOTHING, NOTHING, _MACHINE_CHECK),
    _both(0x17A, "MCG_STATUS", "the state of a machine check", UNCHECKED, _MACHINE_CHECK),
    _both(0x17B, "MCG_CTL", "which machine checks report", UNCHECKED, _MACHINE_CHECK),
    Msr(0x198, "PERF_STATUS", "the current performance state", NOTHING, None, _MODEL_SPECIFIC),
    Msr(msrs.MISC_ENABLE, "MISC_ENABLE", "features turned on", UNCHECKED, None, _MODEL_SPECIFIC),
    *_ranges(),
    _both(0x250, "MTRR_FIX64K", "types below 512 KiB", FIXED_TYPES, _MTRRS),
    _both(0x258, "MTRR_FIX16K", "types below 768 KiB", FIXED_TYPES, _MTRRS, width=2),
    _both(0x268, "MTRR_FIX4K", "types below 1 MiB", FIXED_TYPES, _MTRRS, width=8),
    _both(
        msrs.PAT,
        "PAT",
        "the memory types that page tables name",
        PAT_RULE,
        'SDM 3A, "IA32_PAT MSR"',
    ),
    _both(msrs.MTRR_DEF_TYPE, "MTRR_DEF_TYPE", "the type of all else", DEFAULT_TYPE, _MTRRS),
    _both(
        0x400,
        "MC_BANKS",
        "four for each bank of machine check",
        UNCHECKED,
        _MACHINE_CHECK,
        width=40,
    ),
    _both(
        msrs.EFER,
        "EFER",
        "SYSCALL, long mode and no-execute turned on",
        EFER_RULE,
        'SDM 3A, "IA32_EFER"; APM 2, "Extended Feature Enable Register (EFER)"',
    ),
    _both(msrs.STAR, "STAR", "the selectors of SYSCALL and SYSRET", ANYTHING, _FAST),
    _both(msrs.LSTAR, "LSTAR", "RIP of SYSCALL from 64-bit code", ADDRESS, _FAST),
    _both(msrs.CSTAR, "CSTAR", "RIP of SYSCALL from 32-bit code (AMD)", ADDRESS, _FAST),
    Msr(
        msrs.FMASK,
        "FMASK",
        "the flags that SYSCALL clears",
        LOW_HALF,
        HIGH_HALF_LOST,
        _FAST,
        here=_KEEPS_ALL,
    ),
    Msr(msrs.FS_BASE, "FS_BASE", "the base of FS", ADDRESS, ADDRESS, _BASES),
    Msr(msrs.GS_BASE, "GS_BASE", "the base of GS", ADDRESS, ADDRESS, _BASES),
    Msr(
        msrs.KERNEL_GS_BASE,
        "KERNEL_GS_BASE",
        "what SWAPGS exchanges it with",
        ADDRESS,
        ADDRESS,
        _BASES,
    ),
    Msr(
        msrs.TSC_AUX,
        "TSC_AUX",
        "ECX of RDTSCP",
        LOW_HALF,
        HIGH_HALF_LOST,
        'SDM 2B, "RDTSCP"',
        here=_KEEPS_ALL,
    ),
    Msr(
        0xC001_0010,
        "SYSCFG",
        "the system's configuration",
        None,
        UNCHECKED,
        'APM 2, "SYSCFG"',
        here=_ALWAYS_0,
    ),
    Msr(
        0xC001_0015,
        "HWCR",
        "the hardware's configuration",
        None,
        UNCHECKED,
        'APM 2, "HWCR"',
        here=_ALWAYS_0,
    ),
    Msr(
        0xC001_0114,
        "VM_CR",
        "virtual machines turned off",
        None,
        UNCHECKED,
        'APM 2, "VM_CR MSR"',
        here=_ALWAYS_0,
    ),
    Msr(
        0xC001_0117, "VM_HSAVE_PA", "where VMRUN saves", None, UNCHECKED, 'APM 2, "VM_HSAVE_PA MSR"'
    ),
)

# Those that take part in a crossing, by number.
_OF_CROSSINGS: Final = frozenset(
    (
        *(msrs.SYSENTER_CS, msrs.SYSENTER_ESP, msrs.SYSENTER_EIP, msrs.EFER, msrs.STAR),
        *(msrs.LSTAR, msrs.CSTAR, msrs.FMASK, msrs.FS_BASE, msrs.GS_BASE, msrs.KERNEL_GS_BASE),
        msrs.TSC_AUX,
    )
)
NAMES: Final = {row.number: row.name for row in TABLE if row.number in _OF_CROSSINGS}


@cache
def find(number: int) -> Msr | None:
    """The row of the MSR `number`, or None: no vendor's processor here has it."""
    for row in TABLE:
        if row.number <= number < row.number + row.width:
            return row
    return None
