"""`ringscope syscalls`: a call's number, name, way in, registers, kernel function, and support.

It looks up and prints; the facts are in kernel_stub/abi and in the handlers' annotations. What a
user of ausyscall types works: `[ABI] NAME|NUMBER`, `--dump`, `--exact`. ausyscall(8), syscalls(2).
"""

from __future__ import annotations

import argparse
import json
from argparse import Namespace
from typing import Any, Final, NamedTuple

from emu.cli.output import show
from emu.errors import RingscopeError, UsageError
from kernel_stub.abi.conventions import CONVENTIONS, X32_BIT, Convention, convention
from kernel_stub.abi.numbers import LINUX_VERSION, OURS, Numbered, numbered
from kernel_stub.syscalls import find

MISSING: Final = "missing"
ABSENT: Final = {
    "x32": "this kernel has no x32",
    "x86_64": "-ENOSYS, counted as unknown",
    "i386": "-ENOSYS, counted as unknown",
}
# What a C programmer calls the kinds of the handlers' annotations.
C_TYPES: Final = {
    "Int": "int",
    "UInt": "unsigned int",
    "Long": "long",
    "ULong": "unsigned long",
    "Pointer": "void *",
    "Path": "const char *",
    "Loff": "loff_t",
}


class Row(NamedTuple):
    """One call of one ABI, with all that can be told of it. `signature` is "" where unknown."""

    abi: str
    number: int
    name: str
    symbol: str
    support: str
    missing: str
    signature: str
    arguments: tuple[tuple[str, str], ...]  # the register or registers, and what they hold


def options(verb: argparse.ArgumentParser) -> None:
    """Adds what the verb takes to its parser."""
    verb.add_argument("words", metavar="ABI|NAME|NUMBER", nargs="*", help="see the examples")
    verb.add_argument("--dump", action="store_true", help="every call of the ABI, or of all")
    verb.add_argument("--exact", action="store_true", help="the whole name must match")
    verb.add_argument(
        "--headers", action="store_true", help="compare with the headers installed here (needs gcc)"
    )
    verb.add_argument("-j", "--json", action="store_true", help="one JSON array")
    verb.add_argument(
        "-q", "--brief", action="store_true", help="numbers and names only, as ausyscall"
    )


def run(options: Namespace) -> int:
    """Prints what was asked for; returns the exit status. Raises UsageError, RingscopeError."""
    abis, wanted = _words(options.words)
    if options.headers:
        from emu.cli.headers import compare

        return compare([abi for abi in abis if abi in CONVENTIONS], as_json=options.json)
    if wanted is None and not options.dump:
        raise UsageError("which call? give a NAME or a NUMBER, or --dump for all of them")
    found = {abi: [c for c in numbered(abi) if _matches(c, wanted, options.exact)] for abi in abis}
    if not any(found.values()):
        raise RingscopeError(_nothing(wanted, abis))
    rows = {abi: [describe(call) for call in calls] for abi, calls in found.items()}
    if options.json:
        text = json.dumps([as_dict(row) for some in rows.values() for row in some]) + "\n"
    elif options.brief:
        text = _brief(rows, options, wanted)
    else:
        text = _text(rows)
    show(text)
    return 0


def _words(words: list[str]) -> tuple[list[str], str | None]:
    """The ABIs that the words name (all, if none) and the name or number. Raises UsageError."""
    abis = [found.name for word in words if (found := convention(word)) is not None]
    rest = [word for word in words if convention(word) is None]
    if len(rest) > 1:
        raise UsageError(f"one name or number at a time, not {' and '.join(rest)}")
    return abis or list(CONVENTIONS), rest[0] if rest else None


def _matches(call: Numbered, wanted: str | None, exact: bool) -> bool:
    if wanted is None:
        return True
    number = _number(wanted)
    if number is not None:
        return call.number == number or (call.abi == "x32" and call.number == number | X32_BIT)
    return call.name == wanted if exact else wanted in call.name


def _number(text: str) -> int | None:
    if not text[:1].isdigit():
        return None
    try:
        return int(text, 0)
    except ValueError:
        return int(text) if text.isdecimal() else None


def _nothing(wanted: str | None, abis: list[str]) -> str:
    import difflib

    names = {call.name for abi in abis for call in numbered(abi)}
    close = difflib.get_close_matches(wanted or "", names, 3)
    hint = f"; close: {', '.join(close)}" if close else ""
    return f"no system call {wanted!r} in {', '.join(abis)} (Linux {LINUX_VERSION}){hint}"


def describe(call: Numbered) -> Row:
    """All that can be told of `call`."""
    rules = CONVENTIONS[call.abi]
    handled = find(call.name) if call.number in OURS.get(call.abi, {}) else None
    known = find(call.name)
    arguments = _arguments(rules, known.names, known.kinds) if known else ()
    inside = ", ".join(what for _, what in arguments) or "void"
    return Row(
        *call,
        support=handled.support if handled else MISSING,
        missing=handled.missing if handled else ABSENT[call.abi],
        signature=f"{call.name}({inside})" if known else "",
        arguments=arguments,
    )


def _arguments(
    rules: Convention, names: tuple[str, ...], kinds: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Each argument with its register; a 64-bit value takes two of i386."""
    registers = list(rules.arguments)
    rows = []
    for name, kind in zip(names, kinds, strict=True):
        taken = 2 if kind == "Loff" and rules.name == "i386" else 1
        space = "" if C_TYPES[kind].endswith("*") else " "
        rows.append((":".join(reversed(registers[:taken])), f"{C_TYPES[kind]}{space}{name}"))
        del registers[:taken]
    return tuple(rows)


def as_dict(row: Row) -> dict[str, Any]:
    """A row as one JSON-ready object."""
    rules = CONVENTIONS[row.abi]
    return {
        "abi": row.abi,
        "number": row.number,
        "name": row.name,
        "symbol": row.symbol,
        "support": row.support,
        "missing": row.missing,
        "signature": row.signature or None,
        "arguments": [{"register": where, "is": what} for where, what in row.arguments],
        "mechanisms": list(rules.mechanisms),
        "registers": {
            "number": rules.number,
            "arguments": list(rules.arguments),
            "result": rules.result,
        },
        "linux": LINUX_VERSION,
    }


def _brief(rows: dict[str, list[Row]], options: Namespace, wanted: str | None) -> str:
    """As ausyscall prints: the name of a number, the number of an exact name, else both."""
    lines = []
    for abi, some in rows.items():
        if options.dump:
            lines.append(f"Using {abi} syscall table:")
            lines += [f"{row.number}\t{row.name}" for row in some]
        elif wanted is not None and _number(wanted) is not None:
            lines += [row.name for row in some]
        elif options.exact:
            lines += [str(row.number) for row in some]
        else:
            lines += [f"{row.name:<18} {row.number}" for row in some]
    return "\n".join(lines) + "\n"


def _text(rows: dict[str, list[Row]]) -> str:
    """For a person: a block of lines for one match of an ABI, a table for more."""
    parts = [_one(some[0]) if len(some) == 1 else _table(some) for some in rows.values() if some]
    return "\n".join(parts)


def _heading(abi: str) -> str:
    rules = CONVENTIONS[abi]
    arguments = " ".join(rules.arguments)
    return (
        f"{abi}: {rules.instructions}\n"
        f"  number in {rules.number}, arguments in {arguments}, result in {rules.result}\n"
    )


def _one(row: Row) -> str:
    support = f"{row.support}: {row.missing}" if row.missing else row.support
    facts = [
        ("name", row.name),
        ("number", f"{row.number} ({row.number:#x})"),
        ("kernel", row.symbol),
        ("signature", row.signature or "not known here"),
        *((where, what) for where, what in row.arguments),
        ("here", support),
    ]
    return _heading(row.abi) + "".join(f"  {what:<10} {value}\n" for what, value in facts)


def _table(rows: list[Row]) -> str:
    widths = [max(len(str(row[column])) for row in rows) for column in range(5)]
    lines = [
        f"  {row.number:>{widths[1]}}  {row.name:<{widths[2]}}  {row.symbol:<{widths[3]}}  "
        f"{row.support:<{widths[4]}}  {row.signature}".rstrip()
        for row in rows
    ]
    return _heading(rows[0].abi) + "\n".join(lines) + "\n"
