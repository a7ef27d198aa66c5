"""Ports and names: given in order, and to one at a time."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final

import pytest

from kernel_stub.errno import EADDRINUSE, EADDRNOTAVAIL, ETOOMANYREFS, Errno
from kernel_stub.net.addresses import ANY_4, ANY_6, LOOPBACK_4, LOOPBACK_6, InetName
from kernel_stub.net.inet import InetSocket
from kernel_stub.net.network import FIRST_EPHEMERAL, LAST_EPHEMERAL, Network, covers
from kernel_stub.net.tcp import TcpSocket
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from tests.vfs.world import world


@pytest.fixture
def task() -> Any:
    return world()


def bound(task: Any, network: Network, host: bytes, port: int, **options: bool) -> InetSocket:
    socket = TcpSocket(network, task)
    for name, value in options.items():
        setattr(socket, name, value)
    socket.name = network.take_port(socket, InetName(host, port))
    return socket


def test_ports_are_given_in_order(task: Any) -> None:
    network = Network()
    found = [bound(task, network, ANY_4, 0).name for _ in range(3)]
    assert found == [InetName(ANY_4, FIRST_EPHEMERAL + n) for n in range(3)]


def test_a_port_is_free_again_when_its_socket_is_closed(task: Any) -> None:
    network = Network()
    socket = bound(task, network, ANY_4, 80)
    with pytest.raises(Errno) as refused:
        bound(task, network, LOOPBACK_4, 80)
    assert refused.value.number == EADDRINUSE
    network.leaves(socket)
    assert bound(task, network, LOOPBACK_4, 80).name == InetName(LOOPBACK_4, 80)


def test_when_all_ports_are_taken_there_is_none(task: Any) -> None:
    network = Network()
    for port in range(FIRST_EPHEMERAL, LAST_EPHEMERAL + 1):
        network.joins(TcpSocket.__new__(TcpSocket), InetName(ANY_4, port))
    with pytest.raises(Errno) as refused:
        bound(task, network, ANY_4, 0)
    assert refused.value.number == EADDRNOTAVAIL


# first host, its options, second host, its options: whether both may have the port
SHARED: Final[tuple[tuple[bytes, dict[str, bool], bytes, dict[str, bool], bool], ...]] = (
    (ANY_4, {}, LOOPBACK_4, {}, False),
    (LOOPBACK_4, {}, b"\x7f\0\0\2", {}, True),
    (ANY_4, {"reuses_address": True}, LOOPBACK_4, {}, False),
    (ANY_4, {"reuses_address": True}, LOOPBACK_4, {"reuses_address": True}, True),
    (
        ANY_4,
        {"reuses_address": True, "is_listening": True},
        LOOPBACK_4,
        {"reuses_address": True},
        False,
    ),
    (ANY_4, {"reuses_port": True}, ANY_4, {"reuses_port": True}, True),
    (ANY_6, {}, ANY_4, {}, False),
    (ANY_6, {"v6_only": True}, ANY_4, {}, True),
    (LOOPBACK_6, {}, LOOPBACK_4, {}, True),
)


@pytest.mark.parametrize(("first", "has", "second", "wants", "may"), SHARED)
def test_who_may_share_a_port(
    first: bytes, has: dict[str, bool], second: bytes, wants: dict[str, bool], may: bool, task: Any
) -> None:
    network = Network()
    bound(task, network, first, 99, **has)
    with nullcontext() if may else pytest.raises(Errno, match="EADDRINUSE"):
        bound(task, network, second, 99, **wants)
    assert len(network.holders(6, 99)) == 1 + may


def test_any_address_hears_every_one_of_its_family() -> None:
    target = InetName(LOOPBACK_4, 1)
    assert covers(InetName(ANY_4, 1), target, v6_only=False)
    assert covers(InetName(ANY_6, 1), target, v6_only=False)
    assert not covers(InetName(ANY_6, 1), target, v6_only=True)
    assert not covers(InetName(LOOPBACK_6, 1), target, v6_only=False)


def test_abstract_names_are_given_in_order() -> None:
    network = Network()
    assert network.free_abstract_name() == b"\x0000001"
    network.abstract[b"\x0000002"] = object()
    assert network.free_abstract_name() == b"\x0000003"


def test_files_in_flight_are_bounded_and_held(task: Any) -> None:
    network = Network()
    task.limits[7] = (2, 2)
    file = OpenFile(Inode(Attributes(0, 1, 1)), 0)
    for _ in range(3):
        network.take_off(task, file)
    with pytest.raises(Errno) as refused:
        network.take_off(task, file)
    assert (refused.value.number, file.references) == (ETOOMANYREFS, 3)
    network.landed(task, file)
    assert file.references == 2
