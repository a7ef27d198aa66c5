"""What stands behind a mapping that is not plain anonymous memory: files, and shared pages.

A private file page is read from the file when it is touched. Shared pages belong to one object
whoever maps them; those of a file go back into it at msync, at the last munmap and at exit, and
read(2) and write(2) look at them meanwhile (coherence.py).
mmap(2), msync(2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

from emu.x86.paging import PAGE_SHIFT, PAGE_SIZE
from kernel_stub.errno import Errno
from kernel_stub.mm.frames import Frames


class Inode(Protocol):
    """What a file must offer to be mapped."""

    @property
    def size(self) -> int: ...

    def stat(self) -> Any:
        """`st_dev` and `st_ino`, for /proc/pid/maps."""

    mapped: Any

    def read_at(self, offset: int, size: int) -> bytes: ...

    def content(self, offset: int, size: int) -> bytes:
        """The same, with what shared pages hold."""

    def write_at(self, task: Any, offset: int, data: bytes) -> int: ...

    def clear(self, task: Any, start: int, end: int) -> None:
        """Zeros from `start` up to `end`, for whoever maps it too."""


class SharedPages:
    """The pages of one shared object: of a file, or with no inode, of anonymous memory.

    The file is written in the name of `task`, the last that mapped it.
    """

    def __init__(self, frames: Frames, inode: Inode | None, length: int = 0) -> None:
        self.inode = inode
        self._length = length  # in pages, of anonymous memory
        self.task: Any = None
        self._frames = frames
        self._pages: dict[int, int] = {}
        self._dirty: set[int] = set()
        self._users = 0

    def retain(self, pages: int) -> None:
        """`pages` pages more are mapped from it."""
        self._users += pages

    def release(self, pages: int) -> bool:
        """`pages` pages less are mapped from it; with the last one it ends, and returns True."""
        self._users -= pages
        if self._users:
            return False
        with suppress(Errno):  # nobody is left to hear that the file refuses
            self.write_back()
        for frame in self._pages.values():
            self._frames.free(frame)
        self._pages.clear()
        return True

    def frame(self, index: int) -> int | None:
        """The frame of page `index`; None behind the end of the file. Raises OutOfFrames."""
        frame = self._pages.get(index)
        if frame is not None:
            return frame
        if self.inode is None:
            if index >= self._length:
                return None
            frame = self._frames.fresh()
        elif index << PAGE_SHIFT < self.inode.size:
            frame = self._frames.filled(self.inode.read_at(index << PAGE_SHIFT, PAGE_SIZE))
        else:
            return None
        self._pages[index] = frame
        return frame

    def has(self, index: int) -> bool:
        """Whether page `index` is in memory."""
        return index in self._pages

    def becomes_dirty(self, index: int) -> None:
        """Page `index` is about to be writable."""
        self._dirty.add(index)

    def over(self, offset: int, data: bytes) -> bytes:
        """`data` of the file at `offset`, with what its pages in memory hold."""
        result = None
        for index, start, end in _page_parts(offset, len(data)):
            frame = self._pages.get(index)
            if frame is not None:
                result = bytearray(data) if result is None else result
                at = frame | offset + start & PAGE_SIZE - 1
                result[start:end] = self._frames.physical.view[at : at + end - start]
        return data if result is None else bytes(result)

    def changed(self, offset: int, data: bytes) -> None:
        """The file has `data` at `offset`: so have its pages in memory."""
        for index, start, end in _page_parts(offset, len(data)):
            frame = self._pages.get(index)
            if frame is not None:
                at = frame | offset + start & PAGE_SIZE - 1
                self._frames.physical.view[at : at + end - start] = data[start:end]
                if self._frames.was_executable(frame):
                    self._frames.changed(frame)

    def resized(self, size: int) -> None:
        """The file ends at `size`: pages behind that are gone, the rest of the last is zeros."""
        for index in [index for index in self._pages if index << PAGE_SHIFT >= size]:
            self._frames.free(self._pages.pop(index))
            self._dirty.discard(index)
        frame = self._pages.get(size >> PAGE_SHIFT)
        if frame is not None:
            at = frame | size & PAGE_SIZE - 1
            self._frames.physical.view[at : frame + PAGE_SIZE] = bytes(frame + PAGE_SIZE - at)

    def forget(self, first: int, end: int) -> None:
        """The pages from `first` up to `end`, which nobody shows any more, are zeros again."""
        for index in [index for index in self._pages if first <= index < end]:
            self._frames.free(self._pages.pop(index))

    def write_back(self, first: int = 0, end: int = 1 << 64) -> None:
        """Writes the dirty pages from `first` up to `end` into the file, up to the file's end.

        Raises Errno, if the file refuses.
        """
        if self.inode is None:
            return
        view = self._frames.physical.view
        for index in sorted(index for index in self._dirty if first <= index < end):
            offset = index << PAGE_SHIFT
            length = min(PAGE_SIZE, self.inode.size - offset)
            frame = self._pages[index]
            if length > 0:
                self.inode.write_at(self.task, offset, bytes(view[frame : frame + length]))


def _page_parts(offset: int, size: int) -> Iterator[tuple[int, int, int]]:
    """The pages that hold `size` bytes at `offset`: index, and which of the bytes."""
    done = 0
    while done < size:
        part = min(PAGE_SIZE - (offset + done) % PAGE_SIZE, size - done)
        yield offset + done >> PAGE_SHIFT, done, done + part
        done += part


class SharedFiles:
    """The shared pages of every file that is mapped shared now."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._objects: dict[Inode, SharedPages] = {}

    def pages_of(self, inode: Inode, task: Any) -> SharedPages:
        """The shared pages of `inode`, mapped by `task`."""
        found = self._objects.get(inode)
        if found is None:
            found = self._objects[inode] = SharedPages(self._frames, inode)
        found.task = task
        return found

    def find(self, inode: Inode) -> SharedPages | None:
        """The shared pages of `inode`, if it is mapped shared now."""
        return self._objects.get(inode)

    def anonymous(self, length: int) -> SharedPages:
        """`length` shared pages that belong to no file."""
        return SharedPages(self._frames, None, length)

    def release(self, shared: SharedPages, pages: int) -> None:
        """`pages` pages less are mapped from `shared`."""
        if shared.release(pages) and shared.inode is not None:
            del self._objects[shared.inode]
