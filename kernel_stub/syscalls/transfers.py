"""Moving bytes from file to file without the program's memory between.

sendfile(2), copy_file_range(2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.errno import EBADF, EINVAL, EISDIR, ESPIPE, Errno
from kernel_stub.syscalls.io import LOFF, MOST, positioned, readable, writable
from kernel_stub.syscalls.table import Int, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.directory import DirectoryFile
from kernel_stub.vfs.inode import OpenFile
from kernel_stub.vfs.modes import O_APPEND

CHUNK: Final = 1 << 20


@syscall()
def sendfile(task: Task, out: Int, source: Int, offset: Pointer, count: ULong) -> int:
    return _sendfile(task, out, source, offset, count, LOFF if task.abi.word == 8 else Struct("<i"))


@syscall()
def sendfile64(task: Task, out: Int, source: Int, offset: Pointer, count: ULong) -> int:
    return _sendfile(task, out, source, offset, count, LOFF)


def _sendfile(task: Task, out: int, source: int, pointer: int, count: int, layout: Struct) -> int:
    reader, writer = readable(task, source), writable(task, out)
    if writer.flags & O_APPEND or not (reader.seekable or not pointer):
        raise Errno(EINVAL if reader.seekable else ESPIPE)
    if not pointer:
        return _move(task, reader, None, writer, None, count)
    (start,) = task.memory.unpack(layout, pointer)
    done = _move(task, reader, positioned(start), writer, None, count)
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
    reader, writer = readable(task, source), writable(task, out)
    if isinstance(reader, DirectoryFile) or isinstance(writer, DirectoryFile):
        raise Errno(EISDIR)
    if not (reader.seekable and writer.seekable):
        raise Errno(EINVAL)
    if writer.flags & O_APPEND:
        raise Errno(EBADF)
    starts = [task.memory.unpack(LOFF, at)[0] if at else None for at in (source_at, out_at)]
    done = _move(task, reader, starts[0], writer, starts[1], count)
    for at, start in zip((source_at, out_at), starts, strict=True):
        if start is not None:
            task.memory.pack(LOFF, at, start + done)
    return done


def _move(
    task: Task,
    reader: OpenFile,
    read_from: int | None,
    writer: OpenFile,
    write_to: int | None,
    count: int,
) -> int:
    """Moves bytes from one file to the other; without a place, each moves its own offset."""
    done, count = 0, min(count, MOST)
    while done < count:
        size = min(CHUNK, count - done)
        if read_from is None:
            data = reader.read(task, size)
        else:
            data = reader.read_at(task, read_from + done, size)
        if not data:
            break
        if write_to is None:
            taken = writer.write(task, data)
        else:
            taken = writer.write_at(task, write_to + done, data)
        if read_from is None and taken < len(data):
            reader.unread(data[taken:])
        done += taken
        if taken < size:
            break
    return done
