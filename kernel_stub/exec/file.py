"""Finding the program: the file behind a path, its image, and the interpreters that it asks for.

Every refusal is a LoadError: one sentence for the person who started the machine, and the errno
that execve(2) gives a program that did. It maps nothing.
execve(2).
"""

from __future__ import annotations

from os import fsdecode
from typing import Any, Final, NamedTuple, Protocol

from emu.errors import LoadError
from emu.load.elf import Image, read_elf
from emu.load.script import DEPTH_LIMIT, HEAD_SIZE, read_script
from kernel_stub.errno import (
    EACCES,
    EISDIR,
    ELIBBAD,
    ELOOP,
    ENAMETOOLONG,
    ENOENT,
    ENOTDIR,
    ETXTBSY,
    NAMES,
    Errno,
)
from kernel_stub.mm import MappedFile

_REASONS: Final = {
    ENOENT: "no such file",
    ENOTDIR: "a part of its path is not a directory",
    EACCES: "permission denied: it must be a regular file that you may execute",
    EISDIR: "it is a directory",
    ELOOP: "its path goes round in symbolic links",
    ETXTBSY: "it is open for writing",
    ENAMETOOLONG: "its path is too long",
}


class Executables(Protocol):
    """What exec asks of the file system."""

    def open_executable(self, task: Any, path: bytes) -> MappedFile:
        """The regular file at `path`, which `task` may execute (it need not be readable).

        Raises Errno: EACCES for what is no regular file or may not be executed.
        """


class Program(NamedTuple):
    """What to run: an image and its file, the argv that scripts made, and the dynamic linker."""

    file: MappedFile
    image: Image
    argv: list[bytes]
    linker: tuple[MappedFile, Image] | None


def find_program(vfs: Executables, task: Any, path: bytes, argv: list[bytes]) -> Program:
    """The program that `path` leads to, through `#!` lines and PT_INTERP. Raises LoadError."""
    what = fsdecode(path)
    for _ in range(DEPTH_LIMIT + 1):
        file = _open(vfs, task, path, what)
        script = read_script(file.inode.content(0, HEAD_SIZE), fsdecode(path))
        if script is None:
            image = _image(file, fsdecode(path))
            return Program(file, image, argv, _find_linker(vfs, task, image))
        argv = script.rewrite(path, argv)
        what = f"{fsdecode(path)}: its interpreter {fsdecode(script.interpreter)}"
        path = script.interpreter
    raise LoadError(f"{fsdecode(path)}: scripts call each other as interpreters too deeply", ELOOP)


def _open(vfs: Executables, task: Any, path: bytes, what: str) -> MappedFile:
    try:
        return vfs.open_executable(task, path)
    except Errno as refused:
        reason = _REASONS.get(refused.number, NAMES.get(refused.number, str(refused.number)))
        raise LoadError(f"cannot run {what}: {reason}", refused.number) from None


def _image(file: MappedFile, name: str) -> Image:
    return read_elf(file.inode.content, file.inode.size, name)


def _find_linker(vfs: Executables, task: Any, image: Image) -> tuple[MappedFile, Image] | None:
    path = image.interpreter
    if path is None:
        return None
    file = _open(
        vfs,
        task,
        path,
        f"{image.name}: its interpreter {fsdecode(path)} (see -L DIR and --root DIR)",
    )
    linker = _image(file, f"{fsdecode(path)}, the interpreter of {image.name},")
    if linker.bits != image.bits:
        raise LoadError(
            f"{image.name} has {image.bits} bits, its interpreter {fsdecode(path)} {linker.bits}",
            ELIBBAD,
        )
    return file, linker
