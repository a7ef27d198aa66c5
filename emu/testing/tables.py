"""GDT, IDT, TSS and MSRs of a machine under test: from a declaration to what the processor reads.

The defaults are those of Linux, with every handler an HLT of its own. It places and packs; it runs
nothing. SDM 3A, "Segment Descriptors", "64-Bit Mode IDT", "64-Bit Task State Segment";
SDM 4, "Model-Specific Registers (MSRs)".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from emu.errors import UsageError
from emu.testing.states import Gate, Place, Selectors
from emu.testing.symbols import Symbols
from emu.x86 import descriptors, flags, gates, msr_table, msrs
from emu.x86.paging import PAGE_SIZE

# Where a machine has its own things. Each stands apart from kernels of the usual layouts.
TABLES: Final = 0xFFFF_FE00_0000_0000
IDT_AT: Final = TABLES
GDT_AT: Final = TABLES + 0x1000
TSS_AT: Final = TABLES + 0x3000
STACK_TOP: Final = TABLES + 0x10000  # of RSP0
STACK_SIZE: Final = 4 * PAGE_SIZE
IST_STACKS: Final = TABLES + 0x20000  # IST n ends at IST_STACKS + n * 0x2000
HANDLERS: Final = TABLES + 0x40000  # 16 bytes for each vector, then for the MSRs' entries
PER_CPU: Final = TABLES + 0x50000
GDT_BYTES: Final = 0x1000

SYSCALL_AT, COMPAT_AT, SYSENTER_AT, RETURNED_AT = (HANDLERS + PAGE_SIZE + 16 * n for n in range(4))
HANDLER_NAMES: Final = {f"vector_{n:#04x}": HANDLERS + 16 * n for n in range(256)} | {
    "syscall_handler": SYSCALL_AT,
    "compat_syscall_handler": COMPAT_AT,
    "sysenter_handler": SYSENTER_AT,
}
USER_VECTORS: Final = (3, 4, 0x80)  # whose gates ring 3 may use by `int n`

TYPES: Final = {"interrupt": gates.INTERRUPT_GATE, "trap": gates.TRAP_GATE}
MSRS: Final = {name: number for number, name in msr_table.NAMES.items()} | {"SFMASK": msrs.FMASK}
TSS_FIELDS: Final = ("rsp0", "rsp1", "rsp2", *(f"ist{n}" for n in range(1, 8)), "iomap_base")
# All that a program could use against a kernel.
FMASK: Final = flags.TF | flags.IF | flags.DF | flags.IOPL | flags.NT | flags.AC


def gdt_bytes(selectors: Selectors, extra: Mapping[int, int]) -> bytes:
    """The GDT. `extra` holds descriptors by selector, and wins."""
    table = bytearray(GDT_BYTES)
    task = descriptors.SYSTEM.pack(
        base=TSS_AT, limit=descriptors.TSS.size - 1, type=descriptors.TYPE_TSS_BUSY, present=1
    )
    entries = {
        selectors.kernel_cs: descriptors.code_segment(0, long=True),
        selectors.kernel_ss: descriptors.data_segment(0),
        selectors.user32_cs: descriptors.code_segment(3, long=False),
        selectors.user_ss: descriptors.data_segment(3),
        selectors.user_cs: descriptors.code_segment(3, long=True),
        selectors.tss: task & (1 << 64) - 1,
        selectors.tss + 8: task >> 64,
        **extra,
    }
    for selector, descriptor in entries.items():
        at = selector & ~7
        table[at : at + 8] = descriptor.to_bytes(8, "little")
    return bytes(table)


def gate_bytes(gate: Gate | Place, selectors: Selectors, symbols: Symbols) -> bytes:
    """One entry of the IDT. Raises UsageError: no such symbol or type."""
    if not isinstance(gate, Gate):
        gate = Gate(gate)
    if gate.type not in TYPES:
        raise UsageError(f"no gate type {gate.type!r}; known: {', '.join(TYPES)}")
    return gates.GATE.pack_bytes(
        offset=symbols.address(gate.target) & (1 << 64) - 1,
        selector=selectors.kernel_cs if gate.selector is None else gate.selector,
        ist=gate.ist,
        type=TYPES[gate.type],
        dpl=gate.dpl,
        present=int(gate.present),
    )


@cache
def default_idt(kernel_cs: int) -> bytes:
    """Every vector leads to an HLT of its own."""
    return b"".join(
        gates.interrupt_gate(
            HANDLERS + 16 * vector, kernel_cs, dpl=3 if vector in USER_VECTORS else 0
        ).to_bytes(gates.GATE_SIZE, "little")
        for vector in range(256)
    )


def idt_bytes(
    declared: Mapping[int, Gate | Place], selectors: Selectors, symbols: Symbols
) -> bytes:
    """The IDT: the default one, with the declared gates in their places. Raises UsageError."""
    table = bytearray(default_idt(selectors.kernel_cs))
    for vector, gate in declared.items():
        if not 0 <= vector < 256:
            raise UsageError(f"no vector {vector}: the IDT has entries 0 to 255")
        at = gates.GATE_SIZE * vector
        table[at : at + gates.GATE_SIZE] = gate_bytes(gate, selectors, symbols)
    return bytes(table)


def tss_bytes(declared: Mapping[str, Place], symbols: Symbols) -> bytes:
    """The TSS: stacks of the machine's own, but for those declared. Raises UsageError."""
    values = {"rsp0": STACK_TOP, "iomap_base": descriptors.TSS.size}
    values |= {f"ist{n}": ist_top(n) for n in range(1, 8)}
    for name, place in declared.items():
        if name not in TSS_FIELDS:
            raise UsageError(f"no field {name!r} in the TSS; known: {', '.join(TSS_FIELDS)}")
        values[name] = symbols.address(place)
    return descriptors.TSS.pack(*(values.get(name, 0) & (1 << 64) - 1 for name in TSS_FIELDS))


def ist_top(number: int) -> int:
    """The end of the machine's own stack for IST `number`."""
    return IST_STACKS + 0x2000 * number


def msr_values(
    declared: Mapping[str, Place], selectors: Selectors, symbols: Symbols
) -> dict[int, int]:
    """MSRs by number: the defaults, and those declared by name. Raises UsageError."""
    values = {
        msrs.STAR: selectors.user32_cs << 48 | selectors.kernel_cs << 32,
        msrs.LSTAR: SYSCALL_AT,
        msrs.CSTAR: COMPAT_AT,
        msrs.FMASK: FMASK,
        msrs.SYSENTER_CS: selectors.kernel_cs,
        msrs.SYSENTER_ESP: STACK_TOP,
        msrs.SYSENTER_EIP: SYSENTER_AT,
        msrs.GS_BASE: 0,
        msrs.KERNEL_GS_BASE: PER_CPU,
    }
    for name, place in declared.items():
        if name not in MSRS:
            raise UsageError(f"no MSR {name!r}; known: {', '.join(sorted(MSRS))}")
        values[MSRS[name]] = symbols.address(place) & (1 << 64) - 1
    return values


def decoded_gate(raw: bytes, selectors: Selectors, symbols: Symbols) -> Gate:
    """A gate as a test declares it: the machine's kernel code segment is not named."""
    fields = gates.decode(int.from_bytes(raw, "little"))
    names = {number: name for name, number in TYPES.items()}
    return Gate(
        target=symbols.name_of(fields.offset),
        dpl=fields.dpl,
        ist=fields.ist,
        type=names.get(fields.type, f"{fields.type:#x}"),
        selector=None if fields.selector == selectors.kernel_cs else fields.selector,
        present=bool(fields.present),
    )
