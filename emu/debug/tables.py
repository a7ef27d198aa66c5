"""The tables and registers of the system as lines of text: IDT, GDT, LDT, TSS, MSRs, pages, flags.

Drawn from what the guest's memory and the CPU hold now, by the `Layout`s of emu/x86. Both fronts
print them. SDM 3A, "Protected-Mode Memory Management", "Interrupt and Exception Handling".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.debug.core import Debugger
from emu.debug.symbols import Symbols
from emu.errors import UsageError
from emu.x86 import descriptors, flags, gates, msr_table, msrs, paging, registers, vectors
from emu.x86.registers import GDTR, IDTR, LDTR, TR

_GATE_TYPES: Final = {gates.INTERRUPT_GATE: "interrupt gate", gates.TRAP_GATE: "trap gate"}
_CR_BITS: Final = {
    number: {
        name.partition("_")[2]: value
        for name, value in vars(registers).items()
        if name.startswith(f"CR{number}_")
    }
    for number in (0, 4)
}
_EFER_BITS: Final = {
    name.partition("_")[2]: value for name, value in vars(msrs).items() if name.startswith("EFER_")
}
_PAGE_BITS: Final = (
    (paging.WRITABLE, "W", "R"),
    (paging.USER, "U", "S"),
    (paging.ACCESSED, "A", "-"),
    (paging.DIRTY, "D", "-"),
    (paging.HUGE, "PS", "-"),
    (paging.NO_EXECUTE, "XD", "-"),
)


def bits(value: int, names: dict[str, int]) -> str:
    """The names of the bits that are set."""
    return " ".join(name for name, bit in names.items() if value & bit) or "none"


def idt(debugger: Debugger, symbols: Symbols, only: int | None = None) -> list[str]:
    """The gates that are present, or the one of vector `only`."""
    base, limit = debugger.engine.state.table(IDTR)
    lines = [f"IDTR base {base:#x}, limit {limit:#x}"]
    numbers = range((limit + 1) // gates.GATE_SIZE) if only is None else (only,)
    for number in numbers:
        if (number + 1) * gates.GATE_SIZE > limit + 1:
            raise UsageError(f"vector {number:#x} lies beyond the IDT's limit {limit:#x}")
        address = base + number * gates.GATE_SIZE
        packed = int.from_bytes(debugger.read_memory(address, gates.GATE_SIZE), "little")
        if packed or only is not None:
            lines.append(gate_line(number, gates.decode(packed), symbols))
    return lines


def gate_line(number: int, gate: gates.Gate, symbols: Symbols) -> str:
    """One gate in a line."""
    kind = gate_kind(gate)
    ist = f" IST {gate.ist}" if gate.ist else ""
    present = "" if gate.present else ", not present"
    row = vectors.TABLE.get(number)
    name = row.mnemonic if row else ""
    target = symbols.describe(gate.offset)
    return f"{number:#04x} {name:4} {kind} DPL {gate.dpl}{ist} {gate.selector:#x}:{target}{present}"


def gate_kind(gate: gates.Gate) -> str:
    """The type of a gate in words."""
    return _GATE_TYPES.get(gate.type, f"type {gate.type:#x}")


def gdt(debugger: Debugger) -> list[str]:
    """The descriptors of the GDT."""
    base, limit = debugger.engine.state.table(GDTR)
    return [f"GDTR base {base:#x}, limit {limit:#x}", *_descriptors(debugger, base, limit)]


def ldt(debugger: Debugger) -> list[str]:
    """The descriptors of the LDT."""
    base, limit = debugger.engine.state.table(LDTR)
    selector = debugger.read_register("ldtr")
    if not selector & 0xFFFC:
        return ["LDTR is null: there is no LDT"]
    title = f"LDTR {selector:#x} base {base:#x}, limit {limit:#x}"
    return [title, *_descriptors(debugger, base, limit)]


def _descriptors(debugger: Debugger, base: int, limit: int) -> list[str]:
    lines, offset = [], 0
    while offset + 7 <= limit:
        packed = int.from_bytes(debugger.read_memory(base + offset, 8), "little")
        fields = descriptors.decode(packed)
        size = 8
        if packed and not fields.s:
            size = 16
            packed |= int.from_bytes(debugger.read_memory(base + offset + 8, 8), "little") << 64
        if packed:
            lines.append(f"{offset:#06x} {descriptor_text(packed)}")
        offset += size
    return lines


def descriptor_text(packed: int) -> str:
    """A descriptor in words."""
    fields = descriptors.decode(packed & (1 << 64) - 1)
    present = "" if fields.present else ", not present"
    if not fields.s:
        whole = descriptors.SYSTEM.unpack(packed)
        busy = fields.type == descriptors.TYPE_TSS_BUSY
        kind = "busy 64-bit TSS" if busy else f"system segment, type {fields.type:#x}"
        return f"{kind} base {whole['base']:#x} limit {whole['limit']:#x} DPL {fields.dpl}{present}"
    if fields.type & descriptors.TYPE_CODE_BIT:
        kind = "64-bit code" if fields.long else "32-bit code" if fields.default_big else "16-bit"
    else:
        kind = "data"
    limit = descriptors.effective_limit(packed)
    return f"{kind} base {fields.base:#x} limit {limit:#x} DPL {fields.dpl}{present}"


def tss(debugger: Debugger) -> list[str]:
    """The stacks that the TSS names."""
    base, limit = debugger.engine.state.table(TR)
    content = debugger.read_memory(base, descriptors.TSS_SIZE)
    *stacks, iomap = descriptors.TSS.unpack(content)
    names = [*(f"RSP{n}" for n in range(3)), *(f"IST{n}" for n in range(1, 8))]
    ports = "no port bitmap" if iomap > limit else f"port bitmap at {iomap:#x}"
    lines = [f"TR {debugger.read_register('tr'):#x} base {base:#x}, limit {limit:#x}, {ports}"]
    return lines + [
        f"{name} {value:#x}" for name, value in zip(names, stacks, strict=True) if value
    ]


def msr(debugger: Debugger, symbols: Symbols) -> list[str]:
    """The MSRs that take part in a crossing."""
    lines = []
    for number, name in msr_table.NAMES.items():
        value = debugger.read_register(name.lower())
        text = f"{number:#010x} {name:14} {value:#018x}"
        lines.append(f"{text}  {_about_msr(number, value, symbols)}".rstrip())
    return lines


def _about_msr(number: int, value: int, symbols: Symbols) -> str:
    if number == msrs.EFER:
        return bits(value, _EFER_BITS)
    if number == msrs.STAR:
        fields = msrs.STAR_LAYOUT.unpack(value)
        return f"syscall CS {fields['syscall_cs']:#x}, sysret CS {fields['sysret_cs']:#x}"
    if number == msrs.FMASK:
        return f"clears {flags.describe(value)}"
    found = symbols.at(value) if value else None
    return f"<{found[0].name}>" if found and not found[1] else ""


def creg(debugger: Debugger) -> list[str]:
    """The control registers and EFER."""
    value = {number: debugger.read_register(f"cr{number}") for number in (0, 2, 3, 4)}
    efer = debugger.read_register("efer")
    return [
        f"CR0  {value[0]:#018x}  {bits(value[0], _CR_BITS[0])}",
        f"CR2  {value[2]:#018x}  address of the last page fault",
        f"CR3  {value[3]:#018x}  the top page table",
        f"CR4  {value[4]:#018x}  {bits(value[4], _CR_BITS[4])}",
        f"EFER {efer:#018x}  {bits(efer, _EFER_BITS)}",
    ]


def sreg(debugger: Debugger) -> list[str]:
    """The segment registers with their hidden parts, and the table registers."""
    lines = []
    for number, name in enumerate((*registers.SEGMENTS, "ldtr", "tr")):
        segment = debugger.engine.state.segment(number)
        rpl = f" RPL {segment.selector & 3}" if number < len(registers.SEGMENTS) else ""
        lines.append(
            f"{name:4} {segment.selector:#06x}{rpl}  base {segment.base:#x} "
            f"limit {segment.limit:#x} {_attributes(segment.attributes)}"
        )
    for name, number in (("gdtr", GDTR), ("idtr", IDTR)):
        base, limit = debugger.engine.state.table(number)
        lines.append(f"{name} base {base:#x} limit {limit:#x}")
    return [*lines, f"CPL {debugger.cpl}"]


def _attributes(attributes: int) -> str:
    if not attributes:
        return "not loaded"
    return descriptor_text(attributes << 32).partition(" base")[0] + (
        f" DPL {attributes >> descriptors.ATTRIBUTE_DPL_SHIFT & 3}"
    )


def dreg(_debugger: Debugger) -> list[str]:
    """The debug registers."""
    return ["DR0-DR7 are not modelled: use break and watch, which the program cannot see"]


def eflags(debugger: Debugger) -> list[str]:
    """RFLAGS by name."""
    value = debugger.read_register("rflags")
    return [f"rflags {value:#x}  {flags.describe(value)}"]


def page(debugger: Debugger, address: int) -> list[str]:
    """The walk of `address` through the page tables."""
    if not paging.is_canonical(address):
        return [f"{address:#x} is not canonical"]
    table = debugger.read_register("cr3") & paging.ADDRESS_MASK
    lines = [f"CR3 {table:#x}"]
    for name, shift in zip(("PML4E", "PDPTE", "PDE", "PTE"), paging.LEVEL_SHIFTS, strict=True):
        index = address >> shift & paging.INDEX_MASK
        entry = debugger.machine.physical.words[(table >> 3) + index]
        if not entry & paging.PRESENT:
            return [*lines, f"{name:5} [{index:#05x}] {entry:#x}: not present"]
        table = entry & paging.ADDRESS_MASK
        marks = " ".join(yes if entry & bit else no for bit, yes, no in _PAGE_BITS)
        lines.append(f"{name:5} [{index:#05x}] {entry:#018x}  frame {table:#x}  P {marks}")
        if entry & paging.HUGE and shift in (21, 30):
            table = table & ~((1 << shift) - 1) | address & (1 << shift) - 1 & paging.PAGE_MASK
            break
    physical = table | address & paging.PAGE_SIZE - 1
    return [*lines, f"{address:#x} is {physical:#x} in RAM"]


def tab(debugger: Debugger) -> list[str]:
    """What is mapped, and with which rights."""
    lines = []
    for mapped in debugger.guest.mappings():
        who = "" if mapped.user else "  ring 0"
        text = f"{mapped.start:#018x} {mapped.end:#018x} {mapped.rights} {mapped.name}"
        lines.append(f"{text.rstrip()}{who}")
    return lines


def cpu(debugger: Debugger, symbols: Symbols) -> list[str]:
    """All of the CPU that takes part in a crossing."""
    parts: tuple[Callable[[], list[str]], ...] = (
        lambda: general(debugger, symbols),
        lambda: eflags(debugger),
        lambda: sreg(debugger),
        lambda: creg(debugger),
        lambda: msr(debugger, symbols),
    )
    return [line for part in parts for line in part()]


def general(debugger: Debugger, symbols: Symbols) -> list[str]:
    """The general registers and RIP, in gdb's order."""
    order = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
    lines = []
    for name in order:
        value = debugger.read_register(name)
        found = symbols.at(value)
        about = symbols.describe(value).partition(" ")[2] if found else str(signed(value))
        lines.append(f"{name:<6} {value:#018x}  {about}")
    return lines


def signed(value: int) -> int:
    """A 64-bit number as the signed number that it may be."""
    return value - (1 << 64) if value >> 63 else value
