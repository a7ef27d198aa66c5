"""Moving bytes from file to file without the program's memory between.

sendfile(2), copy_file_range(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.errno import EBADF, EINVAL, EISDIR, EOVERFLOW, ESPIPE, Errno
from kernel_stub.syscalls.io import LOFF, MOST, positioned, readable, writable
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.directory import DirectoryFile
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.modes import O_APPEND, S_IFREG
from kernel_stub.waits import Blocked

CHUNK: Final = 1 << 20


@syscall()
def sendfile(task: Task, out: Int, source: Int, offset: Pointer, count: ULong) -> int:
    return _sendfile(task, out, source, offset, count, LOFF if task.abi.word == 8 else Struct("<i"))


@syscall()
def sendfile64(task: Task, out: Int, source: Int, offset: Pointer, count: ULong) -> int:
    return _sendfile(task, out, source, offset, count, LOFF)


def _sendfile(task: Task, out: int, source: int, pointer: int, count: int, layout: Struct) -> int:
    reader, writer = readable(task, source), writable(task, out)
    if pointer and not reader.seekable:
        raise Errno(ESPIPE)
    if writer.flags & O_APPEND or not (reader.seekable or reader.in_pieces):
        raise Errno(EINVAL)
    if not pointer:
        return move(task, reader, None, writer, None, count)
    (start,) = task.memory.unpack(layout, pointer)
    done = move(task, reader, positioned(start), writer, None, count)
    task.memory.pack(layout, pointer, start + done)
    return done


@syscall()
def copy_file_range(
    task: Task,
    source: Int,
    source_at: Pointer,
    out: Int,
    out_at: Pointer,
    count: ULong,
    flags: UInt,
) -> int:
    if flags:
        raise Errno(EINVAL)
    reader, writer = task.files.get(source), task.files.get(out)
    starts = [task.memory.unpack(LOFF, at)[0] if at else None for at in (source_at, out_at)]
    _check_copied(reader, writer)
    for start in starts:
        if start is not None and start < 0:
            raise Errno(EOVERFLOW if start + count >= 0 else EINVAL)
    places = [
        file.offset if start is None else start
        for file, start in zip((reader, writer), starts, strict=True)
    ]
    if reader.inode is writer.inode and abs(places[0] - places[1]) < count:
        raise Errno(EINVAL)
    done = move(task, reader, starts[0], writer, starts[1], count)
    return moved_on(task, (source_at, out_at), starts, done)


def moved_on(task: Task, pointers: tuple[int, int], starts: list[int | None], done: int) -> int:
    """Tells the program's own offsets that `done` bytes were moved; returns `done`."""
    for at, start in zip(pointers, starts, strict=True):
        if start is not None:
            task.memory.pack(LOFF, at, start + done)
    return done


def _check_copied(reader: OpenFile, writer: OpenFile) -> None:
    """Both are regular files, opened for what is done to them. Raises Errno."""
    if isinstance(reader, DirectoryFile) or isinstance(writer, DirectoryFile):
        raise Errno(EISDIR)
    if not (reader.inode.kind == writer.inode.kind == S_IFREG):
        raise Errno(EINVAL)
    if not reader.readable or not writer.writable or writer.flags & O_APPEND:
        raise Errno(EBADF)


def move(
    task: Task,
    reader: OpenFile,
    read_from: int | None,
    writer: OpenFile,
    write_to: int | None,
    count: int,
) -> int:
    """Moves bytes from one file to the other; without a place, each moves its own offset.

    What went before it had to wait, counts: a longer wait is the next call's.
    """
    done, count = 0, min(count, MOST)
    while done < count:
        size = min(CHUNK, count - done)
        if read_from is None:
            data = reader.read(task, size)
        else:
            data = reader.read_at(task, read_from + done, size)
        if not data:
            break
        try:
            taken = _put(task, writer, None if write_to is None else write_to + done, data)
        except (Errno, Blocked):
            taken, task.progress = task.progress, 0
            if not done and not taken:
                _take_back(reader, read_from, data)
                raise
        _take_back(reader, read_from, data[taken:])
        done += taken
        if taken < size:
            break
    return done


def _put(task: Task, writer: OpenFile, place: int | None, data: bytes) -> int:
    return writer.write(task, data) if place is None else writer.write_at(task, place, data)


def _take_back(reader: OpenFile, read_from: int | None, data: bytes) -> None:
    """What was read and not written, is read the next time."""
    if read_from is None and data:
        reader.unread(data)
