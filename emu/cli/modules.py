"""The files that are mapped as code: their symbols and source lines where they stand in memory.

A file is read once, when somebody asks, and so is the file that holds what was stripped of it. What
is mapped now, the caller says each time.
gdb's manual, "Separate Debug Files".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import NamedTuple

from emu.debug.guest import Named, SourceLine
from emu.errors import LoadError
from emu.load import elf
from emu.load.lines import Lines, Span, candidates
from emu.x86.paging import PAGE_MASK
from kernel_stub.mm.flags import PROT_EXEC
from kernel_stub.mm.regions import MappedFile, Region

Regions = Iterable[Region]


class Module(NamedTuple):
    """A file that is mapped as code, and how far its addresses are moved."""

    file: MappedFile
    bias: int


def layout_of(regions: Regions) -> tuple[tuple[int, bytes], ...]:
    """Which files stand where as code."""
    return tuple(
        (region.start, region.file.path)
        for region in regions
        if region.file is not None and region.prot & PROT_EXEC
    )


class Modules:
    """What is known of files, by path. `read_file` raises OSError."""

    def __init__(self, read_file: Callable[[bytes], bytes]) -> None:
        self._read_file = read_file
        self._symbols: dict[bytes, list[elf.Symbol]] = {}
        self._lines: dict[bytes, Lines] = {}
        self._biases: dict[tuple[bytes, int, int], int] = {}
        self._separate: dict[bytes, bytes | None] = {}

    def _mapped(self, regions: Regions) -> Iterator[Module]:
        seen: set[bytes] = set()
        for region in regions:
            file = region.file
            if file is not None and region.prot & PROT_EXEC and file.path not in seen:
                seen.add(file.path)
                yield Module(file, self._bias(region, file))

    def _bias(self, region: Region, file: MappedFile) -> int:
        key = file.path, region.start, region.offset
        if key not in self._biases:
            self._biases[key] = _bias(region, file)
        return self._biases[key]

    # ---- symbols

    def symbols(self, regions: Regions) -> Iterator[Named]:
        """Those of every file."""
        for file, bias in self._mapped(regions):
            module = file.path.decode("utf-8", "surrogateescape")
            for symbol in self._symbols_of(file):
                yield Named(symbol.name, symbol.address + bias, symbol.size, module)

    def _symbols_of(self, file: MappedFile) -> list[elf.Symbol]:
        known = self._symbols.get(file.path)
        if known is None:
            known = _symbols(_content(file))
            separate = self._separate_of(file)
            if separate is not None:
                known += _symbols(separate)
            self._symbols[file.path] = known
        return known

    def _separate_of(self, file: MappedFile) -> bytes | None:
        """The content of the file that holds what was stripped of `file`, if there is one."""
        if file.path not in self._separate:
            self._separate[file.path] = None
            path = file.path.decode("utf-8", "surrogateescape")
            for candidate in candidates(_content(file), path):
                try:
                    content = self._read_file(candidate.path.encode("utf-8", "surrogateescape"))
                except OSError:
                    continue
                if candidate.is_it(content):
                    self._separate[file.path] = content
                    break
        return self._separate[file.path]

    # ---- lines

    def _lines_of(self, file: MappedFile) -> Lines:
        known = self._lines.get(file.path)
        if known is None:
            known = Lines(_content(file))
            separate = None if known else self._separate_of(file)
            if separate is not None:
                known = Lines(separate)
            self._lines[file.path] = known
        return known

    def line_at(self, regions: Regions, address: int) -> SourceLine | None:
        """The source line at `address`."""
        for region in regions:
            if region.start <= address < region.end:
                file = region.file
                if file is None:
                    return None
                bias = self._bias(region, file)
                span = self._lines_of(file).at(address - bias)
                return None if span is None else _moved(span, bias)
        return None

    def lines_in(self, regions: Regions, is_wanted: Callable[[str], bool]) -> list[SourceLine]:
        """The statements of the source files that are wanted."""
        return [
            _moved(span, bias)
            for file, bias in self._mapped(regions)
            for span in self._lines_of(file).statements(is_wanted)
        ]

    def source_files(self, regions: Regions) -> list[str]:
        """All of every file."""
        found = {name for file, _ in self._mapped(regions) for name in self._lines_of(file).files()}
        return sorted(found)

    def lined(self, regions: Regions, base: int) -> list[tuple[int, int]]:
        """Where code with lines stands, but for the file that is mapped at `base`."""
        places = list(regions)
        left_out = {one.file.path for one in places if one.file and one.start == base}
        return [
            (low + bias, high + bias)
            for file, bias in self._mapped(places)
            if file.path not in left_out
            for low, high in self._lines_of(file).ranges()
        ]


def _moved(span: Span, bias: int) -> SourceLine:
    start, end = span.start + bias, span.end + bias
    return SourceLine(span.file, span.line, start, end, span.is_statement, span.is_assembly)


def _symbols(content: bytes) -> list[elf.Symbol]:
    try:
        return list(elf.symbols(BytesIO(content)))
    except LoadError:
        return []


def _content(file: MappedFile) -> bytes:
    return file.inode.read_at(0, file.inode.size)


def _bias(region: Region, file: MappedFile) -> int:
    """How far the file's addresses are moved, told from where `region` shows which part of it."""
    try:
        image = elf.read_elf(file.inode.read_at, file.inode.size, repr(file.path))
    except LoadError:
        return region.start - region.offset
    for segment in image.segments:
        if segment.flags & elf.PF_X and segment.offset & PAGE_MASK <= region.offset:
            moved = region.start - region.offset - (segment.vaddr - segment.offset)
            return moved & PAGE_MASK
    return 0
