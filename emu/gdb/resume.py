"""The packets that make the program go on: forwards, backwards, in steps, to its end.

Each runs the target and answers with why it stands still. A signal that the client wants to
deliver is dropped, for the kernel delivers its own.
gdb's manual, "Packets": `?`, `c`, `s`, `C`, `S`, `vCont`, `bc`, `bs`, `D`, `k`, `vKill`.
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

from collections.abc import Callable

from emu.gdb.codec import number
from emu.gdb.session import NONSENSE, OK, UNSUPPORTED, Ending, PacketError, Session
from emu.gdb.stops import stop_reply
from emu.gdb.target import Reason, Stop


def why(session: Session, text: bytes = b"") -> bytes:
    """`?`: why the target stands still."""
    values = {} if session.stop.reason.is_end else session.registers()
    return stop_reply(session.stop, session.layout, values, session.features)


def _run(session: Session, motion: Callable[[], Stop], after_the_end: bool = False) -> bytes:
    session.forget()
    session.interrupted = False
    if after_the_end or not session.stop.reason.is_end:
        stop = motion()
        if stop.message:
            session.say(f"ringscope: {stop.message}\n")
    return why(session)


def _go_to(session: Session, address: bytes) -> None:
    """The optional address of `c` and `s`: where to go on."""
    if address:
        session.require_program()
        place = number(address)
        session.forget()
        session.target.write_register(session.layout.pc, place)


def resume(session: Session, text: bytes) -> bytes:
    """`c`: run."""
    _go_to(session, text)
    return _run(session, session.target.resume)


def step(session: Session, text: bytes) -> bytes:
    """`s`: one instruction."""
    _go_to(session, text)
    return _run(session, session.target.step)


def _with_signal(text: bytes) -> bytes:
    """The address behind the signal of `C` and `S`."""
    signal, _, address = text.partition(b";")
    number(signal)
    return address


def resume_with_signal(session: Session, text: bytes) -> bytes:
    """`C`: run."""
    return resume(session, _with_signal(text))


def step_with_signal(session: Session, text: bytes) -> bytes:
    """`S`: one instruction."""
    return step(session, _with_signal(text))


def what_vcont_knows(session: Session, text: bytes) -> bytes:
    """`vCont?`."""
    return b"vCont;c;C;s;S;t;r" if not text else UNSUPPORTED


def act(session: Session, text: bytes) -> bytes:
    """`vCont;ACTION[:THREAD]...`: the first action, for there is one thread."""
    action, _, _ = text.partition(b";")
    action, _, _ = action.partition(b":")
    name, rest = action[:1], action[1:]
    if name == b"r":
        start, comma, end = rest.partition(b",")
        if not comma:
            raise PacketError(NONSENSE)
        return _step_range(session, number(start), number(end))
    if name in (b"C", b"S"):
        number(rest)
    elif rest:
        raise PacketError(NONSENSE)
    if name == b"t":  # it stands still already
        return why(session)
    if name in (b"c", b"C"):
        return _run(session, session.target.resume)
    if name in (b"s", b"S"):
        return _run(session, session.target.step)
    raise PacketError(NONSENSE)


def _step_range(session: Session, start: int, end: int) -> bytes:
    """One instruction after another, as long as they stand from `start` up to `end`."""
    target, pc = session.target, session.layout.pc

    def motion() -> Stop:
        while True:
            stop = target.step()
            inside = start <= target.read_register(pc) < end
            if stop.reason is not Reason.STEPPED or not inside or session.interrupted:
                return stop

    return _run(session, motion)


def resume_back(session: Session, text: bytes) -> bytes:
    """`bc`: run backwards, also from where the program ended."""
    if text:
        return UNSUPPORTED
    return _run(session, session.target.resume_back, after_the_end=True)


def step_back(session: Session, text: bytes) -> bytes:
    """`bs`: undo one instruction, also the last one."""
    if text:
        return UNSUPPORTED
    return _run(session, session.target.step_back, after_the_end=True)


def detach(session: Session, text: bytes) -> bytes:
    """`D`: the program runs on, on its own."""
    if text:
        number(text.removeprefix(b";"))
    session.ending = Ending.DETACHED
    return OK


def kill(session: Session, text: bytes) -> bytes:
    """`k` and `vKill`: the program ends here."""
    if text:
        number(text)
    session.ending = Ending.KILLED
    return OK
