"""One vocabulary of operations on files, and two who carry it out: the host, and a guest.

Each answers with a value or with ("error", errno), so that the answers can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from stat import S_IFMT, S_ISDIR
from typing import Any

from kernel_stub.errno import Errno
from tests.vfs.program import AT_FDCWD, BUFFER, Program

Answer = Any
FLAGS = {
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "r+": os.O_RDWR,
}


class Actor:
    """Carries out operations by name."""

    def do(self, operation: str, *arguments: Any) -> Answer:
        method: Callable[..., Answer] = getattr(self, operation)
        try:
            return method(*arguments)
        except Errno as refused:
            return "error", refused.number
        except OSError as refused:
            return "error", refused.errno


class Host(Actor):
    """The host's own kernel, below `top`."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def at(self, path: str) -> str:
        return f"{self.top}/{path}" if path else ""

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        os.mkdir(self.at(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self.at(path))

    def unlink(self, path: str) -> None:
        os.unlink(self.at(path))

    def rename(self, old: str, new: str) -> None:
        os.rename(self.at(old), self.at(new))

    def link(self, old: str, new: str) -> None:
        os.link(self.at(old), self.at(new), follow_symlinks=False)

    def symlink(self, target: str, path: str) -> None:
        os.symlink(target, self.at(path))

    def readlink(self, path: str) -> bytes:
        return os.readlink(self.at(path)).encode()

    def write(self, path: str, how: str, data: bytes) -> int:
        descriptor = os.open(self.at(path), FLAGS[how], 0o666)
        try:
            return os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def read(self, path: str) -> bytes:
        descriptor = os.open(self.at(path), os.O_RDONLY)
        try:
            return os.read(descriptor, 1 << 16)
        finally:
            os.close(descriptor)

    def truncate(self, path: str, size: int) -> None:
        os.truncate(self.at(path), size)

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self.at(path), mode)

    def utime(self, path: str, accessed: int, changed: int) -> None:
        os.utime(self.at(path), (accessed, changed))

    def stat(self, path: str) -> Answer:
        return seen(os.stat(self.at(path)))

    def lstat(self, path: str) -> Answer:
        return seen(os.lstat(self.at(path)))

    def access(self, path: str, mode: int) -> bool:
        return os.access(self.at(path), mode, effective_ids=True)

    def names(self, path: str) -> list[str]:
        return sorted(os.listdir(self.at(path)))


class Guest(Actor):
    """A program in the virtual file system."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def _call(self, name: str, *arguments: int | str) -> int:
        encoded = [a.encode() if isinstance(a, str) else a for a in arguments]
        return self.program.call(name, *encoded)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        self._call("mkdir", path, mode)

    def rmdir(self, path: str) -> None:
        self._call("rmdir", path)

    def unlink(self, path: str) -> None:
        self._call("unlink", path)

    def rename(self, old: str, new: str) -> None:
        self._call("rename", old, new)

    def link(self, old: str, new: str) -> None:
        self._call("link", old, new)

    def symlink(self, target: str, path: str) -> None:
        self._call("symlink", target, path)

    def readlink(self, path: str) -> bytes:
        return self.program.peek(self._call("readlink", path, BUFFER, 4096))

    def write(self, path: str, how: str, data: bytes) -> int:
        descriptor = self.program.open(path, FLAGS[how], 0o666)
        try:
            return self.program.write(descriptor, data)
        finally:
            self.program.call("close", descriptor)

    def read(self, path: str) -> bytes:
        descriptor = self.program.open(path)
        try:
            return self.program.read(descriptor, 1 << 16)
        finally:
            self.program.call("close", descriptor)

    def truncate(self, path: str, size: int) -> None:
        self._call("truncate", path, size)

    def chmod(self, path: str, mode: int) -> None:
        self._call("chmod", path, mode)

    def utime(self, path: str, accessed: int, changed: int) -> None:
        times = b"".join(value.to_bytes(8, "little") for value in (accessed, changed))
        self.program.call("utime", path.encode(), times)

    def stat(self, path: str) -> Answer:
        return seen(Fields(self.program.status("stat", path.encode())))

    def lstat(self, path: str) -> Answer:
        return seen(Fields(self.program.status("lstat", path.encode())))

    def access(self, path: str, mode: int) -> bool:
        return not self.program.fails("faccessat", AT_FDCWD, path.encode(), mode)

    def names(self, path: str) -> list[str]:
        return sorted(set(self.program.names(path)) - {".", "..", "dev", "proc", "sys"})


class Fields:
    """A structure's fields as attributes."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)


def seen(status: Any) -> Answer:
    """What two file systems agree on about the same file."""
    kind, mode = S_IFMT(status.st_mode), status.st_mode & 0o7777
    if S_ISDIR(status.st_mode):
        return kind, mode
    return kind, mode, status.st_nlink, status.st_size


def whole_tree(actor: Host | Guest, path: str = ".") -> dict[str, Answer]:
    """Every file below `path`: what lstat tells, and what the file says."""
    found: dict[str, Answer] = {}
    names = actor.do("names", path)
    if isinstance(names, tuple):
        return {path: names}
    for name in names:
        below = f"{path}/{name}"
        told = actor.do("lstat", below)
        found[below] = told
        if told[0] == 0o040000:
            found.update(whole_tree(actor, below))
        elif told[0] == 0o120000:
            found[below] = (*told, actor.do("readlink", below))
        else:
            found[below] = (*told, actor.do("read", below))
    return found
