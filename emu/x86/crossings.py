"""The table of crossings: every way to change ring is one row.

From the rows of ENTRIES emu/cpu/traps.py and fast.py take which gates there are and which flags an
entry clears, and the ledger its names. What a row says in words is for people; tests/cpu holds the
CPU to it by states of a real kernel. The engine executes RETURNS itself. docs/crossings.md is
printed from both. It runs nothing.
SDM 3A, "Interrupt and Exception Handling", "64-Bit Mode Stack Frame"; SDM 2B, SYSCALL, SYSENTER,
SYSRET, SYSEXIT, IRET; APM 3, the same instructions.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import flags, gates

# The mechanisms, as ledger and events name them. FAULT is every exception, vectors 0 to 31, also
# one that is a trap, such as INT3; INTERRUPT is every other vector but INT80's.
SYSCALL: Final = "syscall"
INT80: Final = "int80"
SYSENTER: Final = "sysenter"
FAULT: Final = "fault"
INTERRUPT: Final = "interrupt"

# Conventions of Linux in which ledger and events speak; to the processor they mean nothing.
INT80_VECTOR: Final = 0x80
ABI_OF_64_BIT_CODE, ABI_OF_32_BIT_CODE = "x86_64", "i386"
CALLS_OF_32_BIT_CODE: Final = frozenset((INT80, SYSENTER))  # whatever code makes them


class Crossing(NamedTuple):
    """One way to change ring. `clears`: the RFLAGS bits that the CPU clears by itself.

    `flags_in_words` takes their place in the page where they are not all.
    """

    name: str
    instruction: str
    rings: str
    target: str
    saves: str
    stack: str
    manual: str
    clears: int = 0
    flags_in_words: str = ""

    @property
    def flags_cleared(self) -> str:
        """The flags that this crossing clears, in words."""
        return self.flags_in_words or flags.describe(self.clears)


FRAME: Final = ("RIP", "CS", "RFLAGS", "RSP", "SS")  # lowest address first: pushed from the end
_GATE_CLEARS: Final = flags.TF | flags.NT | flags.RF | flags.VM
_GATE_TARGET: Final = "the gate's selector and offset"

BY_INTERRUPT_GATE: Final = Crossing(
    "interrupt gate",
    "int n, int3, into, faults, traps, interrupts",
    "3 to 0",
    _GATE_TARGET,
    f"{', '.join(reversed(FRAME))} and for some vectors an error code, on the new stack",
    "IST n of the TSS if the gate says so, else RSP0; aligned to 16 bytes",
    "SDM 3A, Interrupt and Exception Handling in 64-bit Mode",
    _GATE_CLEARS | flags.IF,
)
BY_TRAP_GATE: Final = Crossing(
    "trap gate",
    "the same",
    "3 to 0",
    _GATE_TARGET,
    "the same",
    "the same",
    "SDM 3A, Interrupt and Exception Handling in 64-bit Mode",
    _GATE_CLEARS,
)
WITHIN_RING_0: Final = Crossing(
    "gate without a change of ring",
    "faults in the kernel",
    "0 to 0",
    _GATE_TARGET,
    f"the same {len(FRAME)} values: 64-bit mode always pushes SS and RSP",
    "IST n if the gate says so, else the current stack; aligned to 16 bytes",
    "SDM 3A, 64-Bit Mode Stack Frame",
    flags_in_words="as the gate's type says",
)
BY_SYSCALL: Final = Crossing(
    SYSCALL,
    "syscall",
    "3 to 0",
    "LSTAR (from compatibility mode CSTAR, AMD only)",
    "RIP in RCX, RFLAGS in R11",
    "unchanged: the entry must switch",
    "SDM 2B, SYSCALL; APM 3, SYSCALL",
    flags.RF,
    flags_in_words="FMASK, and RF",
)
BY_SYSENTER: Final = Crossing(
    SYSENTER,
    "sysenter",
    "3 to 0",
    "SYSENTER_EIP",
    "nothing",
    "SYSENTER_ESP",
    "SDM 2B, SYSENTER",
    flags.IF | flags.VM,
)

ENTRIES: Final = (BY_INTERRUPT_GATE, BY_TRAP_GATE, WITHIN_RING_0, BY_SYSCALL, BY_SYSENTER)

# The types of a gate in the IDT. Any other type is refused.
BY_GATE_TYPE: Final = {gates.INTERRUPT_GATE: BY_INTERRUPT_GATE, gates.TRAP_GATE: BY_TRAP_GATE}

RETURNS: Final = (
    Crossing(
        "iret",
        "iretq",
        "0 to 3",
        "the frame's CS and RIP",
        "nothing",
        "the frame's SS and RSP",
        "SDM 2A, IRET",
        flags_in_words="RFLAGS come from the frame",
    ),
    Crossing(
        "sysret",
        "sysretq, sysretl",
        "0 to 3",
        "RCX; CS from STAR",
        "nothing",
        "unchanged: the exit must switch",
        "SDM 2B, SYSRET",
        flags_in_words="RFLAGS come from R11",
    ),
    Crossing(
        "sysexit",
        "sysexit",
        "0 to 3",
        "RDX; CS from SYSENTER_CS",
        "nothing",
        "RCX",
        "SDM 2B, SYSEXIT",
        flags_in_words="none",
    ),
)
