"""Reading and writing: bytes between descriptors and the program's memory, and offsets.

read(2), write(2), readv(2), preadv2(2), pread(2), lseek(2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct, iter_unpack
from typing import Final, TypeAlias, TypeVar

from kernel_stub.errno import (
    EAGAIN,
    EBADF,
    EFAULT,
    EINVAL,
    EOPNOTSUPP,
    EOVERFLOW,
    Errno,
)
from kernel_stub.syscalls.table import Int, Loff, Long, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.modes import POLLERR, POLLHUP, POLLIN, POLLOUT, SEEK_HOLE

MOST: Final = 0x7FFF_F000  # MAX_RW_COUNT
PIECE: Final = 1 << 24  # more at once is moved in parts
MOST_VECTORS: Final = 1024  # IOV_MAX
LOFF: Final = Struct("<q")
LARGEST_32: Final = (1 << 31) - 1
RWF_KNOWN: Final = 0x1F  # HIPRI, DSYNC, SYNC, NOWAIT, APPEND
RWF_NOWAIT: Final = 0x8
RWF_APPEND: Final = 0x10

Vectors: TypeAlias = list[tuple[int, int]]  # address, size
Result = TypeVar("Result")


def readable(task: Task, descriptor: int) -> OpenFile:
    file = task.files.get(descriptor)
    if not file.readable:
        raise Errno(EBADF)
    return file


def writable(task: Task, descriptor: int) -> OpenFile:
    file = task.files.get(descriptor)
    if not file.writable:
        raise Errno(EBADF)
    return file


def positioned(offset: int) -> int:
    """An offset that a program gave. Raises Errno(EINVAL)."""
    if offset < 0:
        raise Errno(EINVAL)
    return offset


def scatter(task: Task, file: OpenFile, vectors: Vectors, data: bytes) -> int:
    """Copies what was read to the program as far as its buffers exist; returns how much."""
    done = 0
    for address, size in vectors:
        piece = data[done : done + size]
        copied = task.memory.copy_out_some(address, piece)
        done += copied
        if copied < len(piece):
            return done - done % file.unit
    return done


def gather(task: Task, file: OpenFile, vectors: Vectors) -> bytes:
    """What the program wants to write, as far as its buffers exist. Raises Errno(EFAULT)."""
    pieces = []
    for address, size in vectors:
        piece = task.memory.copy_in_some(address, size)
        pieces.append(piece)
        if len(piece) < size:
            data = b"".join(pieces)
            whole = len(data) - len(data) % file.unit
            return _some(data[:whole], whole)
    return b"".join(pieces)


def _some(result: Result, done: int) -> Result:
    """`result`, if anything was done in spite of a bad buffer. Raises Errno(EFAULT)."""
    if not done:
        raise Errno(EFAULT)
    return result


def _pieces(file: OpenFile, vectors: Vectors) -> Iterator[Vectors]:
    """`vectors` in parts that do not burden the host's memory, where parts mean the same."""
    if not file.in_pieces:
        yield vectors
        return
    left = MOST
    for address, size in vectors:
        end = address + min(size, left)
        left -= end - address
        for start in range(address, end, PIECE):
            yield [(start, min(PIECE, end - start))]


def _in_pieces(file: OpenFile, vectors: Vectors, move: Callable[[Vectors, int], int]) -> int:
    """What `move` moved of one part after the other, until one is short. Raises Errno."""
    if room_of(vectors) <= PIECE:
        return move(vectors, 0)
    done = 0
    for part in _pieces(file, vectors):
        try:
            moved = move(part, done)
        except Errno:
            if not done:
                raise
            break
        done += moved
        if moved < room_of(part):
            break
    return done


def _read_into(task: Task, descriptor: int, vectors: Vectors) -> int:
    file = readable(task, descriptor)

    def move(part: Vectors, _before: int) -> int:
        data = file.read(task, room_of(part))
        done = scatter(task, file, part, data)
        if done < len(data):
            file.unread(data[done:])
            return _some(done, done)
        return done

    return _in_pieces(file, vectors, move)


def _read_at_into(task: Task, descriptor: int, vectors: Vectors, offset: int) -> int:
    file = readable(task, descriptor)
    positioned(offset)

    def move(part: Vectors, before: int) -> int:
        data = file.read_at(task, offset + before, room_of(part))
        done = scatter(task, file, part, data)
        return done if done == len(data) else _some(done, done)

    return _in_pieces(file, vectors, move)


def _write_from(task: Task, descriptor: int, vectors: Vectors) -> int:
    file = writable(task, descriptor)
    return _in_pieces(
        file, vectors, lambda part, _before: file.write(task, gather(task, file, part))
    )


def _write_at_from(task: Task, descriptor: int, vectors: Vectors, offset: int) -> int:
    file = writable(task, descriptor)
    positioned(offset)

    def move(part: Vectors, before: int) -> int:
        return file.write_at(task, offset + before, gather(task, file, part))

    return _in_pieces(file, vectors, move)


@syscall()
def read(task: Task, descriptor: Int, buffer: Pointer, count: ULong) -> int:
    return _read_into(task, descriptor, [(buffer, count)])


@syscall()
def write(task: Task, descriptor: Int, buffer: Pointer, count: ULong) -> int:
    return _write_from(task, descriptor, [(buffer, min(count, MOST))])


@syscall()
def pread64(task: Task, descriptor: Int, buffer: Pointer, count: ULong, offset: Loff) -> int:
    return _read_at_into(task, descriptor, [(buffer, count)], offset)


@syscall()
def pwrite64(task: Task, descriptor: Int, buffer: Pointer, count: ULong, offset: Loff) -> int:
    return _write_at_from(task, descriptor, [(buffer, min(count, MOST))], offset)


def vectors_at(task: Task, address: int, count: int) -> Vectors:
    """The (address, size) pairs of an array of struct iovec. Raises Errno."""
    if not 0 <= count <= MOST_VECTORS:
        raise Errno(EINVAL)
    layout = task.abi.iovec
    vectors = list(iter_unpack(layout.format, task.memory.copy_in(address, count * layout.size)))
    largest = task.abi.word_mask >> 1
    if any(size > largest for _, size in vectors):
        raise Errno(EINVAL)
    return vectors


def room_of(vectors: Vectors) -> int:
    """How many bytes fit into `vectors`."""
    return min(sum(size for _, size in vectors), MOST)


@syscall()
def readv(task: Task, descriptor: Int, vector: Pointer, count: Int) -> int:
    readable(task, descriptor)
    return _read_into(task, descriptor, vectors_at(task, vector, count))


@syscall()
def writev(task: Task, descriptor: Int, vector: Pointer, count: Int) -> int:
    writable(task, descriptor)
    return _write_from(task, descriptor, vectors_at(task, vector, count))


def _offset_of(task: Task, low: int, high: int) -> int:
    """The offset of preadv: in one word, or in two."""
    offset = low if task.abi.word == 8 else low | high << 32
    return offset - (1 << 64) if offset >> 63 else offset


@syscall()
def preadv(
    task: Task, descriptor: Int, vector: Pointer, count: Int, low: ULong, high: ULong
) -> int:
    return _preadv(task, descriptor, vector, count, positioned(_offset_of(task, low, high)))


def _preadv(task: Task, descriptor: int, vector: int, count: int, offset: int) -> int:
    readable(task, descriptor)
    return _read_at_into(task, descriptor, vectors_at(task, vector, count), offset)


@syscall()
def pwritev(
    task: Task, descriptor: Int, vector: Pointer, count: Int, low: ULong, high: ULong
) -> int:
    writable(task, descriptor)
    offset = positioned(_offset_of(task, low, high))
    return _write_at_from(task, descriptor, vectors_at(task, vector, count), offset)


@syscall()
def preadv2(
    task: Task,
    descriptor: Int,
    vector: Pointer,
    count: Int,
    low: ULong,
    high: ULong,
    flags: Int,
) -> int:
    if flags & ~RWF_KNOWN or flags & RWF_APPEND:
        raise Errno(EOPNOTSUPP)
    offset = _offset_of(task, low, high)
    file = readable(task, descriptor)
    if flags & RWF_NOWAIT and not file.poll(task) & (POLLIN | POLLHUP | POLLERR):
        raise Errno(EAGAIN)
    if offset == -1:
        return readv(task, descriptor, vector, count)
    return _preadv(task, descriptor, vector, count, positioned(offset))


@syscall()
def pwritev2(
    task: Task,
    descriptor: Int,
    vector: Pointer,
    count: Int,
    low: ULong,
    high: ULong,
    flags: Int,
) -> int:
    if flags & ~RWF_KNOWN:
        raise Errno(EOPNOTSUPP)
    file = writable(task, descriptor)
    vectors, offset = vectors_at(task, vector, count), _offset_of(task, low, high)
    if flags & RWF_NOWAIT and not file.poll(task) & (POLLOUT | POLLERR):
        raise Errno(EAGAIN)
    if flags & RWF_APPEND and file.seekable:
        moves, offset = offset == -1, file.inode.size
        done = _write_at_from(task, descriptor, vectors, offset)
        file.offset = offset + done if moves else file.offset
        return done
    if offset == -1:
        return _write_from(task, descriptor, vectors)
    return _write_at_from(task, descriptor, vectors, offset)


def _check_whence(whence: int) -> None:
    """Raises Errno(EINVAL)."""
    if whence > SEEK_HOLE:
        raise Errno(EINVAL)


@syscall()
def lseek(task: Task, descriptor: Int, offset: Long, whence: UInt) -> int:
    file = task.files.get(descriptor)
    _check_whence(whence)
    before = file.offset
    result = file.seek(task, offset, whence)
    if task.abi.word == 4 and result > LARGEST_32:
        file.offset = before
        raise Errno(EOVERFLOW)
    return result


@syscall()
def _llseek(
    task: Task, descriptor: Int, high: ULong, low: ULong, result: Pointer, whence: UInt
) -> int:
    offset = (high & 0xFFFF_FFFF) << 32 | low & 0xFFFF_FFFF
    signed = offset - (1 << 64) if offset >> 63 else offset
    file = task.files.get(descriptor)
    _check_whence(whence)
    place = file.seek(task, signed, whence)
    task.memory.pack(LOFF, result, place)
    return 0
