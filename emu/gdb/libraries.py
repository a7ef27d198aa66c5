"""What the dynamic linker has loaded: its list of link maps, read from the program's memory.

The list is the program's own and may be damaged or not made yet: what cannot be read is not there.
System V ABI, "Dynamic Linking"; elf(5); dl_iterate_phdr(3); link.h: `struct r_debug`.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, iter_unpack
from typing import Final

from emu.gdb.target import Library

ReadMemory = Callable[[int, int], bytes]

_AT_PHDR, _AT_PHENT, _AT_PHNUM, _AT_BASE = 3, 4, 5, 7
_PT_DYNAMIC, _PT_INTERP, _PT_PHDR = 2, 3, 6
_DT_NULL, _DT_DEBUG = 0, 21
_MOST_LIBRARIES: Final = 1024
_MOST_ENTRIES: Final = 256
_LONGEST_NAME: Final = 4096
# Per class: a word; a program header, and where the address stands in it.
_WORDS: Final = {64: Struct("<Q"), 32: Struct("<I")}
_HEADERS: Final = {64: (Struct("<2I6Q"), 3), 32: (Struct("<8I"), 2)}
# Where e_phoff and e_phnum stand in the ELF header.
_ELF_FIELDS: Final = {64: (32, 56), 32: (28, 44)}


class _Gone(Exception):
    """Memory that should hold something is not there."""


class _Memory:
    def __init__(self, read: ReadMemory, bits: int) -> None:
        self._read = read
        self._word = _WORDS[bits]
        self._header, self._vaddr_at = _HEADERS[bits]
        self._offset_at, self._number_at = _ELF_FIELDS[bits]
        self.word_size = self._word.size
        self.header_size = self._header.size

    def content(self, address: int, size: int) -> bytes:
        found = self._read(address, size)
        if len(found) < size:
            raise _Gone(address)
        return found

    def words(self, address: int, count: int) -> list[int]:
        content = self.content(address, count * self._word.size)
        return [word for (word,) in self._word.iter_unpack(content)]

    def segments(self, address: int, number: int) -> dict[int, int]:
        """The addresses of segments by type, from the program headers at `address`."""
        table = self.content(address, min(number, _MOST_ENTRIES) * self._header.size)
        return {row[0]: row[self._vaddr_at] for row in self._header.iter_unpack(table)}

    def program_headers(self, image: int) -> tuple[int, int]:
        """Offset and number of the program headers, from the ELF header at `image`."""
        (offset,) = self._word.unpack(self.content(image + self._offset_at, self._word.size))
        number = int.from_bytes(self.content(image + self._number_at, 2), "little")
        return offset, number

    def string(self, address: int) -> str:
        text = self._read(address, _LONGEST_NAME)
        return text.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def loaded(read: ReadMemory, auxv: bytes, bits: int) -> list[Library]:
    """The program (without a name) and what the dynamic linker has loaded for it.

    Before the linker has made its list, that is the linker itself.
    """
    memory = _Memory(read, bits)
    word = {64: "<QQ", 32: "<II"}[bits]
    size = Struct(word).size
    values = dict(iter_unpack(word, auxv[: len(auxv) // size * size]))
    try:
        segments = _segments(memory, values)
        first = _first_link_map(memory, values, segments)
        if first:
            return _walk(memory, first)
        return _linker(memory, values, segments)
    except _Gone:
        return []


def _segments(memory: _Memory, values: dict[int, int]) -> dict[int, int]:
    number = values.get(_AT_PHNUM, 0)
    if values.get(_AT_PHENT) != memory.header_size or not number:
        raise _Gone(0)
    return memory.segments(values[_AT_PHDR], number)


def _bias(values: dict[int, int], segments: dict[int, int]) -> int:
    return values[_AT_PHDR] - segments.get(_PT_PHDR, values[_AT_PHDR])


def _first_link_map(memory: _Memory, values: dict[int, int], segments: dict[int, int]) -> int:
    """The address of the first link map; 0 before there is one."""
    if _PT_DYNAMIC not in segments:
        return 0
    dynamic = segments[_PT_DYNAMIC] + _bias(values, segments)
    size = 2 * memory.word_size
    for number in range(_MOST_ENTRIES):
        tag, value = memory.words(dynamic + number * size, 2)
        if tag == _DT_NULL:
            return 0
        if tag == _DT_DEBUG:
            return memory.words(value, 2)[1] if value else 0
    return 0


def _walk(memory: _Memory, first: int) -> list[Library]:
    found: list[Library] = []
    at = first
    while at and len(found) < _MOST_LIBRARIES:
        bias, name, dynamic, following = memory.words(at, 4)
        text = memory.string(name) if at != first else ""
        if text or at == first:  # the vDSO has an empty name too
            found.append(Library(text, at, bias, dynamic))
        at = following
    return found


def _linker(memory: _Memory, values: dict[int, int], segments: dict[int, int]) -> list[Library]:
    """The dynamic linker, which stands at AT_BASE with its ELF header first."""
    base = values.get(_AT_BASE, 0)
    if not base or _PT_INTERP not in segments:
        return []
    name = memory.string(segments[_PT_INTERP] + _bias(values, segments))
    offset, number = memory.program_headers(base)
    dynamic = memory.segments(base + offset, number).get(_PT_DYNAMIC, 0)
    return [Library(name, 0, base, base + dynamic)]
