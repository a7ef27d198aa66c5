"""`ringscope kallsyms`: the stub kernel's symbols, by name and by address.

It prints what kernel_stub/kallsyms.py knows, in the format of /proc/kallsyms, and an address as
the kernel's own messages do: name+offset/size. Nothing is run. proc(5): /proc/kallsyms.
"""

from __future__ import annotations

import argparse
import inspect
import json
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from emu.cli.output import show
from emu.errors import RingscopeError
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.entry_points import kernel_symbol
from kernel_stub.kallsyms import Symbol, kallsyms_text, named, nearest
from kernel_stub.syscalls import find

_ROOT: Final = Path(__file__).parents[2]
# The code that hands a call of each ABI over to Python.
_CALLERS: Final = {
    "x86_64": ("do_syscall_64",),
    "i386": ("do_int80_syscall_32", "do_SYSENTER_32", "do_fast_syscall_32"),
}


def options(verb: argparse.ArgumentParser) -> None:
    """Adds what the verb takes to its parser."""
    verb.add_argument(
        "words", metavar="NAME|ADDRESS", nargs="*", help="what to look up; nothing: all"
    )
    verb.add_argument("-j", "--json", action="store_true", help="one JSON array")


def run(options: Namespace) -> int:
    """Prints what was asked for; returns the exit status. Raises RingscopeError."""
    if not options.words and not options.json:
        show(kallsyms_text().decode())
        return 0
    rows = [row for word in options.words or [""] for row in look_up(word)]
    show(json.dumps(rows) + "\n" if options.json else "".join(map(_line, rows)))
    return 0


def look_up(word: str) -> list[dict[str, Any]]:
    """What `word` is, a name or an address, as JSON-ready rows. Raises RingscopeError."""
    address = _address(word)
    if address is not None:
        symbol = nearest(address)
        if symbol is None:
            raise RingscopeError(f"{word} is in no symbol of the kernel")
        return [as_dict(symbol) | {"offset": address - symbol.address}]
    found = [as_dict(symbol) for symbol in named(word)] or in_python(word)
    if not found:
        raise RingscopeError(f"no symbol of the kernel has {word!r} in its name")
    return found


def _address(word: str) -> int | None:
    """`word` as a number, hexadecimal with or without 0x; None for a name."""
    try:
        return int(word, 16) if len(word) >= 8 or word.startswith("0x") else None
    except ValueError:
        return None


def as_dict(symbol: Symbol) -> dict[str, Any]:
    """A symbol as one JSON-ready object."""
    return symbol._asdict()


def in_python(word: str) -> list[dict[str, Any]]:
    """The functions of Linux with `word` in their names that Python answers here."""
    rows = []
    for abi in (X86_64, I386):
        for name in abi.numbers.values():
            symbol, call = kernel_symbol(abi.name, name), find(name)
            if call is not None and word in symbol:
                lines = inspect.unwrap(call.handler).__code__
                where = f"{Path(lines.co_filename).relative_to(_ROOT)}:{lines.co_firstlineno}"
                rows.append({"name": symbol, "python": where, "callers": list(_CALLERS[abi.name])})
    exact = [row for row in rows if row["name"] == word]
    return exact or rows


def _line(row: dict[str, Any]) -> str:
    if "python" in row:
        callers = ", ".join(row["callers"])
        return f"{'-' * 16} - {row['name']}  # Python, {row['python']}, from {callers}\n"
    line = f"{row['address']:016x} {row['kind']} {row['name']}"
    if "offset" in row:
        line = f"{row['address'] + row['offset']:016x} {row['kind']} {row['name']}"
        line += f"+{row['offset']:#x}/{row['size']:#x}"
    return line + "\n"
