"""RFLAGS: its bits and which of them belong together.

SDM 1, "EFLAGS Register"; SDM 3A, "System Flags and Fields in the EFLAGS Register".
"""

from __future__ import annotations

from typing import Final

CF: Final = 1 << 0
FIXED: Final = 1 << 1  # always 1
PF: Final = 1 << 2
AF: Final = 1 << 4
ZF: Final = 1 << 6
SF: Final = 1 << 7
TF: Final = 1 << 8
IF: Final = 1 << 9
DF: Final = 1 << 10
OF: Final = 1 << 11
IOPL_SHIFT: Final = 12
IOPL: Final = 3 << IOPL_SHIFT
NT: Final = 1 << 14
RF: Final = 1 << 16
VM: Final = 1 << 17
AC: Final = 1 << 18
VIF: Final = 1 << 19
VIP: Final = 1 << 20
ID: Final = 1 << 21

STATUS: Final = CF | PF | AF | ZF | SF | OF

NAMES: Final = {
    "CF": CF,
    "PF": PF,
    "AF": AF,
    "ZF": ZF,
    "SF": SF,
    "TF": TF,
    "IF": IF,
    "DF": DF,
    "OF": OF,
    "NT": NT,
    "RF": RF,
    "VM": VM,
    "AC": AC,
    "VIF": VIF,
    "VIP": VIP,
    "ID": ID,
}


def describe(flags: int) -> str:
    """The names of the bits that are set, e.g. `ZF IF`, with IOPL when it is not 0."""
    names = [name for name, bit in NAMES.items() if flags & bit]
    if flags & IOPL:
        names.append(f"IOPL={flags >> IOPL_SHIFT & 3}")
    return " ".join(names)
