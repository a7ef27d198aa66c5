"""The exceptions: vector, mnemonic, kind, error code, and how two of them combine.

Facts only; emu/cpu/traps.py delivers. SDM 3A, "Exception and Interrupt Reference",
"Protected-Mode Exceptions and Interrupts", "Interrupt 8: Double Fault Exception (#DF)".
"""

from __future__ import annotations

from typing import Final, NamedTuple

FAULT: Final = "fault"  # saved RIP is that of the instruction
TRAP: Final = "trap"  # saved RIP is that of the next instruction
ABORT: Final = "abort"
INTERRUPT: Final = "interrupt"

BENIGN: Final = "benign"
CONTRIBUTORY: Final = "contributory"
PAGE_FAULT: Final = "page fault"
DOUBLE_FAULT: Final = "double fault"


class Vector(NamedTuple):
    """One exception. `has_error_code`: the CPU pushes one; `escalation`: its class for #DF."""

    number: int
    mnemonic: str
    kind: str
    has_error_code: bool
    escalation: str
    name: str


DE, DB, NMI, BP, OF, BR, UD, NM, DF = range(9)
TS, NP, SS, GP, PF = range(10, 15)
MF, AC, MC, XM, VE, CP = range(16, 22)

TABLE: Final = {
    row.number: row
    for row in (
        Vector(DE, "#DE", FAULT, False, CONTRIBUTORY, "divide error"),
        Vector(DB, "#DB", TRAP, False, BENIGN, "debug"),
        Vector(NMI, "NMI", INTERRUPT, False, BENIGN, "non-maskable interrupt"),
        Vector(BP, "#BP", TRAP, False, BENIGN, "breakpoint"),
        Vector(OF, "#OF", TRAP, False, BENIGN, "overflow"),
        Vector(BR, "#BR", FAULT, False, BENIGN, "BOUND range exceeded"),
        Vector(UD, "#UD", FAULT, False, BENIGN, "invalid opcode"),
        Vector(NM, "#NM", FAULT, False, BENIGN, "device not available"),
        Vector(DF, "#DF", ABORT, True, DOUBLE_FAULT, "double fault"),
        Vector(TS, "#TS", FAULT, True, CONTRIBUTORY, "invalid TSS"),
        Vector(NP, "#NP", FAULT, True, CONTRIBUTORY, "segment not present"),
        Vector(SS, "#SS", FAULT, True, CONTRIBUTORY, "stack-segment fault"),
        Vector(GP, "#GP", FAULT, True, CONTRIBUTORY, "general protection"),
        Vector(PF, "#PF", FAULT, True, PAGE_FAULT, "page fault"),
        Vector(MF, "#MF", FAULT, False, BENIGN, "x87 floating-point error"),
        Vector(AC, "#AC", FAULT, True, BENIGN, "alignment check"),
        Vector(MC, "#MC", ABORT, False, BENIGN, "machine check"),
        Vector(XM, "#XM", FAULT, False, BENIGN, "SIMD floating-point exception"),
        Vector(VE, "#VE", FAULT, False, PAGE_FAULT, "virtualization exception"),
        Vector(CP, "#CP", FAULT, True, CONTRIBUTORY, "control protection"),
    )
}

# Vectors 0..31 are the processor's own; the others are interrupts.
EXCEPTIONS: Final = 32


def combines_to_double_fault(first: str, second: str) -> bool:
    """Whether an exception of class `second`, met while delivering `first`, makes a #DF."""
    if first == CONTRIBUTORY:
        return second == CONTRIBUTORY
    return first == PAGE_FAULT and second in (CONTRIBUTORY, PAGE_FAULT)


def mnemonic(number: int) -> str:
    """`#PF` for 14; the number in hexadecimal for a vector that is no exception."""
    row = TABLE.get(number)
    return row.mnemonic if row else f"{number:#04x}"
