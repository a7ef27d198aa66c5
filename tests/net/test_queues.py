"""Queues: bytes that merge, records that do not, and files that travel with one of them."""

from __future__ import annotations

import pytest

from kernel_stub.net.queues import (
    Chunk,
    Credentials,
    MessageQueue,
    Queue,
    UdpQueue,
    UnixStreamQueue,
)
from kernel_stub.net.sockets import DEFAULT_BUFFER
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.storage import LEAST_BUFFER, MOST_BUFFERED, Buffers

ME, YOU = Credentials(1, 0, 0), Credentials(2, 5, 5)
FILE = OpenFile(Inode(Attributes(0, 1, 1)), 0)


def filled(*chunks: Chunk, kind: type[Queue] = Queue) -> Queue:
    queue = kind(100, Buffers())
    for chunk in chunks:
        queue.add(chunk)
    return queue


def taken(queue: Queue, size: int, *, keep: bool = False, by_sender: bool = False) -> bytes:
    return queue.take_bytes(size, keep=keep, by_sender=by_sender).data


def test_bytes_merge_over_sends() -> None:
    queue = filled(Chunk(b"hel", ME), Chunk(b"lo", ME), Chunk(b"world", YOU))
    assert taken(queue, 4, keep=True) == b"hell"
    assert taken(queue, 4) == b"hell"
    assert queue.size == 6
    assert taken(queue, 100) == b"oworld"
    assert (queue.size, len(queue)) == (0, 0)


def test_bytes_of_two_senders_do_not_merge_where_that_is_told() -> None:
    queue = filled(Chunk(b"a", ME), Chunk(b"b", YOU))
    assert taken(queue, 9, by_sender=True) == b"a"
    assert taken(queue, 9, by_sender=True) == b"b"


def test_files_come_with_their_first_byte_and_end_a_read() -> None:
    queue = filled(Chunk(b"a", ME), Chunk(b"bc", ME, rights=[FILE]), Chunk(b"d", ME))
    assert taken(queue, 9) == b"a"
    first = queue.take_bytes(1, keep=False, by_sender=False)
    assert (first.data, first.rights) == (b"b", (FILE,))
    second = queue.take_bytes(9, keep=False, by_sender=False)
    assert (second.data, second.rights) == (b"cd", ())


def test_a_record_is_taken_whole() -> None:
    queue = filled(Chunk(b"one", ME), Chunk(b"", ME), Chunk(b"three", ME), kind=MessageQueue)
    assert queue.take(keep=True).data == b"one"
    assert [queue.take(keep=False).data for _ in range(3)] == [b"one", b"", b"three"]


def test_room_grows_for_a_reader_that_wants_more() -> None:
    queue = filled(Chunk(bytes(90), ME))
    assert queue.room == 10
    queue.wanted = 150
    assert queue.room == 60
    queue.add(Chunk(bytes(60), ME))
    assert queue.room == 0


def test_a_cleared_queue_gives_back_what_was_in_flight() -> None:
    queue = filled(Chunk(b"a", ME, rights=[FILE]), Chunk(b"b", ME, rights=[FILE]))
    assert queue.clear() == [FILE, FILE]
    assert queue.size == 0


def test_small_sends_take_little_of_the_hosts_memory() -> None:
    queue = filled(*(Chunk(b"x", ME) for _ in range(1000)))
    assert (queue.size, len(queue)) == (1000, 1)


def test_what_all_queues_hold_is_bounded_and_each_still_goes_on() -> None:
    memory = Buffers()
    queues = [Queue(DEFAULT_BUFFER, memory) for _ in range(1000)]
    for queue in queues:
        while queue.room:
            queue.add(Chunk(bytes(queue.room), ME))
    assert memory.buffered <= MOST_BUFFERED + len(queues) * LEAST_BUFFER
    assert {queue.size for queue in queues} >= {DEFAULT_BUFFER, LEAST_BUFFER}
    for queue in queues:
        queue.clear()
    assert memory.buffered == 0


# (kind, bytes, how many find room): as counted on Linux.
ROOM = (
    (MessageQueue, 0, 278),
    (MessageQueue, 4096, 26),
    (MessageQueue, 65536, 4),
    (UnixStreamQueue, 1, 278),
    (UnixStreamQueue, 4096, 44),
    (UdpQueue, 1000, 92),
)


@pytest.mark.parametrize(("kind", "size", "count"), ROOM)
def test_messages_cost_what_linux_counts(kind: type[Queue], size: int, count: int) -> None:
    queue, found = kind(DEFAULT_BUFFER, Buffers()), 0
    while queue.fits(size):
        queue.add(Chunk(bytes(size), ME))
        found += 1
    assert found == count
    assert (taken(queue, 1) == b"\0") is bool(size)
