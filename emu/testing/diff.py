"""What pytest shows when a comparison of states fails: only what differs, in names and numbers.

It takes two records apart; it knows no machine.
"""

from __future__ import annotations

from typing import Any, Final

from emu.testing.states import Frame, State, difference, frame_difference
from emu.testing.trap import Trap
from emu.testing.values import Flags, Word
from emu.x86 import flags

_WIDTH: Final = 15


def explain(left: object, right: object) -> list[str] | None:
    """The lines that tell `left` and `right` apart; None if these are not our values."""
    if isinstance(left, State) and isinstance(right, State):
        return _table("the states", difference(left, right))
    if isinstance(left, Frame) and isinstance(right, Frame):
        return _table("the frames", frame_difference(left, right))
    if isinstance(left, Trap) and isinstance(right, Trap):
        return _traps(left, right)
    if isinstance(left, Word) and isinstance(right, int):
        return _numbers(left, right)
    if isinstance(right, Word) and isinstance(left, int):
        return _numbers(left, right)
    return None


def _table(what: str, pairs: dict[str, tuple[Any, Any]]) -> list[str]:
    """One row for each field that differs: its name, both values."""
    known = {
        name: tuple(map(_typed, (right, left), (left, right)))
        for name, (left, right) in pairs.items()
    }
    rows = [(name, str(right), str(left)) for name, (left, right) in known.items()]
    width = max([4, *(len(left) for _, left, _ in rows)])
    lines = [
        f"left == right: {what} differ in {', '.join(pairs)}",
        f"{'':{_WIDTH}} {'left':{width}}  right",
    ]
    lines += [f"{name:{_WIDTH}} {left:{width}}  {right}" for name, left, right in rows]
    for name, (left, right) in pairs.items():
        if isinstance(left, Flags) or isinstance(right, Flags):
            lines += [f"{name}: {line}" for line in _bits(left, right)]
    return lines


def _typed(value: Any, like: Any) -> Any:
    """A bare number beside one of our values is printed as that is."""
    if type(value) is int and isinstance(like, Word) and type(like) in (Flags, Word):
        return type(like)(value)
    return value


def _numbers(left: int, right: int) -> list[str]:
    left, right = _typed(left, right), _typed(right, left)
    lines = [f"{_shown(left)} == {_shown(right)}"]
    if isinstance(left, Flags) or isinstance(right, Flags):
        lines += _bits(left, right)
    return lines


def _shown(value: int) -> str:
    return str(value) if isinstance(value, Word) else f"{value:#x}"


def _bits(left: int, right: int) -> list[str]:
    """The names of the flags that only one side has."""
    sides = (("left", left & ~right), ("right", right & ~left))
    return [f"only {side}: {flags.describe(bits) or hex(bits)}" for side, bits in sides if bits]


def _traps(left: Trap, right: Trap) -> list[str]:
    lines: list[str] = []
    for name in ("mechanism", "vector", "error_code", "gate", "stack", "counts"):
        one, other = getattr(left, name), getattr(right, name)
        if one != other:
            lines.append(f"{name}: {one} == {other}")
    for name in ("user", "entry", "here"):
        pairs = difference(getattr(left, name), getattr(right, name))
        if pairs:
            lines += _table(f"the states `{name}`", pairs)
    if left.frame is not None and right.frame is not None:
        pairs = frame_difference(left.frame, right.frame)
        if pairs:
            lines += _table("the frames", pairs)
    elif left.frame is not right.frame:
        lines.append(f"frame: {left.frame} == {right.frame}")
    return ["left == right: the traps differ", *lines]
