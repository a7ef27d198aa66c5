"""What the processor itself reads and writes in memory in one crossing: why one way is dearer.

A table: which structure, how many references of at most eight bytes, and what for. Instructions of
the kernel are not here, nor walks of the page tables, which the TLB spares. It runs nothing; the
delivery is tested against it.
SDM 3A, "Interrupt and Exception Handling in 64-bit Mode", "Stack Switching in IA-32e Mode"; SDM 2A,
"IRET"; SDM 2B, "SYSCALL", "SYSRET", "SYSENTER", "SYSEXIT".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import crossings

GATE: Final = "gate"
READ, WRITE = "read", "write"


class Reference(NamedTuple):
    """Some references to one structure. `by` is a way in or out; `size` is in bytes."""

    by: str
    access: str
    what: str
    times: int
    size: int
    why: str


REFERENCES: Final = (
    Reference(GATE, READ, "gate of the IDT", 2, 16, "where to go, and who may"),
    Reference(GATE, READ, "code descriptor of the GDT", 1, 8, "ring and mode of the code there"),
    Reference(GATE, READ, "stack pointer of the TSS", 1, 8, "a stack that ring 3 cannot touch"),
    Reference(GATE, WRITE, "SS, RSP, RFLAGS, CS, RIP", 5, 40, "what IRET restores"),
    Reference("iret", READ, "RIP, CS, RFLAGS, RSP, SS", 5, 40, "what the gate saved"),
    Reference("iret", READ, "code descriptor of the GDT", 1, 8, "ring and mode to return to"),
    Reference("iret", READ, "stack descriptor of the GDT", 1, 8, "whether ring 3 may have it"),
)
ERROR_CODE: Final = Reference(GATE, WRITE, "error code", 1, 8, "what was wrong: some exceptions")

# SYSCALL, SYSENTER and their returns take all from registers and MSRs: they have no row.
WAYS_IN: Final = {
    crossings.INT80: GATE,
    crossings.FAULT: GATE,
    crossings.INTERRUPT: GATE,
    crossings.SYSCALL: crossings.SYSCALL,
    crossings.SYSENTER: crossings.SYSENTER,
}
# How each crossing usually returns; a kernel may always choose IRET.
WAYS_OUT: Final = {
    crossings.INT80: "iret",
    crossings.FAULT: "iret",
    crossings.INTERRUPT: "iret",
    crossings.SYSCALL: "sysret",
    crossings.SYSENTER: "sysexit",
}


def entering(mechanism: str, has_error_code: bool = False) -> list[Reference]:
    """The references on the way in, in the processor's order."""
    rows = [row for row in REFERENCES if row.by == WAYS_IN[mechanism]]
    return [*rows, ERROR_CODE] if has_error_code else rows


def returning(mechanism: str) -> list[Reference]:
    """The references of the usual way out."""
    return [row for row in REFERENCES if row.by == WAYS_OUT[mechanism]]


def total(rows: list[Reference]) -> tuple[int, int]:
    """How many references, and how many bytes."""
    return sum(row.times for row in rows), sum(row.size for row in rows)
