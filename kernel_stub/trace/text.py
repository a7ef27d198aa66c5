"""How strace writes numbers, strings and sets of flags.

Small functions on values; which argument is what, it does not know. strace(1), "STRING OPTIONS" is
the only setting: how much of a string is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.abi.signals import NAMES

_ESCAPES: Final = {
    0x09: "\\t",
    0x0A: "\\n",
    0x0B: "\\v",
    0x0C: "\\f",
    0x0D: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}
_DIGITS: Final = frozenset(b"01234567")


def quoted(data: bytes, limit: int | None = None, is_cut: bool = False) -> str:
    """`data` in quotes, at most `limit` bytes of it; `is_cut`: there is more than is given."""
    shown = data if limit is None else data[:limit]
    parts = []
    for i, byte in enumerate(shown):
        if byte in _ESCAPES:
            parts.append(_ESCAPES[byte])
        elif 0x20 <= byte < 0x7F:
            parts.append(chr(byte))
        else:
            is_ambiguous = shown[i + 1 : i + 2] != b"" and shown[i + 1] in _DIGITS
            parts.append(f"\\{byte:03o}" if is_ambiguous else f"\\{byte:o}")
    dots = "..." if is_cut or len(shown) < len(data) else ""
    return f'"{"".join(parts)}"{dots}'


def in_hex(data: bytes, limit: int) -> str:
    """`data` in quotes, each byte in hexadecimal, as what is random is shown."""
    shown = "".join(f"\\x{byte:02x}" for byte in data[:limit])
    return f'"{shown}"' + ("..." if len(data) > limit else "")


def bits(value: int, names: Mapping[str, int], zero: str = "0") -> str:
    """`value` as names joined by bars; what has no name is a number."""
    parts = []
    rest = value
    for name, mask in names.items():
        if mask and rest & mask == mask:
            parts.append(name)
            rest &= ~mask
    if rest:
        parts.append(f"{rest:#x}")
    return "|".join(parts) or zero


def one_of(value: int, names: Mapping[int, str], prefix: str) -> str:
    """The name of `value`, or the number with what it should have been."""
    return names.get(value) or f"{value:#x} /* {prefix}??? */"


def address(value: int) -> str:
    """An address."""
    return f"{value:#x}" if value else "NULL"


def octal(value: int) -> str:
    """Permissions, or a mask of them: at least three digits."""
    return (f"0{value:o}" if value else "").rjust(3, "0")


def signal_name(number: int) -> str:
    """SIGINT, or the number of a signal without a name."""
    return NAMES.get(number, str(number)) if number else "0"


def signal_set(mask: int, size: int = 64) -> str:
    """`[HUP INT]`; a set that is nearly full is told by what is missing."""
    numbers = [n for n in range(1, size + 1) if mask >> n - 1 & 1]
    if len(numbers) >= size * 2 // 3:
        return "~" + signal_set(~mask & (1 << size) - 1, size)
    return "[" + " ".join(_short(number) for number in numbers) + "]"


def _short(number: int) -> str:
    if number in NAMES and number < 32:
        return NAMES[number].removeprefix("SIG")
    return "RTMIN" if number == 32 else f"RT_{number - 32}"
