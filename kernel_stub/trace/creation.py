"""Kinds of arguments of the calls that make tasks and run programs.

clone(2), execve(2), strace(1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.signalling.returns import mask_in_frame
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


# The arguments of clone(2) that a flag makes count, as strace names them.
_CLONE_POINTERS: Final = (
    ("parent_tid", names.CLONE["CLONE_PARENT_SETTID"]),
    ("tls", names.CLONE["CLONE_SETTLS"]),
    ("child_tidptr", names.CLONE["CLONE_CHILD_SETTID"] | names.CLONE["CLONE_CHILD_CLEARTID"]),
)


def _clone_arguments(c: Called, i: int) -> str:
    """All of clone(2), in an order of their own, and only those that count."""
    flags, stack, parent_tid, *rest = c.values
    child_tid, tls = rest if c.task.abi.word == 8 else reversed(rest)
    parts = [f"child_stack={text.address(stack)}", f"flags={_clone_flags(c, i)}"]
    pointers = zip(_CLONE_POINTERS, (parent_tid, tls, child_tid), strict=True)
    parts += [f"{name}={value:#x}" for (name, bits), value in pointers if flags & bits]
    return ", ".join(parts)


def _silent(_c: Called, _i: int) -> str:
    """An argument that another one's text tells."""
    return ""


def _frame_mask(c: Called, _i: int) -> str:
    """The mask in the frame that rt_sigreturn(2) takes back."""
    return f"{{mask={text.signal_set(mask_in_frame(c.task, real_time=True))}}}"


def _old_frame_mask(c: Called, _i: int) -> str:
    """The mask in the frame that i386's sigreturn(2) takes back."""
    return f"{{mask={text.signal_set(mask_in_frame(c.task, real_time=False))}}}"


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
    "clone_arguments": _clone_arguments,
    "silent": _silent,
    "frame_mask": _frame_mask,
    "old_frame_mask": _old_frame_mask,
    "strings": _strings,
    "environment": _environment,
}
