"""The table of packets: one row for each that the stub answers. The heart of the room.

Dispatch goes over the rows, docs/gdb.md is printed from them, the tests and the fuzzer draw from
them. What is in no row is answered with the empty packet, as gdb's manual asks for.
gdb's manual, "Remote Serial Protocol": "Packets", "General Query Packets", "Host I/O Packets".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from emu.gdb import memory, points, queries, resume, threads, transfers
from emu.gdb.codec import BadNumber
from emu.gdb.session import NONSENSE, UNSUPPORTED, PacketError, Session
from emu.gdb.target import TargetRefusal

Handler = Callable[[Session, bytes], bytes]


class Packet(NamedTuple):
    """A row. `form` is what follows the name; `example` is a valid packet."""

    name: bytes
    form: str
    handler: Handler
    does: str
    example: bytes


def _features(session: Session, text: bytes) -> bytes:
    return queries.features(session, text, tuple(transfers.DOCUMENTS))


TABLE: Final = (
    Packet(b"qSupported", ":FEATURE;...", _features,
           "what both sides can do", b"qSupported:swbreak+;hwbreak+"),
    Packet(b"QStartNoAckMode", "", queries.stop_acknowledging,
           "no more acknowledgements", b"QStartNoAckMode"),
    Packet(b"?", "", resume.why, "why the program stands still", b"?"),
    Packet(b"g", "", memory.read_registers, "all registers", b"g"),
    Packet(b"G", "HEX", memory.write_registers, "sets all registers", b"G00"),
    Packet(b"p", "NUMBER", memory.read_register, "one register", b"p10"),
    Packet(b"P", "NUMBER=HEX", memory.write_register,
           "sets one register", b"P0=0100000000000000"),
    Packet(b"m", "ADDRESS,SIZE", memory.read_memory, "memory, in hexadecimal", b"m401000,10"),
    Packet(b"M", "ADDRESS,SIZE:HEX", memory.write_memory, "writes memory", b"M401000,1:90"),
    Packet(b"x", "ADDRESS,SIZE", memory.read_binary, "memory, as it is", b"x401000,10"),
    Packet(b"X", "ADDRESS,SIZE:BYTES", memory.write_binary, "writes memory", b"X401000,1:A"),
    Packet(b"c", "[ADDRESS]", resume.resume, "runs", b"c"),
    Packet(b"C", "SIGNAL[;ADDRESS]", resume.resume_with_signal,
           "the same, and the kernel delivers the signal", b"C05"),
    Packet(b"s", "[ADDRESS]", resume.step, "one instruction", b"s"),
    Packet(b"S", "SIGNAL[;ADDRESS]", resume.step_with_signal, "the same", b"S05"),
    Packet(b"vCont?", "", resume.what_vcont_knows, "which actions vCont has", b"vCont?"),
    Packet(b"vCont;", "c|C|s|S|t|r...", resume.act,
           "runs, steps, or steps within a range", b"vCont;s:3e8;c"),
    Packet(b"bc", "", resume.resume_back, "runs backwards", b"bc"),
    Packet(b"bs", "", resume.step_back, "undoes one instruction", b"bs"),
    Packet(b"Z", "TYPE,ADDRESS,SIZE", points.insert,
           "breakpoint (0, 1), or watch for writes (2), reads (3), both (4)", b"Z0,401000,1"),
    Packet(b"z", "TYPE,ADDRESS,SIZE", points.remove, "takes it away", b"z0,401000,1"),
    Packet(b"QCatchSyscalls", ":1[;NUMBER...]|:0",
           lambda session, text: points.catch_syscalls(session, _after_colon(text)),
           "stops at system calls and their returns", b"QCatchSyscalls:1;e7"),
    Packet(b"qXfer:", "OBJECT:read:ANNEX:OFFSET,SIZE", transfers.document,
           "features, auxv, exec-file, memory-map, libraries-svr4",
           b"qXfer:features:read:target.xml:0,fff"),
    Packet(b"qRcmd,", "HEX", queries.command, "`monitor`", b"qRcmd,68656c70"),
    Packet(b"H", "gTHREAD|cTHREAD", threads.choose, "which thread is meant", b"Hg3e8"),
    Packet(b"T", "THREAD", threads.is_alive, "whether a thread lives", b"T3e8"),
    Packet(b"qC", "", threads.current, "the thread that runs", b"qC"),
    Packet(b"qfThreadInfo", "", threads.first, "the threads", b"qfThreadInfo"),
    Packet(b"qsThreadInfo", "", threads.more, "no more threads", b"qsThreadInfo"),
    Packet(b"qThreadExtraInfo,", "THREAD", threads.about,
           "what it does, and in which ring", b"qThreadExtraInfo,3e8"),
    Packet(b"qAttached", "[:PID]", queries.is_attached,
           "the program was started for the client", b"qAttached"),
    Packet(b"qSymbol:", "...", queries.symbols, "no symbol is wanted", b"qSymbol::"),
    Packet(b"QNonStop:", "0|1", queries.non_stop,
           "1 is refused: the whole machine stops", b"QNonStop:0"),
    Packet(b"QPassSignals:", "...", queries.pass_signals,
           "signals of which the client is not told", b"QPassSignals:e;14"),
    Packet(b"QProgramSignals:", "...", queries.accept,
           "accepted, changes nothing", b"QProgramSignals:e"),
    Packet(b"vFile:setfs:", "PID", transfers.choose_file_system,
           "the program's files", b"vFile:setfs:0"),
    Packet(b"vFile:open:", "NAME,FLAGS,MODE", transfers.open_file,
           "a file as the program sees it, for reading", b"vFile:open:2f,0,0"),
    Packet(b"vFile:pread:", "FD,COUNT,OFFSET", transfers.read_file,
           "reads it", b"vFile:pread:3,10,0"),
    Packet(b"vFile:fstat:", "FD", transfers.file_status, "its size", b"vFile:fstat:3"),
    Packet(b"vFile:close:", "FD", transfers.close_file, "closes it", b"vFile:close:3"),
    Packet(b"vFile:readlink:", "NAME", transfers.read_link,
           "where a link leads", b"vFile:readlink:2f"),
    Packet(b"vFile:pwrite:", "...", transfers.refuse_writing, "refused", b"vFile:pwrite:3,0,41"),
    Packet(b"vFile:unlink:", "...", transfers.refuse_writing, "refused", b"vFile:unlink:2f"),
    Packet(b"vMustReplyEmpty", "", queries.unknown, "the empty reply", b"vMustReplyEmpty"),
    Packet(b"D", "[;PID]", resume.detach, "leaves; the program runs on", b"D"),
    Packet(b"k", "", resume.kill, "ends the program", b"k"),
    Packet(b"vKill;", "PID", resume.kill, "ends the program", b"vKill;1"),
)  # fmt: skip  # a row of the table reads as a row

_BY_NAME: Final = {row.name: row for row in TABLE}
_LONGEST_NAME: Final = max(map(len, _BY_NAME))


def _after_colon(text: bytes) -> bytes:
    if text[:1] != b":":
        raise PacketError(NONSENSE)
    return text[1:]


def row_of(payload: bytes) -> Packet | None:
    """The row whose name `payload` begins with, the longest one."""
    for length in range(min(_LONGEST_NAME, len(payload)), 0, -1):
        row = _BY_NAME.get(payload[:length])
        if row is not None:
            return row
    return None


def answer(session: Session, payload: bytes) -> bytes:
    """The body of the reply to `payload`; empty for what is not known. It never raises."""
    row = row_of(payload)
    if row is None:
        return UNSUPPORTED
    try:
        return row.handler(session, payload[len(row.name) :])
    except PacketError as error:
        return error.reply
    except TargetRefusal as refusal:
        return PacketError(str(refusal)).reply
    except BadNumber:
        return PacketError(NONSENSE).reply
