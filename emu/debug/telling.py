"""A crossing told step by step: what decided, what was checked, which stack, what was pushed, and
which registers changed, from what to what, by whom.

Lines of at most 80 columns, as (part, text): the part lets a front colour them. It reads the gate
and the MSRs as they are now, so it is for the crossing that has just happened.
SDM 3A, "Interrupt and Exception Handling in 64-bit Mode"; SDM 2B, "SYSCALL", "SYSENTER".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from emu.debug.core import Debugger
from emu.debug.crossing import Crossing, Return, Seen
from emu.debug.symbols import Symbols
from emu.debug.tables import gate_kind
from emu.x86 import checks, crossings, descriptors, flags, gates, msrs, vectors
from emu.x86.checks import Check
from emu.x86.registers import GPRS, IDTR, TR

TITLE, FACT, CHECK, SLOT, CHANGE = "title", "fact", "check", "slot", "change"
WIDTH: Final = 80
CPU, ENTRY, HANDLER, EXIT = "CPU", "entry code", "handler", "exit code"
_SELECTORS: Final = ("es", "cs", "ss", "ds", "fs", "gs", "cpl")


class Line(NamedTuple):
    """A line of text, and what kind of line it is."""

    part: str
    text: str


def tell(
    debugger: Debugger, symbols: Symbols, crossing: Crossing, width: int = WIDTH
) -> list[Line]:
    """The crossing into ring 0; its title is a rule `width` wide."""
    event = crossing.event
    lines = [Line(TITLE, _rule(_title(debugger, crossing), width))]
    lines.append(_fact("from", symbols.place(event.from_rip) + _instruction(debugger, crossing)))
    if event.vector is None:
        lines += _by_msrs(debugger, symbols, crossing)
    else:
        lines += _by_gate(debugger, symbols, crossing)
    for refused in crossing.refusals:
        what = f"{vectors.mnemonic(refused.vector)}: {refused.check}"
        inputs = checks.in_words(refused.inputs)
        lines.append(Line(CHECK, f"refused    {what} ({inputs})"))
        lines.append(Line(CHECK, f"           {refused.manual}"))
    lines += _changes(crossing.before, crossing.after, dict.fromkeys(crossing.after.named(), CPU))
    return lines


def _title(debugger: Debugger, crossing: Crossing) -> str:
    event = crossing.event
    way = f"ring {event.from_cpl} -> ring {crossing.after.cpl}: {event.mechanism}"
    if event.mechanism in (crossings.SYSCALL, crossings.SYSENTER, crossings.INT80):
        number = crossing.before.gprs[0] & 0xFFFF_FFFF
        name = debugger.guest.call_name(number, event.mechanism, event.from_long)
        return f"{way}, {name} ({number})"
    return f"{way}, {_vector_name(event.vector)}"


def _vector_name(vector: int | None) -> str:
    row = vectors.TABLE.get(vector) if vector is not None else None
    return f"{row.mnemonic} ({row.name})" if row else f"vector {vector or 0:#x}"


def _rule(title: str, width: int) -> str:
    return f"--- {title} ".ljust(width, "-")


def _fact(label: str, text: str) -> Line:
    return Line(FACT, f"{label:<11}{text}")


def _instruction(debugger: Debugger, crossing: Crossing) -> str:
    from emu.watch.disasm import disassemble

    event = crossing.event
    code = debugger.memory.read_some(event.from_rip, 15)
    found = disassemble(code, event.from_rip, event.from_long)
    return f": {found[0][1]}" if found else ""


# ---- by MSRs


def _by_msrs(debugger: Debugger, symbols: Symbols, crossing: Crossing) -> Iterator[Line]:
    event = crossing.event
    read = debugger.read_register
    if event.mechanism == crossings.SYSENTER:
        cs = read("sysenter_cs")
        yield _fact("decided by", f"SYSENTER_EIP = {symbols.describe(read('sysenter_eip'))}")
        yield _fact("", f"SYSENTER_CS = {cs:#x}: CS {cs & 0xFFFC:#x}, SS {(cs & 0xFFFC) + 8:#x}")
        yield _check("SYSENTER_CS not null", f"{cs:#x}")
        yield _fact("stack", f"SYSENTER_ESP = {read('sysenter_esp'):#x}")
        yield _fact("saved", "nothing: the program knows where it comes back")
        yield _fact("cleared", crossings.BY_SYSENTER.flags_cleared)
        return
    star = msrs.STAR_LAYOUT.unpack(read("star"))["syscall_cs"] & 0xFFFC
    name = "LSTAR" if event.from_long else "CSTAR"
    yield _fact("decided by", f"{name} = {symbols.describe(read(name.lower()))}")
    yield _fact("", f"STAR: CS {star:#x}, SS {star + 8:#x}; no descriptor is read")
    yield _check("EFER.SCE set", f"EFER {read('efer'):#x}")
    yield _fact("stack", f"unchanged, RSP {crossing.after.gprs[4]:#x}: the entry code must switch")
    yield _fact("saved", "RIP in RCX, RFLAGS in R11; nothing is pushed")
    yield _fact("cleared", f"FMASK {read('fmask'):#x}: {flags.describe(read('fmask'))}")


def _check(name: str, value: str) -> Line:
    return Line(CHECK, f"checked    {name}: {value}")


# ---- by a gate


def _by_gate(debugger: Debugger, symbols: Symbols, crossing: Crossing) -> Iterator[Line]:
    vector = crossing.event.vector or 0
    base, limit = debugger.engine.state.table(IDTR)
    address = base + vector * gates.GATE_SIZE
    packed = int.from_bytes(debugger.memory.read_some(address, gates.GATE_SIZE), "little")
    gate = gates.decode(packed)
    kind = gate_kind(gate)
    yield _fact(
        "decided by", f"gate {vector:#x} of the IDT at {address:#x}: {kind}, DPL {gate.dpl}"
    )
    yield _fact("", f"to {gate.selector:#x}:{symbols.describe(gate.offset)}")
    if crossing.event.meaning:
        yield _fact("error code", f"{crossing.event.error_code:#x}: {crossing.event.meaning}")
    if vector == vectors.PF:
        yield _fact("CR2", symbols.describe(crossing.after.cr2))
    for check, value in _checks_made(debugger, crossing, gate, limit):
        yield Line(CHECK, f"checked    {check.name}? no: {value}")
    yield _fact("stack", _stack(debugger, crossing, gate))
    yield from _frame(symbols, crossing)


def _checks_made(
    debugger: Debugger, crossing: Crossing, gate: gates.Gate, limit: int
) -> Iterable[tuple[Check, str]]:
    """The checks of emu/x86/checks that this delivery passed, with what they looked at."""
    event, before = crossing.event, crossing.before
    last = (event.vector or 0) * gates.GATE_SIZE + gates.GATE_SIZE - 1
    yield checks.GATE_LIMIT, f"byte {last:#x}, limit {limit:#x}"
    yield checks.GATE_TYPE, f"type {gate.type:#x}"
    if _is_software(crossing):
        yield checks.GATE_DPL, f"DPL {gate.dpl}, CPL {before.cpl}"
    yield checks.GATE_PRESENT, "P is set"
    yield checks.GATE_NULL_CODE, f"selector {gate.selector:#x}"
    yield checks.GATE_CODE, f"CS {gate.selector:#x}, new CPL {crossing.after.cpl}"
    if gate.ist or crossing.after.cpl != before.cpl:
        yield checks.TSS_LIMIT, f"limit {debugger.engine.state.table(TR)[1]:#x}"
    yield checks.STACK_CANONICAL, f"{crossing.frame_at:#x}"


def _is_software(crossing: Crossing) -> bool:
    """Whether an `int n` caused it: then the frame's RIP stands behind the instruction."""
    pushed = dict(crossing.frame).get("rip")
    vector = crossing.event.vector or 0
    return pushed != crossing.event.from_rip and vector != vectors.DB


def _stack(debugger: Debugger, crossing: Crossing, gate: gates.Gate) -> str:
    old = crossing.before.gprs[4]
    if gate.ist:
        which = f"IST {gate.ist} of the TSS"
    elif crossing.after.cpl != crossing.before.cpl:
        which = "RSP0 of the TSS"
    else:
        return f"the current one, aligned to 16 bytes: RSP {old:#x}"
    base, _ = debugger.engine.state.table(TR)
    offset = descriptors.TSS_IST1 + 8 * (gate.ist - 1) if gate.ist else descriptors.TSS_RSP0
    top = int.from_bytes(debugger.memory.read_some(base + offset, 8), "little")
    return f"{which}: {top:#x}, from {old:#x}"


def _frame(symbols: Symbols, crossing: Crossing) -> Iterator[Line]:
    """The frame, its highest slot first, as it was pushed."""
    width = len("error_code")
    for index, (name, value) in reversed(list(enumerate(crossing.frame))):
        label = "pushed" if index == len(crossing.frame) - 1 else ""
        address = crossing.frame_at + 8 * index
        about = _about_slot(symbols, name, value)
        mark = "  <- RSP" if not index else ""
        text = f"{label:<11}{address:#x}  {name:<{width}} {value:#x}{about}{mark}"
        yield Line(SLOT, text)


def _about_slot(symbols: Symbols, name: str, value: int) -> str:
    if name == "rip":
        return symbols.describe(value)[len(f"{value:#x}") :]
    if name == "rflags":
        return f" {flags.describe(value)}"
    return ""


# ---- what changed


def _changes(before: Seen, after: Seen, by: dict[str, str]) -> list[Line]:
    """A line for each register that changed, and who changed it."""
    old, new = before.named(), after.named()
    lines: list[Line] = []
    for name in ("rip", "rflags", *GPRS, *_SELECTORS, "gs_base", "kernel_gs_base", "cr2"):
        if old[name] == new[name]:
            continue
        label = "changed" if not lines else ""
        who = by.get(name, CPU)
        text = f"{label:<11}{name:<7} {old[name]:#x} -> {new[name]:#x}"
        lines.append(Line(CHANGE, f"{text}  {who}"))
    return lines


def tell_return(
    debugger: Debugger, symbols: Symbols, returned: Return, width: int = WIDTH
) -> list[Line]:
    """The way back to ring 3, and what the program finds changed since it left."""
    crossing, after = returned.crossing, returned.after
    mnemonic = _return_mnemonic(debugger, returned)
    lines = [Line(TITLE, _rule(f"ring 0 -> ring 3: {mnemonic}", width))]
    lines.append(_fact("from", symbols.describe(returned.before.rip)))
    lines.append(_fact("to", f"{symbols.place(after.rip)}, RSP {after.gprs[4]:#x}"))
    if crossing is None or crossing.before.cpl != 3:
        return lines
    if crossing.event.mechanism in (crossings.SYSCALL, crossings.SYSENTER, crossings.INT80):
        lines.append(_fact("result", _result(after, crossing.event.from_long)))
    changed = _changes(crossing.before, after, _who(debugger, crossing))
    if not changed:
        lines.append(_fact("changed", "nothing: the instruction runs again as if nothing was"))
    return lines + changed


def _result(after: Seen, long: bool) -> str:
    value = after.gprs[0] if long else after.gprs[0] & 0xFFFF_FFFF
    width = 64 if long else 32
    signed = value - (1 << width) if value >> width - 1 else value
    return f"{signed} ({value:#x})"


def _return_mnemonic(debugger: Debugger, returned: Return) -> str:
    from emu.watch.disasm import disassemble

    rip = returned.before.rip
    found = disassemble(debugger.memory.read_some(rip, 15), rip, True)
    return found[0][1] if found else "return"


def _who(debugger: Debugger, crossing: Crossing) -> dict[str, str]:
    """Who changed which register between the crossing and the return."""
    by = dict.fromkeys(crossing.before.named(), EXIT)
    if crossing.event.mechanism == crossings.SYSCALL:
        by |= {"rcx": CPU, "r11": CPU, "rip": CPU, "rflags": CPU}
    elif crossing.event.vector is not None:
        by |= {"rip": CPU, "rflags": CPU}
    answered = debugger.guest.answered()
    return by | dict.fromkeys((name for name in answered if name in by), HANDLER) | {"cr2": CPU}
