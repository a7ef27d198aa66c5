"""The table of crossings: every way to change ring is one row.

The CPU dispatches on the rows, the ledger's lines carry their names, docs/crossings.md is printed
from them. It runs nothing. SDM 3A, "Interrupt and Exception Handling", "64-Bit Mode Stack Frame";
SDM 2B, SYSCALL, SYSENTER, SYSRET, SYSEXIT, IRET; APM 3, the same instructions.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import flags

SYSCALL: Final = "syscall"
INT80: Final = "int80"
SYSENTER: Final = "sysenter"
FAULT: Final = "fault"
INTERRUPT: Final = "interrupt"

INT80_VECTOR: Final = 0x80


class Crossing(NamedTuple):
    """One way to change ring. Flags are RFLAGS bits that the CPU clears on the way."""

    name: str
    instruction: str
    rings: str
    target: str
    saves: str
    stack: str
    flags_cleared: str
    manual: str


GATE_CLEARS: Final = flags.TF | flags.NT | flags.RF | flags.VM
INTERRUPT_GATE_CLEARS: Final = GATE_CLEARS | flags.IF
SYSENTER_CLEARS: Final = flags.IF | flags.VM
SYSCALL_CLEARS: Final = flags.RF  # and whatever FMASK says

ENTRIES: Final = (
    Crossing(
        "interrupt gate",
        "int n, int3, into, faults, traps, interrupts",
        "3 to 0",
        "the gate's selector and offset",
        "SS, RSP, RFLAGS, CS, RIP and for some vectors an error code, on the new stack",
        "IST n of the TSS if the gate says so, else RSP0; aligned to 16 bytes",
        flags.describe(INTERRUPT_GATE_CLEARS),
        "SDM 3A, Interrupt and Exception Handling in 64-bit Mode",
    ),
    Crossing(
        "trap gate",
        "the same",
        "3 to 0",
        "the gate's selector and offset",
        "the same",
        "the same",
        flags.describe(GATE_CLEARS),
        "SDM 3A, Interrupt and Exception Handling in 64-bit Mode",
    ),
    Crossing(
        "gate without a change of ring",
        "faults in the kernel",
        "0 to 0",
        "the gate's selector and offset",
        "the same five values: 64-bit mode always pushes SS and RSP",
        "IST n if the gate says so, else the current stack; aligned to 16 bytes",
        "as the gate's type says",
        "SDM 3A, 64-Bit Mode Stack Frame",
    ),
    Crossing(
        SYSCALL,
        "syscall",
        "3 to 0",
        "LSTAR (from compatibility mode CSTAR, AMD only)",
        "RIP in RCX, RFLAGS in R11",
        "unchanged: the entry must switch",
        "FMASK, and RF",
        "SDM 2B, SYSCALL; APM 3, SYSCALL",
    ),
    Crossing(
        SYSENTER,
        "sysenter",
        "3 to 0",
        "SYSENTER_EIP",
        "nothing",
        "SYSENTER_ESP",
        flags.describe(SYSENTER_CLEARS),
        "SDM 2B, SYSENTER",
    ),
)

RETURNS: Final = (
    Crossing(
        "iret",
        "iretq",
        "0 to 3",
        "the frame's CS and RIP",
        "nothing",
        "the frame's SS and RSP",
        "RFLAGS come from the frame",
        "SDM 2A, IRET",
    ),
    Crossing(
        "sysret",
        "sysretq, sysretl",
        "0 to 3",
        "RCX; CS from STAR",
        "nothing",
        "unchanged: the exit must switch",
        "RFLAGS come from R11",
        "SDM 2B, SYSRET",
    ),
    Crossing(
        "sysexit",
        "sysexit",
        "0 to 3",
        "RDX; CS from SYSENTER_CS",
        "nothing",
        "RCX",
        "none",
        "SDM 2B, SYSEXIT",
    ),
)
