"""The packets that make the program go on: forwards, backwards, in steps, to its end.

Each runs the target and answers with why it stands still.
gdb's manual, "Packets": `?`, `c`, `s`, `C`, `S`, `vCont`, `bc`, `bs`, `D`, `k`, `vKill`.
"""
# ruff: noqa: ARG001 - a handler of the table has one signature

from __future__ import annotations

from collections.abc import Callable

from emu.gdb.codec import number
from emu.gdb.session import NONSENSE, OK, UNSUPPORTED, Ending, PacketError, Session
from emu.gdb.stops import stop_reply
from emu.gdb.target import Reason, Stop
from emu.gdb.threads import thread_of


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
    _give_signal(session, b"")
    _go_to(session, text)
    return _run(session, session.target.resume)


def step(session: Session, text: bytes) -> bytes:
    """`s`: one instruction."""
    _give_signal(session, b"")
    _go_to(session, text)
    return _run(session, session.target.step)


def _give_signal(session: Session, text: bytes) -> None:
    """The client goes on with the signal `text`, or with none; not where the program has ended."""
    signal = number(text) if text else 0
    if not session.stop.reason.is_end:
        session.forget()
        session.target.give_signal(signal)


def resume_with_signal(session: Session, text: bytes) -> bytes:
    """`C`: run."""
    signal, _, address = text.partition(b";")
    _give_signal(session, signal)
    _go_to(session, address)
    return _run(session, session.target.resume)


def step_with_signal(session: Session, text: bytes) -> bytes:
    """`S`: one instruction."""
    signal, _, address = text.partition(b";")
    _give_signal(session, signal)
    _go_to(session, address)
    return _run(session, session.target.step)


def what_vcont_knows(session: Session, text: bytes) -> bytes:
    """`vCont?`."""
    return b"vCont;c;C;s;S;t;r" if not text else UNSUPPORTED


def act(session: Session, text: bytes) -> bytes:
    """`vCont;ACTION[:THREAD]...`: the first action that names a thread, or else the first.

    The others run meanwhile in any case: the kernel of the machine decides who runs.
    """
    actions = [one.partition(b":") for one in text.split(b";")]
    action, _, thread = next((one for one in actions if one[2] not in (b"", b"-1")), actions[0])
    name, rest = action[:1], action[1:]
    if name not in (b"c", b"C", b"s", b"S", b"r", b"t"):
        raise PacketError(NONSENSE)
    if rest and name in (b"c", b"s", b"t"):
        raise PacketError(NONSENSE)
    wanted = thread_of(thread) if thread else 0
    signal = number(rest) if name in (b"C", b"S") else 0
    if name == b"t" or session.stop.reason.is_end:  # it stands still already
        return why(session)
    session.forget()
    session.target.give_signal(signal)
    if wanted:
        session.select(wanted)
    if name == b"r":
        return _step_range(session, rest)
    return _run(session, session.target.resume if name in b"cC" else session.target.step)


def _step_range(session: Session, text: bytes) -> bytes:
    """One instruction after another, as long as they stand from START up to END."""
    first, comma, last = text.partition(b",")
    if not comma:
        raise PacketError(NONSENSE)
    start, end = number(first), number(last)
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
