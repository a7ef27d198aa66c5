"""/proc/net shows the guest's sockets as a list of Linux's does."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from tests.vfs.program import Program, a_program

TCP = socket.AF_INET, socket.SOCK_STREAM
UDP = socket.AF_INET, socket.SOCK_DGRAM


def address(port: int) -> bytes:
    return struct.pack("<H", socket.AF_INET) + struct.pack(">H4s8x", port, b"\x7f\0\0\1")


def rows(program: Program, table: str) -> list[list[bytes]]:
    return [line.split() for line in program.contents(f"/proc/net/{table}").splitlines()[1:]]


def test_listeners_connections_and_what_waits_are_told(tmp_path: Path) -> None:
    program = a_program(tmp_path)
    listener = program.call("socket", *TCP, 0)
    program.call("bind", listener, address(80), 16)
    assert rows(program, "tcp") == []
    program.call("listen", listener, 5)
    client = program.call("socket", *TCP, 0)
    program.call("connect", client, address(80), 16)
    program.call("accept", listener, 0, 0)
    program.write(client, b"three")
    found = [(row[1], row[2], row[3], row[4][9:]) for row in rows(program, "tcp")]
    assert found == [
        (b"0100007F:0050", b"00000000:0000", b"0A", b"00000000"),
        (b"0100007F:8000", b"0100007F:0050", b"01", b"00000000"),
        (b"0100007F:0050", b"0100007F:8000", b"01", b"00000005"),
    ]
    program.call("close", client)
    assert len(rows(program, "tcp")) == 2
    assert (rows(program, "tcp6"), rows(program, "udp")) == ([], [])


def test_datagram_sockets_are_there_once_they_have_a_port(tmp_path: Path) -> None:
    program = a_program(tmp_path)
    ours = program.call("socket", *UDP, 0)
    assert rows(program, "udp") == []
    program.call("bind", ours, address(53), 16)
    (row,) = rows(program, "udp")
    assert row[1:4] == [b"0100007F:0035", b"00000000:0000", b"07"]


def test_unix_sockets_show_their_names(tmp_path: Path) -> None:
    program = a_program(tmp_path)
    for name in (b"path", b"\0abstract"):
        ours = program.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
        full = struct.pack("<H", socket.AF_UNIX) + name
        program.call("bind", ours, full, len(full))
    program.call("listen", ours, 1)
    found = [row[3:6] + row[7:] for row in rows(program, "unix")]
    assert found == [
        [b"00000000", b"0001", b"01", b"path"],
        [b"00010000", b"0001", b"01", b"@abstract"],
    ]


def test_tables_of_sockets_that_do_not_exist_are_empty(tmp_path: Path) -> None:
    program = a_program(tmp_path)
    assert [rows(program, table) for table in ("raw", "raw6", "udp6")] == [[], [], []]
