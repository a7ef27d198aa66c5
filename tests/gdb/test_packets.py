"""The table of packets: each row answers its example, and says no where it must."""

from __future__ import annotations

import pytest

from emu.gdb.codec import from_hex, to_hex, unescape
from emu.gdb.packets import TABLE, Packet, answer, row_of
from emu.gdb.registers import LAYOUTS, X86_64
from emu.gdb.session import Ending, Session
from emu.gdb.target import Point, Reason, Stop
from tests.gdb.fake_target import CODE, FakeTarget


def a_session(bits: int = 64) -> tuple[Session, FakeTarget, list[bytes]]:
    target = FakeTarget(bits)
    said: list[bytes] = []
    return Session(target, said.append), target, said


def ask(payload: bytes) -> bytes:
    session, _, _ = a_session()
    return answer(session, payload)


# (packet, reply)
REPLIES: list[tuple[bytes, bytes]] = [
    (b"", b""),
    (b"!", b""),
    (b"qUnheardOf", b""),
    (b"vMustReplyEmpty", b""),
    (b"p10", b"0010400000000000"),
    (b"p3a", b"0000000000000000"),
    (b"pffff", b"E01"),
    (b"p", b"E01"),
    (b"P0=0100000000000000", b"OK"),
    (b"P0=01", b"E01"),
    (b"P0", b"E01"),
    (b"P3c=00000000", b"E.the ring changes by a crossing, not by a debugger"),
    (b"P3c=03000000", b"OK"),
    (b"G00", b"E01"),
    (b"m401000,4", b"00010203"),
    (b"m401ffe,4", b"feff"),
    (b"m400000,4", b"E0e"),
    (b"m401000,0", b""),
    (b"m401000", b"E01"),
    (b"m401000,ffffffffffffffff1", b"E01"),
    (b"x401023,2", b"b}\x03}\x04"),
    (b"M401000,2:aabb", b"OK"),
    (b"M401000,2:aa", b"E01"),
    (b"M401000,1", b"E01"),
    (b"M400000,1:aa", b"E0e"),
    (b"X401000,0:", b"OK"),
    (b"X401000,1:Z", b"OK"),
    (b"c", b"W2a"),
    (b"cZ", b"E01"),
    (b"C05", b"W2a"),
    (b"vCont;c", b"W2a"),
    (b"vCont;C05:1;c", b"W2a"),
    (b"vCont;q", b"E01"),
    (b"vCont;", b"E01"),
    (b"vCont;r1", b"E01"),
    (b"vCont?", b"vCont;c;C;s;S;t;r"),
    (b"Z0,401000,1", b"OK"),
    (b"Z5,401000,1", b""),
    (b"Z2,401000,0", b"E01"),
    (b"Z2,401000", b"E01"),
    (b"z0,401000,1", b"OK"),
    (b"QCatchSyscalls:1;3c;e7", b"OK"),
    (b"QCatchSyscalls:2", b"E01"),
    (b"QCatchSyscalls", b"E01"),
    (b"qC", b"QC1"),
    (b"qCRC:0,1", b""),
    (b"qsThreadInfo", b"l"),
    (b"qThreadExtraInfo,1", to_hex(b"it: runs, ring 3")),
    (b"Hg0", b"OK"),
    (b"Hc-1", b"OK"),
    (b"Hg3e9", b"OK"),
    (b"Hg7", b"E.no such thread"),
    (b"Hx1", b"E01"),
    (b"T1", b"OK"),
    (b"T3e9", b"OK"),
    (b"T2", b"E01"),
    (b"qfThreadInfo", b"m1,3e9"),
    (b"qsThreadInfo", b"l"),
    (b"qThreadExtraInfo,3e9", b"its child: waits, ring 0".hex().encode()),
    (b"qThreadExtraInfo,2", b"E01"),
    (b"QPassSignals:e;14", b"OK"),
    (b"QPassSignals:", b"OK"),
    (b"QPassSignals:x", b"E01"),
    (b"qAttached:1", b"0"),
    (b"qOffsets", b""),
    (b"qSymbol::", b"OK"),
    (b"QNonStop:0", b"OK"),
    (b"QNonStop:1", b"E.ringscope stops the whole machine: use `set non-stop off`"),
    (b"QPassSignals:e;10", b"OK"),
    (b"qXfer:auxv:read::0,4", b"m\0\1\2\3"),
    (b"qXfer:auxv:read::1e,4", b"l\x1e\x1f"),
    (b"qXfer:auxv:read::100,4", b"l"),
    (b"qXfer:auxv:write::0,4", b""),
    (b"qXfer:threads:read::0,4", b""),
    (b"qXfer:features:read:other.xml:0,4", b"E00"),
    (b"qXfer:auxv:read::0", b"E01"),
    (b"qXfer:exec-file:read:3e8:0,100", b"l/bin/it"),
    (b"vFile:setfs:0", b"F0"),
    (b"vFile:open:2f62696e2f6974,0,0", b"F3"),
    (b"vFile:open:2f62696e2f6974,1,0", b"F-1,1e"),
    (b"vFile:open:2f,0,0", b"F-1,2"),
    (b"vFile:open:2f", b"E01"),
    (b"vFile:pread:3,10,0", b"F-1,9"),
    (b"vFile:close:3", b"F-1,9"),
    (b"vFile:fstat:3", b"F-1,9"),
    (b"vFile:readlink:2f", b"F-1,16"),
    (b"vFile:pwrite:3,0,A", b"F-1,1e"),
    (
        b"bs",
        b"T05replaylog:begin;thread:1;10:0010400000000000;7:0000000000000000;6:0000000000000000;",
    ),
    (b"kx", b"E01"),
]


@pytest.mark.parametrize(("payload", "reply"), REPLIES)
def test_a_packet_has_this_reply(payload: bytes, reply: bytes) -> None:
    assert ask(payload) == reply


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name.decode())
def test_each_row_answers_its_own_example(row: Packet) -> None:
    assert row_of(row.example) is row
    assert ask(row.example) is not None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name.decode())
def test_an_ended_program_is_no_trouble(row: Packet) -> None:
    session, target, _ = a_session()
    target.stop = Stop(Reason.KILLED, 7)
    example = row.example
    reply = answer(session, example)
    if example[:1] in b"gpPmMxX":
        assert reply == b"E03"
    if example in (b"?", b"c", b"s"):
        assert reply == b"X0a"
    if example in (b"bc", b"bs"):
        assert reply.startswith(b"T05replaylog:begin;")


# (what stopped it, what the client is told in front of the registers)
STOPS: list[tuple[Stop, bytes]] = [
    (Stop(Reason.STEPPED), b"T05thread:1;"),
    (Stop(Reason.SWBREAK), b"T05swbreak:;thread:1;"),
    (Stop(Reason.HWBREAK), b"T05hwbreak:;thread:1;"),
    (Stop(Reason.WATCH_WRITE, 0x404010), b"T05watch:404010;thread:1;"),
    (Stop(Reason.WATCH_READ, 16), b"T05rwatch:10;thread:1;"),
    (Stop(Reason.WATCH_ACCESS, 16), b"T05awatch:10;thread:1;"),
    (Stop(Reason.SYSCALL_ENTRY, 231), b"T05syscall_entry:e7;thread:1;"),
    (Stop(Reason.SYSCALL_RETURN, 1), b"T05syscall_return:1;thread:1;"),
    (Stop(Reason.SIGNAL, 11), b"T0bthread:1;"),
    (Stop(Reason.SIGNAL, 7), b"T0athread:1;"),
    (Stop(Reason.INTERRUPTED), b"T02thread:1;"),
    (Stop(Reason.HISTORY_END), b"T05replaylog:end;thread:1;"),
    (Stop(Reason.EXITED, 42), b"W2a"),
    (Stop(Reason.KILLED, 11), b"X0b"),
]


@pytest.mark.parametrize(("stop", "told"), STOPS)
@pytest.mark.parametrize("how", [b"c", b"s", b"vCont;c", b"vCont;s:1"])
def test_the_client_is_told_why_it_stopped(how: bytes, stop: Stop, told: bytes) -> None:
    session, target, _ = a_session()
    answer(session, b"qSupported:swbreak+;hwbreak+")
    target.stops = [stop]
    assert answer(session, how).startswith(told)
    assert answer(session, b"?").startswith(told)


def test_a_client_that_does_not_know_the_word_is_told_a_plain_stop() -> None:
    session, target, _ = a_session()
    target.stops = [Stop(Reason.SWBREAK)]
    assert answer(session, b"c").startswith(b"T05thread:1;")


@pytest.mark.parametrize("bits", [64, 32])
def test_the_registers_come_in_the_length_that_the_description_says(bits: int) -> None:
    session, _, _ = a_session(bits)
    assert len(from_hex(answer(session, b"g"))) == LAYOUTS[bits].size


@pytest.mark.parametrize("bits", [64, 32])
def test_all_registers_written_back_are_no_change(bits: int) -> None:
    session, target, _ = a_session(bits)
    target.values["cr0"] = 0x80050033
    registers = answer(session, b"g")
    before = dict(target.values)
    assert answer(session, b"G" + registers) == b"OK"
    assert target.values == before


def test_a_written_register_and_memory_are_what_is_read_then() -> None:
    session, _, _ = a_session()
    assert answer(session, b"p0") == b"00" * 8
    answer(session, b"P0=efbeadde00000000")
    assert answer(session, b"p0") == b"efbeadde00000000"
    answer(session, b"X401000,2:}\x03".replace(b"}\x03", b"#") + b"Z")
    assert answer(session, b"m401000,2") == b"235a"


def test_a_range_is_stepped_to_its_end() -> None:
    session, target, _ = a_session()
    assert answer(session, b"vCont;r401000,401005").startswith(b"T05thread:1;")
    assert target.values["rip"] == CODE + 5


def test_a_breakpoint_in_a_range_ends_the_steps() -> None:
    session, target, _ = a_session()
    target.stops = [Stop(Reason.STEPPED), Stop(Reason.WATCH_WRITE, 8)]
    assert answer(session, b"vCont;r401000,401005").startswith(b"T05watch:8;")
    assert target.values["rip"] == CODE + 2


def test_an_address_to_go_on_at_is_obeyed() -> None:
    session, target, _ = a_session()
    answer(session, b"s401100")
    assert target.values["rip"] == 0x401101


def test_points_go_to_the_target_and_away() -> None:
    session, target, _ = a_session()
    answer(session, b"Z0,401000,1")
    answer(session, b"Z2,404000,8")
    assert target.points == [(Point.SOFTWARE, CODE, 1), (Point.WRITE, 0x404000, 8)]
    answer(session, b"z0,401000,1")
    assert target.points == [(Point.WRITE, 0x404000, 8)]


@pytest.mark.parametrize(
    ("packet", "caught"),
    [(b":1", set()), (b":1;3c;e7", {60, 231}), (b":0", None)],
)
def test_syscalls_are_caught_by_number(packet: bytes, caught: set[int] | None) -> None:
    session, target, _ = a_session()
    target.caught = {99}
    assert answer(session, b"QCatchSyscalls" + packet) == b"OK"
    assert target.caught == caught


def test_a_document_comes_in_pieces_that_make_a_whole() -> None:
    session, _, _ = a_session()
    whole, offset, more = b"", 0, b"m"
    while more == b"m":
        reply = answer(session, b"qXfer:features:read:target.xml:%x,c0" % offset)
        more, piece = reply[:1], unescape(reply[1:])
        whole += piece
        offset += len(piece)
    assert whole.startswith(b"<?xml")
    assert whole.endswith(b"</target>")
    assert whole.count(b"<reg ") == len(X86_64.rows)


def test_libraries_are_named_as_xml_wants_it() -> None:
    reply = ask(b"qXfer:libraries-svr4:read::0,1000")
    assert b'main-lm="0x1000"' in reply
    assert b'<library name="/lib/a&amp;b.so" lm="0x3000" l_addr="0x10000" l_ld="0x4000"' in reply


def test_a_file_is_read_in_pieces_and_closed() -> None:
    session, _, _ = a_session()
    assert answer(session, b"vFile:open:" + to_hex(b"/bin/it") + b",0,1c0") == b"F3"
    assert answer(session, b"vFile:pread:3,4,0") == b"F4;\x7fELF"
    assert answer(session, b"vFile:pread:3,4,4") == b"F4;}\x03}\x04}]}\x0a"
    assert answer(session, b"vFile:pread:3,4,100") == b"F0;"
    status = unescape(answer(session, b"vFile:fstat:3").partition(b";")[2])
    assert len(status) == 64
    assert int.from_bytes(status[28:36], "big") == 24
    assert answer(session, b"vFile:close:3") == b"F0"
    assert answer(session, b"vFile:close:3") == b"F-1,9"


def test_no_client_may_open_files_without_end() -> None:
    session, _, _ = a_session()
    replies = [answer(session, b"vFile:open:2f656d707479,0,0") for _ in range(20)]
    assert replies[15:] == [b"F12", *[b"F-1,18"] * 4]


def test_what_both_can_do_is_agreed() -> None:
    session, _, _ = a_session()
    reply = answer(session, b"qSupported:multiprocess+;swbreak+;xmlRegisters=i386")
    assert b"PacketSize=4000" in reply.split(b";")
    assert b"qXfer:features:read+" in reply.split(b";")
    assert b"multiprocess" not in reply
    assert session.features >= {b"swbreak+"}


@pytest.mark.parametrize(
    ("packet", "ending"),
    [(b"k", Ending.KILLED), (b"vKill;3e8", Ending.KILLED), (b"D", Ending.DETACHED),
     (b"D;1", Ending.DETACHED), (b"Dx", Ending.OPEN), (b"vKill;", Ending.KILLED)],
)  # fmt: skip  # pairs read in rows
def test_the_session_ends_as_the_client_wants(packet: bytes, ending: Ending) -> None:
    session, _, _ = a_session()
    answer(session, packet)
    assert session.ending is ending


def test_what_monitor_shows_is_sent_as_text_before_the_reply() -> None:
    session, _, said = a_session()
    assert answer(session, b"qRcmd," + to_hex(b"stat")) == b"OK"
    assert [from_hex(text[1:]) for text in said] == [b"about traps None\n"]
    assert all(text[:1] == b"O" for text in said)


@pytest.mark.parametrize(
    ("packet", "given", "selected"),
    [(b"C1e", [30], 1), (b"c", [0], 1), (b"S05", [5], 1), (b"s", [0], 1),
     (b"vCont;C1e:3e9;c", [30], 0x3E9), (b"vCont;s:3e9;c", [0], 0x3E9),
     (b"vCont;c;s:3e9", [0], 0x3E9),
     (b"vCont;c:-1", [0], 1)],
)  # fmt: skip  # a row of the table reads as a row
def test_a_thread_is_selected_and_a_signal_given_before_it_runs(
    packet: bytes, given: list[int], selected: int
) -> None:
    session, target, _ = a_session()
    answer(session, packet)
    assert (target.given, target.selected) == (given, selected)


def test_the_client_is_told_of_all_signals_but_those_that_it_names() -> None:
    session, target, _ = a_session()
    answer(session, b"QPassSignals:e;14")
    assert target.passed == {0xE, 0x14}
