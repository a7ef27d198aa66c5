"""The packets about threads: which there are, which one is meant.

Without the multiprocess extension a thread is a number in hexadecimal: 0 means any, -1 all.
gdb's manual, "Packets": `H`, `T`; "General Query Packets": `qC`, `qfThreadInfo`.
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

from emu.gdb.codec import BadNumber, number, to_hex
from emu.gdb.session import NONSENSE, OK, UNSUPPORTED, PacketError, Session

_ANY = (b"0", b"-1")
_FOR = (b"g", b"c", b"G", b"m", b"M")


def thread_of(text: bytes) -> int:
    """The thread that a client names; 0 for any, or all. Raises BadNumber."""
    return 0 if text in _ANY else number(text)


def choose(session: Session, text: bytes) -> bytes:
    """`H`: for which thread what follows is meant."""
    if text[:1] not in _FOR:
        raise PacketError(NONSENSE)
    thread = thread_of(text[1:])
    if thread:
        session.require_program()
        session.select(thread)
    return OK


def is_alive(session: Session, text: bytes) -> bytes:
    """`T`: whether a thread lives."""
    wanted = thread_of(text)
    session.require_program()
    if wanted and all(thread.number != wanted for thread in session.target.threads()):
        raise PacketError(NONSENSE)
    return OK


def current(session: Session, text: bytes) -> bytes:
    """`qC`."""
    return UNSUPPORTED if text else b"QC%x" % session.stop.thread


def first(session: Session, text: bytes) -> bytes:
    """`qfThreadInfo`: all of them."""
    if session.stop.reason.is_end:
        return b"l"
    return b"m" + b",".join(b"%x" % thread.number for thread in session.target.threads())


def more(session: Session, text: bytes) -> bytes:
    """`qsThreadInfo`."""
    return b"l"


def about(session: Session, text: bytes) -> bytes:
    """`qThreadExtraInfo`: what `info threads` adds."""
    session.require_program()
    wanted = thread_of(text)
    for thread in session.target.threads():
        if thread.number == wanted:
            return to_hex(thread.about.encode("utf-8", "replace"))
    raise BadNumber(text)
