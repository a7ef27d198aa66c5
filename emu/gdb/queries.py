"""The packets that ask and agree: features, threads, modes, `monitor`.

There is one thread, number 1. All-stop is the only mode.
gdb's manual, "General Query Packets", "Packets": `H`, `T`.
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

from emu.gdb import monitor
from emu.gdb.codec import PACKET_SIZE, from_hex, to_hex
from emu.gdb.session import NONSENSE, OK, UNSUPPORTED, PacketError, Session

THREAD = b"1"
# What a client may name for "this thread", "any", "all": `H`, `T`.
_THREADS = (b"1", b"0", b"-1", b"01", b"p1.1", b"p1.-1", b"p-1.-1", b"p0.0")
_MOST_FEATURES = 64
# What the stub offers beside the packets of the table.
_FEATURES = (
    b"PacketSize=%x" % PACKET_SIZE,
    b"QStartNoAckMode+",
    b"vContSupported+",
    b"swbreak+",
    b"hwbreak+",
    b"QCatchSyscalls+",
    b"ReverseStep+",
    b"ReverseContinue+",
    b"binary-upload+",
)


def features(session: Session, text: bytes, transfers: tuple[bytes, ...]) -> bytes:
    """`qSupported`: what both sides can do; `transfers` are the objects of `qXfer`."""
    session.features = frozenset(text.removeprefix(b":").split(b";")[:_MOST_FEATURES])
    return b";".join([*_FEATURES, *(b"qXfer:%b:read+" % name for name in transfers)])


def stop_acknowledging(session: Session, text: bytes) -> bytes:
    """`QStartNoAckMode`: from now on neither side acknowledges."""
    session.acknowledges = False
    return OK


def choose_thread(session: Session, text: bytes) -> bytes:
    """`H`: for which thread what follows is meant."""
    if text[:1] not in (b"g", b"c", b"G", b"m", b"M") or text[1:] not in _THREADS:
        raise PacketError(NONSENSE)
    return OK


def is_alive(session: Session, text: bytes) -> bytes:
    """`T`: whether a thread lives."""
    if text not in _THREADS:
        raise PacketError(NONSENSE)
    session.require_program()
    return OK


def current_thread(session: Session, text: bytes) -> bytes:
    """`qC`."""
    return UNSUPPORTED if text else b"QC" + THREAD


def first_threads(session: Session, text: bytes) -> bytes:
    """`qfThreadInfo`."""
    return b"l" if session.stop.reason.is_end else b"m" + THREAD


def more_threads(session: Session, text: bytes) -> bytes:
    """`qsThreadInfo`."""
    return b"l"


def about_thread(session: Session, text: bytes) -> bytes:
    """`qThreadExtraInfo`: what `info threads` adds: the ring."""
    session.require_program()
    return to_hex(b"ring %d" % session.registers()["cpl"])


def is_attached(session: Session, text: bytes) -> bytes:
    """`qAttached`: no; a client that quits ends the program, as it ends one that it started."""
    return b"0"


def symbols(session: Session, text: bytes) -> bytes:
    """`qSymbol`: the client offers to look symbols up; none is wanted."""
    return OK


def non_stop(session: Session, text: bytes) -> bytes:
    """`QNonStop`: 0 is what there is."""
    if text == b"0":
        return OK
    raise PacketError("ringscope stops the whole machine: use `set non-stop off`")


def accept(session: Session, text: bytes) -> bytes:
    """A setting that changes nothing here."""
    return OK


def unknown(session: Session, text: bytes) -> bytes:
    """`vMustReplyEmpty`: the answer to what nobody knows."""
    return UNSUPPORTED


def command(session: Session, text: bytes) -> bytes:
    """`qRcmd`: a command of `monitor`."""
    line = from_hex(text).decode("utf-8", "replace")
    session.say(monitor.answer(session, line))
    return OK
