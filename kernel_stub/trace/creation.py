"""Kinds of arguments of the calls that make tasks and run programs.

clone(2), execve(2), strace(1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.trace import names, text
from kernel_stub.trace.kinds import LONGEST_PATH, Called, Kind

MOST_STRINGS: Final = 4096  # of an argv


def _clone_flags(c: Called, i: int) -> str:
    """Flags of clone(2), and in their low byte the signal at the end."""
    value = c.values[i] & 0xFFFF_FFFF
    kind, signal = text.bits(value & ~0xFF, names.CLONE, zero=""), value & 0xFF
    return (
        "|".join(part for part in (kind, text.signal_name(signal) if signal else "") if part) or "0"
    )


def _string_addresses(c: Called, i: int) -> list[int]:
    found: list[int] = []
    at = c.values[i]
    while len(found) < MOST_STRINGS and (address := c.word(at)):
        found.append(address)
        at += c.task.abi.word
    return found


def _strings(c: Called, i: int) -> str:
    """argv of execve(2)."""
    if not c.values[i]:
        return "NULL"
    addresses = _string_addresses(c, i)
    words = (c.task.memory.copy_in_string(address, LONGEST_PATH) for address in addresses)
    return "[" + ", ".join(text.quoted(word, c.limit) for word in words) + "]"


def _environment(c: Called, i: int) -> str:
    """envp of execve(2): only how many there are."""
    if not c.values[i]:
        return "NULL"
    count = len(_string_addresses(c, i))
    return f"{c.values[i]:#x} /* {count} var{'' if count == 1 else 's'} */"


INPUTS: Final[Mapping[str, Kind]] = {
    "clone_flags": _clone_flags,
    "strings": _strings,
    "environment": _environment,
}
