"""The server with clients that are polite, rude, gone, or in a hurry."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from emu.errors import UsageError
from emu.gdb.codec import PACKET_SIZE
from emu.gdb.packets import TABLE
from emu.gdb.server import LOOPBACK, Outcome, Server, parse_place
from emu.gdb.target import Reason, Stop
from tests.gdb.client import Client, NoReply
from tests.gdb.fake_target import FakeTarget
from tests.gdb.fuzz import mutated

SEED = 7
MUTATIONS = 3_000


class Served:
    """A server in a thread, and the target that it serves."""

    def __init__(self) -> None:
        self.target = FakeTarget()
        self.server = Server(0)
        self.heard: list[str] = []
        self.outcomes: list[Outcome] = []
        self.failures: list[BaseException] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            self.outcomes.append(self.server.serve(self.target, self.heard.append))
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def client(self) -> Client:
        return Client(self.server.port)

    def outcome(self) -> Outcome:
        self.thread.join(60)
        assert not self.failures
        assert self.outcomes, "the server still serves"
        return self.outcomes[0]


@contextmanager
def serving() -> Iterator[Served]:
    served = Served()
    try:
        yield served
    finally:
        served.server.stop()
        served.thread.join(60)
        assert not served.thread.is_alive()
        served.server.close()
    assert not served.failures


def test_a_packet_is_acknowledged_and_answered() -> None:
    with serving() as served, served.client() as client:
        client.send(b"qC")
        assert client.byte() == b"+"
        assert client.reply() == b"QC1"


def test_after_the_agreement_nothing_is_acknowledged() -> None:
    with serving() as served, served.client() as client:
        assert client.ask(b"QStartNoAckMode") == b"OK"
        client.acknowledges = False
        client.send(b"qC")
        assert client.byte() == b"$"


def test_a_damaged_packet_is_asked_for_again() -> None:
    with serving() as served, served.client() as client:
        client.raw(b"$qC#00")
        assert client.byte() == b"-"
        assert client.ask(b"qC") == b"QC1"


def test_a_reply_that_did_not_arrive_well_is_sent_again() -> None:
    with serving() as served, served.client() as client:
        assert client.ask(b"qC") == b"QC1"
        client.raw(b"-")
        assert client.reply() == b"QC1"


def test_an_interrupt_stops_a_program_that_runs() -> None:
    with serving() as served, served.client() as client:
        served.target.runs_until_interrupted = True
        client.send(b"c")
        client.raw(b"\x03")
        assert client.reply().startswith(b"T02")


def test_an_interrupt_while_nothing_runs_is_forgotten() -> None:
    with serving() as served, served.client() as client:
        client.raw(b"\x03")
        served.target.stops = [Stop(Reason.SWBREAK)]
        assert client.ask(b"c").startswith(b"T05")


def test_a_client_that_vanishes_leaves_the_program_for_the_next() -> None:
    with serving() as served:
        with served.client() as client:
            assert client.ask(b"Z0,401000,1") == b"OK"
            assert client.ask(b"s").startswith(b"T05")
        with served.client() as client:
            assert client.ask(b"p10") == b"0110400000000000"
        assert served.target.points == []
        assert "gone" in served.heard[0]


def test_a_client_that_vanishes_while_the_program_runs_stops_it() -> None:
    with serving() as served:
        served.target.runs_until_interrupted = True
        with served.client() as client:
            client.send(b"c")
            assert client.byte() == b"+"
        with served.client() as client:
            assert client.ask(b"qC") == b"QC1"


def test_a_connection_that_is_reset_is_a_client_that_vanished() -> None:
    with serving() as served:
        client = served.client()
        client.send(b"qSupported")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()
        with served.client() as other:
            assert other.ask(b"qC") == b"QC1"


def test_a_second_client_is_turned_away() -> None:
    with serving() as served, served.client() as client:
        assert client.ask(b"qC") == b"QC1"
        with served.client() as second, pytest.raises(NoReply):
            second.ask(b"qC")
        assert client.ask(b"qC") == b"QC1"


@pytest.mark.parametrize(("packet", "outcome"), [(b"D", Outcome.DETACHED), (b"k", Outcome.KILLED)])
def test_a_session_that_ends_ends_the_server(packet: bytes, outcome: Outcome) -> None:
    with serving() as served, served.client() as client:
        client.send(packet)
        assert served.outcome() is outcome


def test_a_program_that_ended_is_served_until_its_client_leaves() -> None:
    with serving() as served:
        with served.client() as client:
            assert client.ask(b"c") == b"W2a"
            assert client.ask(b"?") == b"W2a"
        assert served.outcome() is Outcome.ENDED


@pytest.mark.parametrize("runs", [False, True])
def test_stop_ends_the_server_whatever_it_does(runs: bool) -> None:
    with serving() as served, served.client() as client:
        served.target.runs_until_interrupted = True
        client.send(b"c" if runs else b"qC")
        client.byte()
        served.server.stop()
        assert served.outcome() is Outcome.STOPPED


def test_stop_ends_a_server_that_waits_for_a_client() -> None:
    with serving() as served:
        served.server.stop()
        assert served.outcome() is Outcome.STOPPED


def test_a_flood_of_packets_while_the_program_runs_costs_the_client_its_connection() -> None:
    with serving() as served:
        served.target.runs_until_interrupted = True
        with served.client() as client, suppress(ConnectionError):
            client.send(b"c")
            for _ in range(4_000):
                client.send(b"qC")
        with served.client() as client:
            assert client.ask(b"qC") == b"QC1"


def test_a_packet_without_an_end_is_dropped_and_the_next_one_answered() -> None:
    with serving() as served, served.client() as client:
        client.raw(b"$" + b"A" * 4 * PACKET_SIZE)
        assert client.byte() == b"-"
        client.raw(b"#00")
        assert client.ask(b"qC") == b"QC1"


def test_mutated_packets_are_answered_or_refused_and_the_server_lives() -> None:
    chooser = random.Random(SEED)
    examples = [row.example for row in TABLE if row.name not in (b"k", b"D", b"vKill;")]
    with serving() as served, served.client() as client:
        client.acknowledges = False
        assert client.ask(b"QStartNoAckMode") == b"OK"
        for _ in range(MUTATIONS):
            served.target.stop = Stop(Reason.STEPPED)
            payload = mutated(chooser, chooser.choice(examples))
            if payload[:1] in (b"k", b"D", b"v"):
                continue
            client.ask(payload)
        assert client.ask(b"qC") == b"QC1"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1234", (LOOPBACK, 1234)),
        (":1234", (LOOPBACK, 1234)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_a_place_is_a_host_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", ":", "x", "host:", "1:65536", "-1", "1:²", "1 2"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no place"):
        parse_place(text)


def test_a_port_that_is_taken_is_one_clear_sentence() -> None:
    with serving() as served, pytest.raises(UsageError, match="in use"):
        Server(served.server.port)


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "x" * 300])
def test_a_host_that_is_not_ours_is_one_clear_sentence(host: str) -> None:
    with pytest.raises(UsageError, match="cannot listen"):
        Server(0, host)


def test_nobody_but_this_machine_is_listened_to_unless_told() -> None:
    with serving() as served:
        assert served.server.host == "127.0.0.1"
