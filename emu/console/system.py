"""Commands that show the system's tables, and `info`, which shows all the rest.

How a table is drawn, emu/debug/tables.py knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.console.command import EXPRESSION, INFO, LOOKING, SYSTEM, Command
from emu.console.frames import backtrace_lines
from emu.console.pointing import point_lines
from emu.console.session import Session
from emu.console.sources import about_line, about_source, about_sources, about_symbol
from emu.console.tasks import signal_lines, thread_lines
from emu.debug import registers, tables
from emu.errors import UsageError

_MOST: Final = 200


def _frame(session: Session, _: str) -> list[str]:
    saved = session.debugger.guest.saved_frame()
    if saved is None:
        return backtrace_lines(session)[:1]
    address, values = saved
    return [
        f"saved at {address:#x} (as far as the entry code has come)",
        *(f"{name:<9}{value:#x}" for name, value in values.items()),
    ]


def _registers(session: Session, text: str) -> list[str]:
    names = text.replace("$", "").split()
    if not names:
        general = tables.general(session.debugger, session.symbols)
        selectors = (
            f"{name:<6} {session.register(name):#x}" for name in "cs ss ds es fs gs".split()
        )
        return [*general, *tables.eflags(session.debugger), *selectors]
    found = [registers.find(name) for name in names]
    return [f"{row.name:<6} {row.read(session.debugger.engine):#x}" for row in found]


def _crossings(session: Session, _: str) -> list[str]:
    lines = []
    for crossing in session.debugger.crossings:
        event, at = crossing.event, crossing.position.instructions
        vector = "" if event.vector is None else f" {event.vector:#x}"
        place = session.symbols.describe(event.from_rip)
        lines.append(f"{at:>12,}  {event.mechanism}{vector} from {place}")
    return lines or ["no crossing yet"]


def _symbols(session: Session, text: str) -> list[str]:
    part = text.strip()
    found = [symbol for symbol in session.symbols.all() if part in symbol.name]
    lines = [f"{symbol.address:#018x} {symbol.name} {symbol.module}" for symbol in found[:_MOST]]
    if len(found) > _MOST:
        lines.append(f"... and {len(found) - _MOST} more: info symbols PART")
    return lines or [f"no symbol has {part!r} in its name"]


def _idt(session: Session, text: str) -> list[str]:
    only = session.value(text) if text.strip() else None
    return tables.idt(session.debugger, session.symbols, only)


def _position(session: Session, _: str) -> list[str]:
    position, counter = session.debugger.position, session.debugger.machine.counter
    return [
        f"{position.instructions:,} instructions retired: {counter.user:,} in ring 3, "
        f"{counter.kernel:,} in ring 0; {position.crossings:,} crossings"
    ]


Show = Callable[[Session, str], list[str]]

INFOS: Final[dict[str, tuple[Show, str]]] = {
    "registers": (_registers, "the registers, or those named"),
    "breakpoints": (lambda session, _: point_lines(session), "what there is to stop for"),
    "crossings": (_crossings, "the last ways into ring 0"),
    "frame": (_frame, "what the entry code saved of the program"),
    "threads": (thread_lines, "the tasks, and what they do or wait for"),
    "signals": (signal_lines, "what is done when a signal arrives"),
    "line": (about_line, "where the code of a source line stands"),
    "source": (about_source, "the source file of the place here"),
    "sources": (about_sources, "the source files that are known"),
    "symbol": (about_symbol, "what stands at an address"),
    "symbols": (_symbols, "symbols with a part of a name in them"),
    "position": (_position, "instructions and crossings so far"),
    "idt": (_idt, "the gates, or that of one vector"),
    "gdt": (lambda session, _: tables.gdt(session.debugger), "the descriptors of the GDT"),
    "ldt": (lambda session, _: tables.ldt(session.debugger), "the descriptors of the LDT"),
    "tss": (lambda session, _: tables.tss(session.debugger), "the stacks of the TSS"),
    "msr": (
        lambda session, _: tables.msr(session.debugger, session.symbols),
        "the MSRs of a crossing",
    ),
    "eflags": (lambda session, _: tables.eflags(session.debugger), "the flags by name"),
    "cpu": (
        lambda session, _: tables.cpu(session.debugger, session.symbols),
        "all of the CPU that takes part in a crossing",
    ),
    "tab": (lambda session, _: tables.tab(session.debugger), "what is mapped"),
}


def _info(session: Session, text: str) -> None:
    name, _, rest = text.strip().partition(" ")
    found = [key for key in INFOS if key.startswith(name)] if name else []
    if name in INFOS:
        found = [name]
    if len(found) != 1:
        raise UsageError(f"info of what? {', '.join(found or INFOS)}")
    show, _help = INFOS[found[0]]
    session.say_all(show(session, rest))


def _vmmap(session: Session, _: str) -> None:
    session.say_all(tables.tab(session.debugger))


def _creg(session: Session, _: str) -> None:
    session.say_all(tables.creg(session.debugger))


def _sreg(session: Session, _: str) -> None:
    session.say_all(tables.sreg(session.debugger))


def _dreg(session: Session, _: str) -> None:
    session.say_all(tables.dreg(session.debugger))


def _page(session: Session, text: str) -> None:
    address = session.value(text) if text.strip() else session.debugger.rip
    session.say_all(tables.page(session.debugger, address))


COMMANDS: Final = (
    Command(
        ("info", "i"),
        "info WHAT [ARGUMENT]",
        "Show what there is: " + ", ".join(INFOS) + ".",
        LOOKING,
        _info,
        INFO,
    ),
    Command(("vmmap",), "vmmap", "Show what is mapped, ring 0's too.", LOOKING, _vmmap),
    Command(("creg",), "creg", "Show CR0, CR2, CR3, CR4 and EFER with their bits.", SYSTEM, _creg),
    Command(
        ("sreg",), "sreg", "Show the segment registers with their hidden parts.", SYSTEM, _sreg
    ),
    Command(("dreg",), "dreg", "Say what is with the debug registers.", SYSTEM, _dreg),
    Command(
        ("page",),
        "page [ADDRESS]",
        "Walk the page tables for ADDRESS, entry by entry.",
        SYSTEM,
        _page,
        EXPRESSION,
    ),
)
