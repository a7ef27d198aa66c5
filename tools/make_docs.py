"""Prints into the pages the tables that the program itself runs on.

It knows how a table is written and between which marks of a page it stands; what a table says is
read from the module that works with it, so a page cannot say something else. `--check` writes
nothing and fails if a page is stale. A page holds

    <!-- table: NAME -->
    (replaced)
    <!-- end of table -->
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from inspect import getdoc
from pathlib import Path
from typing import Final

from emu import errors
from emu.cli import interrupt
from emu.console.table import COMMANDS
from emu.gdb import monitor, packets
from emu.testing.bugs import BUGS
from emu.testing.guest import Guest
from emu.testing.memory import Memory
from emu.x86 import checks, controls, crossings, msr_table, vectors, vendors
from kernel_stub import errors as kernel_errors
from kernel_stub import faults
from kernel_stub.abi import signals
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.tracing import Request
from kernel_stub.syscalls import every_call, ptrace
from tests.programs import page

ROOT: Final = Path(__file__).resolve().parent.parent
REGION: Final = re.compile(
    r"(<!-- table: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(<!-- end of table -->)", re.DOTALL
)


class UnknownTable(Exception):
    """A page asks for a table that nobody makes."""


def markdown(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of Markdown; a bar in a cell is escaped, a line end becomes a space."""
    titles = tuple(headings)
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join("| " + " | ".join(map(cell, line)) + " |\n" for line in lines)


def cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")


def error_table() -> str:
    """The exceptions that a user meets, by family, from the classes that are raised."""
    kinds = {
        kind: None
        for module in (errors, kernel_errors, interrupt)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, errors.RingscopeError)
    }
    rows = [
        (f"`{kind.__name__}`", family, kind.exit_status, getdoc(kind))
        for family, base in FAMILIES.items()
        for kind in kinds
        if issubclass(kind, base) and kind is not base
    ]
    return markdown(("exception", "whose", "exit status", "what it says"), rows)


def crossing_table(rows: Iterable[crossings.Crossing]) -> str:
    """The rows of the table of crossings."""
    headings = ("crossing", "by", "ring", "target", "saves", "stack", "flags cleared", "manual")
    cells = [
        (
            row.name,
            row.instruction,
            row.rings,
            row.target,
            row.saves,
            row.stack,
            row.flags_cleared,
            row.manual,
        )
        for row in rows
    ]
    return markdown(headings, cells)


def vector_table() -> str:
    """The exceptions, and what our kernel makes of each."""
    headings = ("vector", "mnemonic", "name", "kind", "error code", "for #DF", "signal")
    rows = [
        (
            row.number,
            row.mnemonic,
            row.name,
            row.kind,
            "yes" if row.has_error_code else "no",
            row.escalation,
            signal_of(row.number),
        )
        for row in vectors.TABLE.values()
    ]
    return markdown(headings, rows)


def check_table() -> str:
    """The checks of a delivery and of an instruction."""
    kinds = {"delivery": checks.DELIVERY, "instruction": checks.INSTRUCTIONS}
    rows = [(kind, *row) for kind, some in kinds.items() for row in some]
    return markdown(("of", "what was found", "manual"), rows)


def vendor_table() -> str:
    """Where Intel and AMD differ, and whom this machine follows."""
    headings = ("what", "Intel", "AMD", "here", "here, ring 0 not supervised", "manual")
    return markdown(headings, vendors.DIFFERENCES)


def msr_table_rows() -> str:
    """The model-specific registers."""
    headings = ("number", "name", "holds", "WRMSR takes on Intel", "on AMD", "here", "manual")
    rows = [
        (
            f"{row.number:#x}" if row.width == 1 else f"{row.number:#x} and on: {row.width}",
            row.name,
            row.holds,
            rule_text(row.intel),
            rule_text(row.amd),
            row.here,
            row.manual,
        )
        for row in msr_table.TABLE
    ]
    return markdown(headings, rows)


def rule_text(rule: msr_table.Rule | None) -> str:
    return "no such register" if rule is None else rule.text


def control_table() -> str:
    """What a write to a control register may not do."""
    return markdown(("register", "refused"), [row[:2] for row in controls.TABLE])


def signal_of(vector: int) -> str:
    """The signal of an exception in ring 3."""
    if vector == vectors.PF:
        return "SIGSEGV or SIGBUS, if the page cannot be made"
    outcome = faults.OUTCOMES.get(vector)
    return signals.NAMES[outcome.signal] if outcome else ""


def syscall_table() -> str:
    """The system calls that have a handler."""
    tables = (X86_64.numbers, I386.numbers)
    numbers = [{name: number for number, name in table.items()} for table in tables]
    rows = [
        (f"`{name}`", *(by.get(name, "") for by in numbers), call.support, call.missing)
        for name, call in sorted(every_call().items())
    ]
    return markdown(("call", "x86_64", "i386", "how well", "what is missing"), rows)


def request_table() -> str:
    """The requests of ptrace(2) to a tracee, from the rows that answer them."""
    abis = {0: "both", X86_64.word: X86_64.name, I386.word: I386.name}
    rows = [
        (f"`PTRACE_{Request(number).name}`", "yes" if row.runs else "", abis[row.word])
        for number, row in ptrace.ROWS.items()
    ]
    return markdown(("request", "while the tracee runs", "tracers"), rows)


def command_table() -> str:
    """The debugger's commands."""
    rows = (
        (f"`{command.usage}`", ", ".join(command.names[1:]), command.help, command.group)
        for command in COMMANDS
    )
    return markdown(("command", "also", "what it does", "group"), rows)


FAMILIES: Final = {
    "the caller's": errors.CallerError,
    "the guest's": errors.GuestError,
    "ours": errors.OurError,
}


def bug_table() -> str:
    """What the checks of `emu.testing` find in a kernel."""
    rows = [(f"`{bug.name}`", bug.title, bug.mend, "; ".join(bug.see)) for bug in BUGS.values()]
    return markdown(("`allow=`", "what was seen", "how to mend it", "where to read"), rows)


def guest_table() -> str:
    """What a machine under test can do, by the first sentence of each method's text."""
    names = (*Guest.__dict__, *Memory.__dict__)
    members = {name: getattr(Guest, name) for name in names if not name.startswith("_")}
    rows = [
        (f"`.{name}`", " ".join((getdoc(member) or "").split("\n\n")[0].split()))
        for name, member in members.items()
        if name not in ("load", "map_bits")
    ]
    return markdown(("", "what it does"), rows)


def packet_table() -> str:
    """The packets of gdb's remote protocol that have a handler."""
    rows = [(f"`{row.name.decode()}`", f"`{row.form}`", row.does) for row in packets.TABLE]
    rows = [(name, form if form != "``" else "", does) for name, form, does in rows]
    return markdown(("packet", "form", "what it does"), rows)


def monitor_table() -> str:
    """The commands of gdb's `monitor`."""
    rows = [
        (f"`monitor {row.words} {row.argument}".strip() + "`", row.shows)
        for row in monitor.COMMANDS
    ]
    return markdown(("command", "what it shows"), rows)


# The registry: a name that a page may ask for, and who makes it.
TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "errors": error_table,
    "entries": lambda: crossing_table(crossings.ENTRIES),
    "returns": lambda: crossing_table(crossings.RETURNS),
    "vectors": vector_table,
    "checks": check_table,
    "vendors": vendor_table,
    "msrs": msr_table_rows,
    "controls": control_table,
    "syscalls": syscall_table,
    "bugs": bug_table,
    "guest": guest_table,
    "requests": request_table,
    "commands": command_table,
    "packets": packet_table,
    "programs": lambda: markdown(page.HEADINGS, page.rows()),
    "monitor": monitor_table,
}


def renewed(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """`page` with each of its tables made anew.

    Raises:
        UnknownTable: no such table is in `tables`.
    """

    def renew(found: re.Match[str]) -> str:
        if found["name"] not in tables:
            raise UnknownTable(f"no table is called {found['name']!r}; there are: {list(tables)}")
        return f"{found[1]}\n{tables[found['name']]()}\n{found[4]}"

    return REGION.sub(renew, page)


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def stale_pages() -> dict[Path, str]:
    """The pages that differ from what they would say if made now, and what that is."""
    texts = {path: path.read_text("utf-8") for path in pages()}
    fresh = {path: renewed(text, TABLES) for path, text in texts.items()}
    return {path: text for path, text in fresh.items() if text != texts[path]}


def main(argv: list[str]) -> int:
    stale = stale_pages()
    if argv == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, "utf-8")
        print(f"made {path.relative_to(ROOT)} anew")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
