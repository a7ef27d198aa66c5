"""The packets that ask and agree: features, modes, `monitor`.

All-stop is the only mode. gdb's manual, "General Query Packets".
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

from emu.gdb import monitor
from emu.gdb.codec import PACKET_SIZE, from_hex, number
from emu.gdb.session import OK, UNSUPPORTED, PacketError, Session

_MOST_FEATURES = 64
# What the stub offers beside the packets of the table.
_FEATURES = (
    b"PacketSize=%x" % PACKET_SIZE,
    b"QStartNoAckMode+",
    b"vContSupported+",
    b"swbreak+",
    b"hwbreak+",
    b"QCatchSyscalls+",
    b"QPassSignals+",
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


def pass_signals(session: Session, text: bytes) -> bytes:
    """`QPassSignals`: signals of which the client need not be told."""
    session.target.pass_signals({number(one) for one in text.split(b";") if one})
    return OK


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
