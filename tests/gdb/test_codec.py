"""The codec: what a client sends comes out whole, whatever it sends costs no more than a packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.gdb.codec import (
    PACKET_SIZE,
    BadNumber,
    Decoder,
    Kind,
    Received,
    escape,
    expand,
    frame,
    from_hex,
    number,
    shorten,
    unescape,
)

ACK, NACK = Received(Kind.ACK), Received(Kind.NACK)
INTERRUPT, DAMAGED = Received(Kind.INTERRUPT), Received(Kind.DAMAGED)


def packet(payload: bytes) -> Received:
    return Received(Kind.PACKET, payload)


# (what arrives, what it is)
STREAMS: list[tuple[bytes, list[Received]]] = [
    (b"$g#67", [packet(b"g")]),
    (b"$#00", [packet(b"")]),
    (b"+$g#67", [ACK, packet(b"g")]),
    (b"$g#67$?#3f", [packet(b"g"), packet(b"?")]),
    (b"-\x03", [NACK, INTERRUPT]),
    (b"$g#66", [DAMAGED]),
    (b"$g#6x", [DAMAGED]),
    (b"$g#+7", [DAMAGED]),
    (b"noise$g#67noise", [packet(b"g")]),
    (b"$half$g#67", [DAMAGED, packet(b"g")]),
    (b"$X0,1:}\x03#9f", [packet(b"X0,1:#")]),
    (b"$X0,1:\x03#22", [packet(b"X0,1:\x03")]),
    (b"$g#", []),
    (b"$", []),
    (b"#67", []),
]


@pytest.mark.parametrize(("stream", "pieces"), STREAMS)
def test_a_stream_is_cut_into_its_pieces(stream: bytes, pieces: list[Received]) -> None:
    assert Decoder().feed(stream) == pieces


@pytest.mark.parametrize(("stream", "pieces"), STREAMS)
def test_it_does_not_matter_in_which_portions_it_arrives(
    stream: bytes, pieces: list[Received]
) -> None:
    decoder = Decoder()
    found = [piece for at in range(len(stream)) for piece in decoder.feed(stream[at : at + 1])]
    assert found == pieces


def test_a_flood_without_an_end_is_damage_and_is_not_kept() -> None:
    decoder = Decoder()
    found = decoder.feed(b"$" + b"A" * (PACKET_SIZE + 1))
    assert found == [DAMAGED]
    assert decoder.feed(b"A" * PACKET_SIZE * 4) == []
    assert decoder.feed(b"#00$g#67") == [packet(b"g")]


@given(st.binary(max_size=300))
def test_whatever_arrives_is_survived_and_the_next_packet_is_read(noise: bytes) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    assert decoder.feed(b"#00$g#67")[-1] == packet(b"g")


@given(st.binary(max_size=300))
def test_binary_content_comes_through(content: bytes) -> None:
    assert Decoder().feed(frame_of_a_client(content)) == [packet(content)]


def frame_of_a_client(content: bytes) -> bytes:
    body = escape(content)
    return b"$%b#%02x" % (body, sum(body) & 0xFF)


@given(st.binary(max_size=300) | st.builds(bytes.__mul__, st.sampled_from([b"0", b"x"]),
                                           st.integers(0, 300)))  # fmt: skip  # one strategy
def test_a_reply_with_runs_is_what_the_client_expands(content: bytes) -> None:
    body = shorten(escape(content))
    assert unescape(expand(body)) == content
    assert not set(body) & set(b"#$")


@pytest.mark.parametrize(
    ("count", "wire"),
    [(3, b"000"), (4, b"0* "), (6, b'0*"'), (7, b'0*"0'), (8, b'0*"00'), (14, b"0**")],
)
def test_a_run_is_written_with_a_count_that_is_printable_and_means_nothing_else(
    count: int, wire: bytes
) -> None:
    assert shorten(b"0" * count) == wire


def test_a_frame_has_the_checksum_of_what_is_on_the_wire() -> None:
    assert frame(b"0000") == b"$0* #7a"
    assert frame(b"") == b"$#00"


@pytest.mark.parametrize("text", [b"", b"g", b"-1", b"+1", b"0x1", b" 1", b"1_0", b"1" * 17])
def test_what_is_no_number_is_refused(text: bytes) -> None:
    with pytest.raises(BadNumber):
        number(text)


@pytest.mark.parametrize(("text", "value"), [(b"0", 0), (b"Ff", 255), (b"0" * 30 + b"1", 1)])
def test_numbers_are_hexadecimal(text: bytes, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", [b"1", b"0g", b"0 "])
def test_what_are_no_bytes_is_refused(text: bytes) -> None:
    with pytest.raises(BadNumber):
        from_hex(text)
