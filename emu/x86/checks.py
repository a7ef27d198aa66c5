"""The checks that stand between an instruction and what it asks for, each with its chapter.

One row for each check: a refused delivery and the diagnosis of a fault name the same rows. It makes
no check itself. Manuals are cited by title; SDM is Intel's, APM is AMD's.
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
_PRIVILEGE: Final = 'SDM 3A, "Privilege Level Checking When Accessing Data Segments"'
_TRANSFER: Final = (
    'SDM 3A, "Privilege Level Checking When Transferring Program Control Between Code Segments"'
)
_RIGHTS: Final = 'SDM 3A, "Determination of Access Rights"'

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
GATE_TARGET: Final = Check("gate offset not canonical", _INT_N)
PUSH: Final = Check("push of the frame", 'SDM 3A, "64-Bit Mode Stack Frame"')
TABLE_READ: Final = Check("read of a system table", 'SDM 3A, "Page-Fault Exceptions"')

DELIVERY: Final = (
    *(GATE_LIMIT, GATE_TYPE, GATE_DPL, GATE_PRESENT, GATE_NULL_CODE, TABLE_LIMIT, GATE_CODE),
    *(CODE_PRESENT, CODE_LONG, TSS_LIMIT, STACK_CANONICAL, GATE_TARGET, PUSH, TABLE_READ),
)

# Of an instruction itself.
PRIVILEGED: Final = Check("instruction of ring 0, CPL not 0", 'SDM 3A, "Privileged Instructions"')
INTERRUPT_FLAG: Final = Check("CPL above IOPL", 'SDM 2A, "CLI"; SDM 2B, "STI"')
PORT: Final = Check(
    "CPL above IOPL, and the bitmap of the TSS does not allow the port",
    'SDM 1, "I/O Privilege Level", "I/O Permission Bit Map"',
)
DATA_CANONICAL: Final = Check("address not canonical", 'SDM 1, "Canonical Addressing"')
CODE_CANONICAL: Final = Check("instruction pointer not canonical", 'SDM 1, "Canonical Addressing"')
DATA_SEGMENT: Final = Check("no data segment that this CPL may load", _PRIVILEGE)
STACK_SEGMENT: Final = Check(
    "no stack segment of this CPL",
    'SDM 3A, "Privilege Level Checking When Loading the SS Register"',
)
FAR_TRANSFER: Final = Check("no code segment that this CPL may go to", _TRANSFER)
FAR_RETURN: Final = Check("no code segment to return to", 'SDM 2A, "IRET"; SDM 2B, "RET"')
SELECTOR_PRESENT: Final = Check("segment not present", 'SDM 3A, "Interrupt 11"')
OPCODE: Final = Check("no instruction of this processor in this mode", 'SDM 3A, "Interrupt 6"')
LOCK: Final = Check("LOCK before what it cannot lock", 'SDM 2A, "LOCK"')
ALIGNMENT: Final = Check("address not aligned, AC set", 'SDM 3A, "Interrupt 17"')
SIMD: Final = Check("a SIMD floating-point exception that is not masked", 'SDM 3A, "Interrupt 19"')
DIVISOR: Final = Check("divisor is 0", 'SDM 2A, "DIV", "IDIV"')
QUOTIENT: Final = Check("quotient too large for its register", 'SDM 2A, "DIV", "IDIV"')
BOUNDS: Final = Check("index outside its bounds", 'SDM 2A, "BOUND"')
OVERFLOW: Final = Check("OF is set", _INT_N)
BREAKPOINT: Final = Check("a breakpoint instruction", _INT_N)
SINGLE_STEP: Final = Check("TF is set, or INT1", 'SDM 3B, "Debug Exceptions"')

# Of a page walk.
PAGE_PRESENT: Final = Check("page-table entry not present", 'SDM 3A, "Page-Fault Exceptions"')
PAGE_USER: Final = Check("supervisor-mode address, CPL 3", _RIGHTS)
PAGE_WRITABLE: Final = Check("read-only address, written", _RIGHTS)
PAGE_EXECUTE: Final = Check("execute-disable address, fetched from", _RIGHTS)

INSTRUCTIONS: Final = (
    *(PRIVILEGED, INTERRUPT_FLAG, PORT, DATA_CANONICAL, CODE_CANONICAL, DATA_SEGMENT),
    *(STACK_SEGMENT, FAR_TRANSFER, FAR_RETURN, SELECTOR_PRESENT, OPCODE, DIVISOR, QUOTIENT),
    *(BOUNDS, OVERFLOW, BREAKPOINT, SINGLE_STEP, LOCK, ALIGNMENT, SIMD),
    *(PAGE_PRESENT, PAGE_USER, PAGE_WRITABLE, PAGE_EXECUTE),
)


def unknown(vector: int) -> Check:
    """The row for what no other row explains: only the vector's chapter is known."""
    return Check("not among the checks that are known here", f'SDM 3A, "Interrupt {vector}"')


def in_words(inputs: Inputs) -> str:
    """E.g. `vector 0x20, DPL 0, CPL 3`: privilege levels in decimal, all else in hexadecimal."""
    return ", ".join(
        f"{name} {number}" if name in _LEVELS else f"{name} {number:#x}" for name, number in inputs
    )
