"""Source lines of an ELF file: which line an instruction is of, and where a line's code stands.

The second door to elftools, asked late and unit by unit: a unit's table is decoded when an address
or a file of it is wanted. Addresses are the linker's. It reads no source, maps nothing, and does
not know which file of the host holds what was stripped, only what it may be called.
DWARF 5, "Line Number Information", "Range List Tables"; gdb's manual, "Separate Debug Files".
"""

from __future__ import annotations

import os.path
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zlib import crc32

DEBUG_DIRECTORY: Final = "/usr/lib/debug"
_ASSEMBLERS: Final = (0x8001,)  # DW_LANG_Mips_Assembler, which GNU as writes for every processor
_TOP_INDEX: Final = 5  # DWARF 5 counts files and directories from 0
_LINK_ALIGNMENT: Final = 4

_start: Final = attrgetter("start")


class Span(NamedTuple):
    """Instructions from `start` up to `end` that come from one line.

    `is_statement`: `start` is a good place to stop for the line. `is_assembly`: the line is an
    instruction, so no function has a prologue that a compiler made.
    """

    start: int
    end: int
    file: str
    line: int
    is_statement: bool
    is_assembly: bool = False


class Candidate(NamedTuple):
    """A file that may hold what was stripped. `crc`: that of its content; None: its name tells."""

    path: str
    crc: int | None = None

    def is_it(self, content: bytes) -> bool:
        """Whether a file with `content` is the one."""
        return self.crc is None or crc32(content) == self.crc


class _Unit:
    """One compilation unit; its table is decoded once."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self._dwarf = dwarf
        self._unit = unit
        self._top = unit.get_top_DIE()
        self._program = dwarf.line_program_for_CU(unit)
        self.ranges = list(self._ranges())
        self.spans: list[Span] | None = None if self._program else []
        self._names: list[str] | None = None

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """The addresses of its code; none if it does not say."""
        attributes = self._top.attributes
        low = attributes["DW_AT_low_pc"].value if "DW_AT_low_pc" in attributes else 0
        if "DW_AT_high_pc" in attributes:
            high = attributes["DW_AT_high_pc"]
            yield low, high.value if high.form == "DW_FORM_addr" else low + high.value
        elif "DW_AT_ranges" in attributes:
            lists = self._dwarf.range_lists()
            for entry in lists.get_range_list_at_offset(
                attributes["DW_AT_ranges"].value, self._unit
            ):
                if hasattr(entry, "base_address"):
                    low = entry.base_address
                    continue
                base = 0 if getattr(entry, "is_absolute", False) else low
                yield base + entry.begin_offset, base + entry.end_offset

    def files(self) -> list[str]:
        """The files that its table names, by their number there."""
        if self._names is None:
            self._names = self._named() if self._program is not None else []
        return self._names

    def _named(self) -> list[str]:
        header, attributes = self._program.header, self._top.attributes
        is_new = header["version"] >= _TOP_INDEX
        comp = _text(attributes["DW_AT_comp_dir"].value) if "DW_AT_comp_dir" in attributes else ""
        listed = [_text(one) for one in header.get("include_directory", ())]
        folders = listed if is_new else [comp, *listed]
        names = [] if is_new else [""]
        for entry in header["file_entry"]:
            folder = folders[entry.dir_index] if entry.dir_index < len(folders) else ""
            names.append(os.path.normpath(os.path.join(comp, folder, _text(entry.name))))
        return names

    def decoded(self) -> list[Span]:
        """Its spans, by address."""
        if self.spans is None:
            files = self.files()
            language = self._top.attributes.get("DW_AT_language")
            is_assembly = language is not None and language.value in _ASSEMBLERS
            entries = (entry.state for entry in self._program.get_entries())
            states = [state for state in entries if state is not None]
            self.spans = sorted(_spans(states, files, is_assembly), key=_start)
        return self.spans


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _spans(states: list[Any], files: list[str], is_assembly: bool) -> Iterator[Span]:
    """What the rows of a line program say, sequence by sequence; dropped sections left out."""
    sequence: list[Any] = []
    for state in states:
        sequence.append(state)
        if state.end_sequence:
            if sequence[0].address:  # the linker gives 0 to what it drops
                yield from _of_sequence(sequence, files, is_assembly)
            sequence = []


def _of_sequence(sequence: list[Any], files: list[str], is_assembly: bool) -> Iterator[Span]:
    """Of several rows for one address the last one counts, a statement before all others."""
    best = sequence[0]
    for state in sequence[1:]:
        if state.address == best.address:
            if state.is_stmt or not best.is_stmt:
                best = state
            continue
        if 0 <= best.file < len(files) and best.line:
            file, statement = files[best.file], bool(best.is_stmt)
            yield Span(best.address, state.address, file, best.line, statement, is_assembly)
        best = state


class Lines:
    """The source lines of one file. Damaged tables are as good as none."""

    def __init__(self, content: bytes) -> None:
        self._units: list[_Unit] = []
        self._spans: dict[int, list[Span]] = {}
        self._read(content)

    def _read(self, content: bytes) -> None:
        from elftools.elf.elffile import ELFFile

        def read() -> None:
            file = ELFFile(BytesIO(content))
            if file.has_dwarf_info() and file.get_section_by_name(".debug_line") is not None:
                dwarf: Any = file.get_dwarf_info(relocate_dwarf_sections=False)
                for unit in dwarf.iter_CUs():
                    self._units.append(_Unit(dwarf, unit))

        _whatever_is_damaged(read)

    def __bool__(self) -> bool:
        return bool(self._units)

    def _decoded(self, unit: _Unit) -> list[Span]:
        found: list[Span] = []
        _whatever_is_damaged(lambda: found.extend(unit.decoded()))
        return found

    def at(self, address: int) -> Span | None:
        """The span that holds `address`."""
        for unit in self._units:
            if unit.ranges and not any(low <= address < high for low, high in unit.ranges):
                continue
            spans = self._decoded(unit)
            index = bisect_right(spans, address, key=_start) - 1
            if index >= 0 and spans[index].start <= address < spans[index].end:
                return spans[index]
        return None

    def ranges(self) -> list[tuple[int, int]]:
        """Where code with lines stands: first address, and the one behind the last."""
        found = []
        for unit in self._units:
            spans = unit.ranges or [(span.start, span.end) for span in self._decoded(unit)]
            found += [(low, high) for low, high in spans if low < high]
        return found

    def files(self) -> list[str]:
        """Every file that has lines, in the order of the alphabet."""
        return sorted({name for unit in self._units for name in _files(unit) if name})

    def statements(self, is_wanted: Callable[[str], bool]) -> list[Span]:
        """The statements of all files whose name is wanted, by address."""
        found: list[Span] = []
        for unit in self._units:
            if any(map(is_wanted, _files(unit))):
                found += [
                    span
                    for span in self._decoded(unit)
                    if span.is_statement and is_wanted(span.file)
                ]
        return sorted(found, key=_start)


def _files(unit: _Unit) -> list[str]:
    found: list[str] = []
    _whatever_is_damaged(lambda: found.extend(unit.files()))
    return found


def _whatever_is_damaged(read: Callable[[], None]) -> None:
    """`read`, as far as it comes: elftools raises many things where a table is damaged."""
    from elftools.common.exceptions import DWARFError, ELFError
    from elftools.construct import ConstructError

    damages = (ELFError, DWARFError, ConstructError, LookupError, ValueError, TypeError)
    try:
        read()
    except (*damages, AssertionError, AttributeError, OverflowError, EOFError):
        return


def candidates(content: bytes, path: str) -> list[Candidate]:
    """Where what was stripped of the file at `path` may be, the likeliest first."""
    found: list[Candidate] = []
    _whatever_is_damaged(lambda: found.extend(_candidates(content, path)))
    return found


def _candidates(content: bytes, path: str) -> Iterable[Candidate]:
    from elftools.elf.elffile import ELFFile

    file: Any = ELFFile(BytesIO(content))
    note = file.get_section_by_name(".note.gnu.build-id")
    if note is not None:
        for entry in note.iter_notes():
            name = str(entry["n_desc"])
            yield Candidate(f"{DEBUG_DIRECTORY}/.build-id/{name[:2]}/{name[2:]}.debug")
    link = file.get_section_by_name(".gnu_debuglink")
    if link is not None:
        data: bytes = link.data()
        name = _text(data.partition(b"\0")[0])
        crc = int.from_bytes(data[-_LINK_ALIGNMENT:], "little")
        folder = os.path.dirname(path)
        for place in (folder, f"{folder}/.debug", DEBUG_DIRECTORY + folder):
            yield Candidate(f"{place}/{name}", crc)
