"""Reading and writing: bytes between descriptors and the program's memory, and offsets.

read(2), write(2), readv(2), preadv2(2), pread(2), lseek(2).
"""

from __future__ import annotations

from struct import Struct, iter_unpack
from typing import Final

from kernel_stub.errno import (
    EBADF,
    EINVAL,
    EOPNOTSUPP,
    EOVERFLOW,
    Errno,
)
from kernel_stub.syscalls.table import Int, Loff, Long, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.modes import SEEK_HOLE

MOST: Final = 0x7FFF_F000  # MAX_RW_COUNT
MOST_VECTORS: Final = 1024  # IOV_MAX
LOFF: Final = Struct("<q")
LARGEST_32: Final = (1 << 31) - 1
RWF_KNOWN: Final = 0x1F  # HIPRI, DSYNC, SYNC, NOWAIT, APPEND
RWF_APPEND: Final = 0x10


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


def _give(task: Task, file: OpenFile, buffer: int, data: bytes) -> int:
    """Copies what was read to the program, or takes it back."""
    try:
        task.memory.copy_out(buffer, data)
    except Errno:
        file.unread(data)
        raise
    return len(data)


@syscall()
def read(task: Task, descriptor: Int, buffer: Pointer, count: ULong) -> int:
    file = readable(task, descriptor)
    return _give(task, file, buffer, file.read(task, min(count, MOST)))


@syscall()
def write(task: Task, descriptor: Int, buffer: Pointer, count: ULong) -> int:
    file = writable(task, descriptor)
    return file.write(task, task.memory.copy_in(buffer, min(count, MOST)))


@syscall()
def pread64(task: Task, descriptor: Int, buffer: Pointer, count: ULong, offset: Loff) -> int:
    file = readable(task, descriptor)
    data = file.read_at(task, positioned(offset), min(count, MOST))
    task.memory.copy_out(buffer, data)
    return len(data)


@syscall()
def pwrite64(task: Task, descriptor: Int, buffer: Pointer, count: ULong, offset: Loff) -> int:
    file = writable(task, descriptor)
    positioned(offset)
    return file.write_at(task, offset, task.memory.copy_in(buffer, min(count, MOST)))


def _vectors(task: Task, address: int, count: int) -> list[tuple[int, int]]:
    """The (address, size) pairs of an array of struct iovec. Raises Errno."""
    if not 0 <= count <= MOST_VECTORS:
        raise Errno(EINVAL)
    layout = task.abi.iovec
    vectors = list(iter_unpack(layout.format, task.memory.copy_in(address, count * layout.size)))
    largest = task.abi.word_mask >> 1
    if any(size > largest for _, size in vectors):
        raise Errno(EINVAL)
    return vectors


def _scatter(task: Task, file: OpenFile, vectors: list[tuple[int, int]], data: bytes) -> int:
    done = 0
    for address, size in vectors:
        if done == len(data):
            break
        piece = data[done : done + size]
        try:
            task.memory.copy_out(address, piece)
        except Errno:
            file.unread(data[done:])
            if done:
                return done
            raise
        done += len(piece)
    return done


def _gather(task: Task, vectors: list[tuple[int, int]]) -> bytes:
    return b"".join([task.memory.copy_in(address, size) for address, size in vectors])


def _room(vectors: list[tuple[int, int]]) -> int:
    return min(sum(size for _, size in vectors), MOST)


@syscall()
def readv(task: Task, descriptor: Int, vector: Pointer, count: Int) -> int:
    file = readable(task, descriptor)
    vectors = _vectors(task, vector, count)
    return _scatter(task, file, vectors, file.read(task, _room(vectors)))


@syscall()
def writev(task: Task, descriptor: Int, vector: Pointer, count: Int) -> int:
    file = writable(task, descriptor)
    return file.write(task, _gather(task, _vectors(task, vector, count)))


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
    file = readable(task, descriptor)
    vectors = _vectors(task, vector, count)
    data = file.read_at(task, offset, _room(vectors))
    done = 0
    for address, size in vectors:
        task.memory.copy_out(address, data[done : done + size])
        done += size
    return len(data)


@syscall()
def pwritev(
    task: Task, descriptor: Int, vector: Pointer, count: Int, low: ULong, high: ULong
) -> int:
    file = writable(task, descriptor)
    offset = positioned(_offset_of(task, low, high))
    return file.write_at(task, offset, _gather(task, _vectors(task, vector, count)))


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
    data = _gather(task, _vectors(task, vector, count))
    offset = _offset_of(task, low, high)
    if flags & RWF_APPEND:
        offset = file.inode.size if file.seekable else offset
    if offset == -1 and not flags & RWF_APPEND:
        return file.write(task, data)
    return file.write_at(task, positioned(offset), data)


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
