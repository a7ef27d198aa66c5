"""The checks of a delivery through the IDT, each with its chapter.

One row for each check, which a refused delivery names. It makes no check itself. Manuals are cited
by title; SDM is Intel's, APM is AMD's.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

# What a check looked at: names and numbers, in the order in which they are told.
Inputs: TypeAlias = tuple[tuple[str, int], ...]

_LEVELS: Final = frozenset(("CPL", "DPL", "RPL", "IOPL"))


class Check(NamedTuple):
    """What was found wrong, in words, and the manual's step."""

    name: str
    manual: str


_INT_N: Final = 'SDM 2A, "INT n/INTO/INT3/INT1", Operation'
_DELIVERY: Final = 'SDM 3A, "Interrupt and Exception Handling in 64-bit Mode"'
_HANDLER: Final = 'SDM 3A, "Protection of Exception- and Interrupt-Handler Procedures"'

# Of a delivery through the IDT, in the order in which they are made.
GATE_LIMIT: Final = Check("gate beyond the IDT's limit", _INT_N)
GATE_TYPE: Final = Check("not an interrupt or trap gate", 'SDM 3A, "64-Bit Mode IDT"')
GATE_DPL: Final = Check("gate DPL below CPL", _HANDLER)
GATE_PRESENT: Final = Check("gate not present", _INT_N)
GATE_NULL_CODE: Final = Check("null code selector in the gate", _INT_N)
TABLE_LIMIT: Final = Check("selector beyond its table's limit", 'SDM 3A, "Limit Checking"')
GATE_CODE: Final = Check("no code segment that this CPL may enter", _HANDLER)
CODE_PRESENT: Final = Check("code segment not present", _INT_N)
CODE_LONG: Final = Check("not a 64-bit code segment", _DELIVERY)
TSS_LIMIT: Final = Check("stack beyond the TSS's limit", 'SDM 3A, "64-Bit Task State Segment"')
STACK_CANONICAL: Final = Check(
    "stack pointer not canonical", 'SDM 3A, "Stack Switching in IA-32e Mode"'
)
PUSH: Final = Check("push of the frame", 'SDM 3A, "64-Bit Mode Stack Frame"')
TABLE_READ: Final = Check("read of a system table", 'SDM 3A, "Page-Fault Exceptions"')

DELIVERY: Final = (
    *(GATE_LIMIT, GATE_TYPE, GATE_DPL, GATE_PRESENT, GATE_NULL_CODE, TABLE_LIMIT, GATE_CODE),
    *(CODE_PRESENT, CODE_LONG, TSS_LIMIT, STACK_CANONICAL, PUSH, TABLE_READ),
)


def in_words(inputs: Inputs) -> str:
    """E.g. `vector 0x20, DPL 0, CPL 3`: privilege levels in decimal, all else in hexadecimal."""
    return ", ".join(
        f"{name} {number}" if name in _LEVELS else f"{name} {number:#x}" for name, number in inputs
    )
