"""What the kernel headers installed on this machine say, asked through the C preprocessor.

It runs `gcc -E` on `asm/unistd.h` for each ABI and compares with our tables. It does not know what
a call does. gcc(1), "-dM"; the file is what `#include <sys/syscall.h>` ends in.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Final, NamedTuple

from emu.cli.output import show
from emu.errors import RingscopeError
from kernel_stub.abi.conventions import CONVENTIONS, X32_BIT
from kernel_stub.abi.numbers import LINUX_VERSION, numbered

_MACRO: Final = re.compile(r"#define __NR_(\w+) (?P<x32>\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$")


class Difference(NamedTuple):
    """One ABI: equal calls, calls with two numbers, and calls that only one side has."""

    abi: str
    equal: int
    numbers: dict[str, tuple[int, int]]
    only_here: dict[str, int]
    only_headers: dict[str, int]


def installed_numbers(abi: str) -> dict[str, int]:
    """Every call of `abi` that the installed headers number.

    Raises:
        RingscopeError: there is no gcc, or there are no headers.
    """
    command = ["gcc", *CONVENTIONS[abi].headers, "-include", "asm/unistd.h", "-E", "-dM", "-"]
    try:
        asked = subprocess.run(command, input=b"", capture_output=True, check=True)
    except FileNotFoundError:
        raise RingscopeError("--headers asks the C preprocessor: install gcc") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["gcc failed"]
        raise RingscopeError(f"gcc finds no kernel headers for {abi}: {said[0]}") from None
    found = (_MACRO.match(line) for line in asked.stdout.decode().splitlines())
    return {m[1]: int(m[3]) | (X32_BIT if m["x32"] else 0) for m in found if m}


def difference(abi: str) -> Difference:
    """Where the installed headers and our tables differ. Raises RingscopeError."""
    theirs = installed_numbers(abi)
    ours = {call.name: call.number for call in numbered(abi)}
    both = ours.keys() & theirs.keys()
    differing = {name: (ours[name], theirs[name]) for name in both if ours[name] != theirs[name]}
    return Difference(
        abi,
        len(both) - len(differing),
        differing,
        {name: number for name, number in ours.items() if name not in theirs},
        {name: number for name, number in theirs.items() if name not in ours},
    )


def compare(abis: list[str], as_json: bool = False) -> int:
    """Prints the differences; returns 1 if a call has two numbers."""
    found = [difference(abi) for abi in abis]
    if as_json:
        show(json.dumps([one._asdict() for one in found]) + "\n")
    else:
        show("".join(map(_text, found)))
    return int(any(one.numbers for one in found))


def _text(found: Difference) -> str:
    lines = [f"{found.abi}: {found.equal} calls have the same number in the installed headers"]
    for name, (here, there) in sorted(found.numbers.items()):
        lines.append(f"  {name}: {here} here, {there} in the headers")
    for what, names in (
        (f"only here (Linux {LINUX_VERSION})", found.only_here),
        ("only in the headers", found.only_headers),
    ):
        if names:
            lines.append(f"  {what}: " + " ".join(f"{n}={i}" for n, i in names.items()))
    return "\n".join(lines) + "\n"
