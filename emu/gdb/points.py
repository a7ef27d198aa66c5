"""The packets that set and clear what stops a program: breakpoints, watchpoints, system calls.

gdb's manual, "Packets": `z`, `Z`; "General Query Packets": `QCatchSyscalls`.
"""

from __future__ import annotations

from emu.gdb.codec import BadNumber, number
from emu.gdb.session import NONSENSE, OK, UNSUPPORTED, PacketError, Session
from emu.gdb.target import Point

_KINDS = {b"%d" % point.value: point for point in Point}
_LONGEST_WATCH = 0x1000


def _point(text: bytes) -> tuple[Point | None, int, int]:
    """TYPE,ADDRESS,KIND. A condition behind them was never offered."""
    parts = text.split(b",")
    if len(parts) != 3:
        raise BadNumber(text)
    return _KINDS.get(parts[0]), number(parts[1]), number(parts[2])


def insert(session: Session, text: bytes) -> bytes:
    """`Z`: a breakpoint or watchpoint."""
    session.require_program()
    point, address, size = _point(text)
    if point is None:
        return UNSUPPORTED
    if not 0 < size <= _LONGEST_WATCH:
        raise PacketError(NONSENSE)
    session.target.insert(point, address, size)
    return OK


def remove(session: Session, text: bytes) -> bytes:
    """`z`: the same, taken away."""
    point, address, size = _point(text)
    if point is None:
        return UNSUPPORTED
    session.target.remove(point, address, size)
    return OK


def catch_syscalls(session: Session, text: bytes) -> bytes:
    """`QCatchSyscalls:1[;NUMBER...]` or `:0`."""
    switch, *numbers = text.split(b";")
    if switch == b"0" and not numbers:
        session.target.catch_syscalls(None)
    elif switch == b"1":
        session.target.catch_syscalls({number(one) for one in numbers})
    else:
        raise PacketError(NONSENSE)
    return OK
