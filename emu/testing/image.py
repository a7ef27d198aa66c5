"""Programs and kernels of the user's, as ELF files: content, image and symbols.

It reads and checks; where the segments go, memory.py does. Executable and Linking Format, elf(5).
"""

from __future__ import annotations

import io
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple, TypeAlias

from emu.errors import LoadError
from emu.load.elf import Image, read_elf_bytes, symbols

# An ELF file: its path, or its content.
File: TypeAlias = "str | PathLike[str] | bytes"

_KERNEL_32 = (
    "{name} is a 32-bit kernel, which needs a processor outside of long mode; here it is always in "
    "long mode. Build it for x86-64: the programs it runs may be of 32 bits (asm(..., bits=32))"
)


class Loaded(NamedTuple):
    """An ELF file that can be mapped."""

    image: Image
    content: bytes
    symbols: dict[str, int]


def read(file: File, kernel: bool) -> Loaded:
    """Reads an ELF file. Raises LoadError: it is missing, damaged, or made for another machine."""
    name, content = _content(file)
    image = read_elf_bytes(content, name, kernel)
    if kernel and image.bits != 64:
        raise LoadError(_KERNEL_32.format(name=name))
    if image.interpreter is not None:
        raise LoadError(f"{name} is linked dynamically: link it with -static")
    found = {
        symbol.name: symbol.address
        for symbol in symbols(io.BytesIO(content))
        if _is_within(image, symbol.address)  # others are numbers that have a name
    }
    return Loaded(image, content, found)


def _is_within(image: Image, address: int) -> bool:
    return any(one.vaddr <= address <= one.vaddr + one.memsz for one in image.segments)


def _content(file: File) -> tuple[str, bytes]:
    if isinstance(file, bytes):
        return "the ELF file given as bytes", file
    try:
        return fspath(file), Path(file).read_bytes()
    except OSError as error:
        raise LoadError(f"{fspath(file)} cannot be read: {error.strerror}") from None
