"""Sockets of the host: bytes to a server outside and back, and the host's refusals."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from kernel_stub.errno import EAGAIN, ECONNREFUSED, ENETUNREACH, Errno
from kernel_stub.net.addresses import LOOPBACK_4, InetName
from kernel_stub.net.network import Network
from kernel_stub.net.outside import Outside
from kernel_stub.net.sockets import SOCK_DGRAM, SOCK_STREAM
from kernel_stub.net.tcp import TcpSocket
from kernel_stub.net.udp import UdpSocket
from kernel_stub.vfs.console import poll_host
from kernel_stub.vfs.modes import POLLIN, POLLOUT
from tests.vfs.world import world

FAR = b"\x02\0" + bytes((0, 9, 192, 0, 2, 1)) + bytes(8)  # 192.0.2.1: TEST-NET-1 of RFC 5737


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def name_of(listening: socket.socket) -> InetName:
    return InetName(LOOPBACK_4, listening.getsockname()[1])


def made(target: InetName, sort: int) -> Outside:
    def wait(*how: Any) -> None:
        poll_host({out.descriptor: how[-1]}, 10)
        raise Errno(EAGAIN)

    out = Outside(target, sort, wait)
    return out


def connect(out: Outside, target: InetName) -> None:
    """As the kernel does: the call is made again when what it waits for is there."""
    for _ in range(5):
        try:
            return out.connect(world(), target, None)
        except Errno as refused:
            if refused.number != EAGAIN:
                raise
    raise AssertionError("it never connects")


def test_bytes_go_out_and_come_back(server: socket.socket) -> None:
    target, task = name_of(server), world()
    out = made(target, SOCK_STREAM)
    connect(out, target)
    accepted, _ = server.accept()
    with accepted:
        assert out.send(task, b"hello", None, None) == 5
        assert accepted.recv(10) == b"hello"
        assert not out.has_input()
        accepted.sendall(b"answer")
        poll_host({out.descriptor: POLLIN}, 10)
        assert out.events() & (POLLIN | POLLOUT) == POLLIN | POLLOUT
        assert out.receive(100, 0)[0] == b"answer"
        out.shutdown(2)
        assert accepted.recv(10) == b""
    out.close()


def test_a_refusal_of_the_host_is_the_guests() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        target = name_of(gone)
    out = made(target, SOCK_STREAM)
    with pytest.raises(Errno) as refused:
        connect(out, target)
    assert refused.value.number == ECONNREFUSED
    out.close()


def test_who_does_not_wait_hears_of_it_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        out = made(name_of(listening), SOCK_STREAM)
        with suppress(Errno):
            out.connect(world(), name_of(listening), 0)
        poll_host({out.descriptor: POLLOUT}, 10)
        out.connect(world(), name_of(listening), 0)
        out.close()


def test_a_letter_goes_out_and_its_answer_says_from_whom() -> None:
    task = world()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.bind(("127.0.0.1", 0))
        box.settimeout(10)
        out = made(name_of(box), SOCK_DGRAM)
        assert out.send(task, b"letter", name_of(box), None) == 6
        data, sender = box.recvfrom(100)
        assert data == b"letter"
        box.sendto(b"back", sender)
        poll_host({out.descriptor: POLLIN}, 10)
        assert out.receive(100, 0) == (b"back", name_of(box))
        out.close()


@pytest.mark.parametrize("kind", [TcpSocket, UdpSocket])
def test_without_the_option_nothing_leaves_the_guest(kind: type[TcpSocket | UdpSocket]) -> None:
    task = world()
    guest = kind(Network(reaches_out=False), task)
    with pytest.raises(Errno) as refused:
        guest.connect(task, FAR, None)
    assert refused.value.number == ENETUNREACH
    assert guest.out is None
