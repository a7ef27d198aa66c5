"""Moving bytes through pipes without a buffer of the program's: splice, tee, vmsplice.

splice(2), tee(2), vmsplice(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kernel_stub.errno import EAGAIN, EBADF, EINVAL, EISDIR, ESPIPE, Errno
from kernel_stub.syscalls.io import (
    LOFF,
    MOST,
    Vectors,
    positioned,
    readable,
    room_of,
    scatter,
    vectors_at,
    writable,
)
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.syscalls.transfers import move, moved_on
from kernel_stub.task import Task
from kernel_stub.vfs.directory import DirectoryFile
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.modes import O_APPEND, O_NONBLOCK
from kernel_stub.vfs.pipes import PipeEnd

SPLICE_F_NONBLOCK: Final = 2
KNOWN: Final = 0xF  # MOVE, NONBLOCK, MORE, GIFT


def _wait(task: Task, file: OpenFile, flags: int, what: str, ready: Callable[[], bool]) -> None:
    if ready():
        return
    if flags & SPLICE_F_NONBLOCK or file.flags & O_NONBLOCK:
        raise Errno(EAGAIN)
    task.kernel.block(task, what, ready)


def _place(task: Task, file: OpenFile, pointer: int) -> int | None:
    """The offset that the program gave for a file; a pipe has none. Raises Errno."""
    if not pointer:
        return None
    if isinstance(file, PipeEnd) or not file.seekable:
        raise Errno(ESPIPE)
    return positioned(task.memory.unpack(LOFF, pointer)[0])


@syscall()
def splice(
    task: Task,
    source: Int,
    source_at: Pointer,
    out: Int,
    out_at: Pointer,
    count: ULong,
    flags: UInt,
) -> int:
    if not count:
        return 0
    if flags & ~KNOWN:
        raise Errno(EINVAL)
    reader, writer = readable(task, source), writable(task, out)
    starts = [_place(task, file, at) for file, at in ((reader, source_at), (writer, out_at))]
    size = _spliceable(task, reader, writer, min(count, MOST), flags)
    done = move(task, reader, starts[0], writer, starts[1], size)
    return moved_on(task, (source_at, out_at), starts, done)


def _spliceable(task: Task, reader: OpenFile, writer: OpenFile, count: int, flags: int) -> int:
    """How many bytes may be moved at once; waits for the first. Raises Errno."""
    pipes = [file for file in (reader, writer) if isinstance(file, PipeEnd)]
    if not pipes or (len(pipes) == 2 and pipes[0].pipe is pipes[1].pipe):
        raise Errno(EINVAL)
    if isinstance(reader, DirectoryFile) or (not isinstance(writer, PipeEnd) and _appends(writer)):
        raise Errno(EISDIR if isinstance(reader, DirectoryFile) else EINVAL)
    if isinstance(reader, PipeEnd):
        _wait(task, reader, flags, "bytes in an empty pipe", reader.has_input)
        count = min(count, len(reader.pipe.buffer))
    if isinstance(writer, PipeEnd):
        _wait(task, writer, flags, "room in a full pipe", writer.has_room)
        count = min(count, max(writer.room(), 1))
    return count


def _appends(file: OpenFile) -> bool:
    return bool(file.flags & O_APPEND)


def _pipe(file: OpenFile) -> PipeEnd:
    if not isinstance(file, PipeEnd):
        raise Errno(EINVAL)
    return file


@syscall()
def tee(task: Task, source: Int, out: Int, count: ULong, flags: UInt) -> int:
    if flags & ~KNOWN:
        raise Errno(EINVAL)
    if not count:
        return 0
    reader, writer = _pipe(readable(task, source)), _pipe(writable(task, out))
    size = _spliceable(task, reader, writer, min(count, MOST), flags)
    return writer.write(task, bytes(reader.pipe.buffer[:size]))


def _whole_vectors(task: Task, vectors: Vectors) -> bytes:
    """The bytes of `vectors` up to the first that is not wholly there. Raises Errno(EFAULT)."""
    pieces: list[bytes] = []
    for address, size in vectors:
        try:
            pieces.append(task.memory.copy_in(address, size))
        except Errno:
            if not pieces:
                raise
            break
    return b"".join(pieces)


@syscall()
def vmsplice(task: Task, descriptor: Int, vector: Pointer, count: ULong, flags: UInt) -> int:
    if flags & ~KNOWN:
        raise Errno(EINVAL)
    file = task.files.get(descriptor)
    if not isinstance(file, PipeEnd):
        raise Errno(EBADF)
    vectors = vectors_at(task, vector, count)
    if file.writable:
        _wait(task, file, flags, "room in a full pipe", file.has_room)
        return file.write(task, _whole_vectors(task, vectors)[: max(file.room(), 1)])
    size = room_of(vectors)
    if size:
        _wait(task, file, flags, "bytes in an empty pipe", file.has_input)
    data = file.read(task, size)
    done = scatter(task, file, vectors, data)
    file.unread(data[done:])
    return done
