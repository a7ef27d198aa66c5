"""ELF files: what a loader must know of one, and every reason to refuse it.

The only door to elftools. A program starts after two small structures were read, so those two are
declared here; elftools (tens of milliseconds to import) is asked late, for symbols and for the
names of foreign machines. It maps nothing and does not know where a program will lie.
System V ABI, "Object Files" and "Program Loading"; elf(5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from struct import Struct
from typing import IO, Any, Final, NamedTuple, TypeAlias

from emu.errors import LoadError
from emu.x86.paging import PAGE_SIZE

ReadAt: TypeAlias = Callable[[int, int], bytes]  # (offset, size) -> what is there, maybe less

MAGIC: Final = b"\x7fELF"
ELFCLASS32, ELFCLASS64 = 1, 2
ELFDATA2LSB, ELFDATA2MSB = 1, 2
EV_CURRENT: Final = 1
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_386, EM_486, EM_X86_64 = 3, 6, 62
PT_LOAD, PT_INTERP, PT_GNU_STACK = 1, 3, 0x6474E551
PF_X, PF_W, PF_R = 1, 2, 4
PROGRAM_HEADERS_LIMIT: Final = PAGE_SIZE  # bytes; Linux refuses more
INTERPRETER_LIMIT: Final = 4096  # PATH_MAX

_IDENT: Final = Struct("<4s3B9x")
_MACHINE_OFFSET: Final = 18
# Both classes hold the same fields of the header; those of a program header come in another order.
_HEADERS: Final = {32: Struct("<HHIIIIIHHHHHH"), 64: Struct("<HHIQQQIHHHHHH")}
_PROGRAM_HEADERS: Final = {32: Struct("<8I"), 64: Struct("<2I6Q")}
# Where Segment's fields stand in each; p_paddr is left out.
_PROGRAM_HEADER_ORDER: Final = {32: (0, 6, 1, 2, 4, 5, 7), 64: (0, 1, 2, 3, 5, 6, 7)}
_BITS: Final = {ELFCLASS32: 32, ELFCLASS64: 64}
# Where a program may lie: below 4 GiB, or in the lower canonical half.
_ADDRESS_LIMITS: Final = {32: 1 << 32, 64: 1 << 47}
_MACHINES: Final = {32: (EM_386, EM_486), 64: (EM_X86_64,)}
_NO_PROGRAMS: Final = {
    ET_REL: "is an object file, not a program: link it first",
    ET_CORE: "is a core dump, not a program: give the program that dumped it",
}


class Segment(NamedTuple):
    """One program header."""

    type: int
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


class ProgramHeaders(NamedTuple):
    """Where the program headers lie. `vaddr` is 0 where no segment holds them."""

    vaddr: int
    offset: int
    entry_size: int
    number: int


class Image(NamedTuple):
    """A program that can be loaded. `stack_flags` is None without a PT_GNU_STACK."""

    name: str
    bits: int
    machine: int
    type: int
    entry: int
    segments: tuple[Segment, ...]  # those to load, in the file's order
    interpreter: bytes | None
    program_headers: ProgramHeaders
    stack_flags: int | None

    @property
    def is_position_independent(self) -> bool:
        return self.type == ET_DYN


class Symbol(NamedTuple):
    """A name for `size` bytes at `address`, as the linker counts addresses."""

    name: str
    address: int
    size: int


class _Header(NamedTuple):
    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


def read_elf_bytes(content: bytes, name: str, kernel: bool = False) -> Image:
    """`read_elf` of a file whose content is at hand."""
    return read_elf(
        lambda offset, size: content[offset : offset + size], len(content), name, kernel
    )


def read_elf(read_at: ReadAt, size: int, name: str, kernel: bool = False) -> Image:
    """The image in a file of `size` bytes, read through `read_at`; `name` is for the messages.

    With `kernel` its segments may lie in the upper half.

    Raises:
        LoadError: the file is no program that this machine can load; the sentence says why.
    """
    bits, header = _read_header(read_at, size, name)
    _check_header(header, bits, name)
    headers = _read_program_headers(read_at, size, header, bits, name)
    segments = tuple(segment for segment in headers if segment.type == PT_LOAD)
    limit = 1 << bits if kernel else _ADDRESS_LIMITS[bits]
    _check_segments(segments, bits, size, name, limit)
    stack = [segment.flags for segment in headers if segment.type == PT_GNU_STACK]
    return Image(
        name=name,
        bits=bits,
        machine=header.machine,
        type=header.type,
        entry=header.entry,
        segments=segments,
        interpreter=_read_interpreter(read_at, size, headers, name),
        program_headers=_place_of_program_headers(header, segments),
        stack_flags=stack[-1] if stack else None,
    )


def _truncated(name: str, what: str, end: int, size: int) -> LoadError:
    return LoadError(f"{name} is truncated: {what} ends at byte {end}, the file at byte {size}")


def _read_header(read_at: ReadAt, size: int, name: str) -> tuple[int, _Header]:
    """The file's class in bits, and its ELF header."""
    head = read_at(0, _IDENT.size + _HEADERS[64].size)
    if not head:
        raise LoadError(f"{name} is empty: give an ELF program")
    if not head.startswith(MAGIC[: len(head)]):
        raise LoadError(f"{name} is not an ELF file: its first bytes are {head[:4]!r}")
    if len(head) < _IDENT.size:
        raise _truncated(name, "its ELF identification", _IDENT.size, size)
    bits = _check_ident(head, name)
    layout = _HEADERS[bits]
    if len(head) < _IDENT.size + layout.size:
        raise _truncated(name, "its ELF header", _IDENT.size + layout.size, size)
    return bits, _Header._make(layout.unpack_from(head, _IDENT.size))


def _check_ident(head: bytes, name: str) -> int:
    """The file's class in bits, if its identification is that of a little-endian file."""
    _, elf_class, byte_order, version = _IDENT.unpack_from(head)
    if byte_order == ELFDATA2MSB:
        machine = int.from_bytes(head[_MACHINE_OFFSET : _MACHINE_OFFSET + 2], "big")
        raise LoadError(
            f"{name} is a big-endian program for {_machine_name(machine)}: "
            "this machine runs x86 programs, which are little-endian"
        )
    if elf_class not in _BITS or byte_order != ELFDATA2LSB or version != EV_CURRENT:
        raise LoadError(
            f"{name} has a damaged ELF identification: "
            f"class {elf_class}, byte order {byte_order}, version {version}"
        )
    return _BITS[elf_class]


def _check_header(header: _Header, bits: int, name: str) -> None:
    if header.machine not in _MACHINES[bits]:
        raise LoadError(
            f"{name} is a {bits}-bit program for {_machine_name(header.machine)}: "
            "this machine runs x86_64 and i386 programs"
        )
    if header.type in _NO_PROGRAMS:
        raise LoadError(f"{name} {_NO_PROGRAMS[header.type]}")
    if header.type not in (ET_EXEC, ET_DYN):
        raise LoadError(f"{name} has the unknown ELF type {header.type}: it is no program")
    expected = _PROGRAM_HEADERS[bits].size
    if header.phnum and header.phentsize != expected:
        raise LoadError(
            f"{name} has program headers of {header.phentsize} bytes where {expected} are expected"
        )
    if not header.phnum:
        raise LoadError(f"{name} has no program headers: there is nothing to load")
    if header.phnum * expected > PROGRAM_HEADERS_LIMIT:
        raise LoadError(
            f"{name} has {header.phnum} program headers: "
            f"at most {PROGRAM_HEADERS_LIMIT // expected} are allowed"
        )


def _read_program_headers(
    read_at: ReadAt, size: int, header: _Header, bits: int, name: str
) -> list[Segment]:
    layout = _PROGRAM_HEADERS[bits]
    length = header.phnum * layout.size
    table = read_at(header.phoff, length) if header.phoff + length <= size else b""
    if len(table) < length:
        raise _truncated(name, "its table of program headers", header.phoff + length, size)
    order = _PROGRAM_HEADER_ORDER[bits]
    return [Segment._make(fields[i] for i in order) for fields in layout.iter_unpack(table)]


def _check_segments(
    segments: tuple[Segment, ...], bits: int, size: int, name: str, limit: int
) -> None:
    if not any(segment.memsz for segment in segments):
        raise LoadError(f"{name} has no segment to load")
    for number, segment in enumerate(segments):
        what = f"segment {number} (at {segment.vaddr:#x})"
        _check_segment(segment, what, bits, size, name, limit)
    ordered = sorted(segments, key=lambda segment: segment.vaddr)
    for below, above in pairwise(ordered):
        if below.vaddr + below.memsz > above.vaddr:
            raise LoadError(
                f"{name} has overlapping segments: {below.memsz:#x} bytes at {below.vaddr:#x} "
                f"reach into the one at {above.vaddr:#x}"
            )


def _check_segment(
    segment: Segment, what: str, bits: int, size: int, name: str, limit: int
) -> None:
    end = segment.vaddr + segment.memsz
    if end > 1 << bits:
        raise LoadError(f"{name}: {what} wraps round the end of the address space")
    if end > limit:
        raise LoadError(f"{name}: {what} of {segment.memsz:#x} bytes reaches the kernel's half")
    if segment.filesz > segment.memsz:
        raise LoadError(
            f"{name}: {what} has {segment.filesz:#x} bytes in the file "
            f"but only {segment.memsz:#x} in memory"
        )
    if segment.offset + segment.filesz > size:
        raise _truncated(name, what, segment.offset + segment.filesz, size)
    if segment.align & (segment.align - 1):
        raise LoadError(f"{name}: {what} has the alignment {segment.align:#x}, no power of two")
    if (segment.vaddr - segment.offset) % PAGE_SIZE and segment.filesz:
        raise LoadError(
            f"{name}: {what} comes from offset {segment.offset:#x}, "
            "which does not lie in a page as its address does"
        )


def _read_interpreter(
    read_at: ReadAt, size: int, headers: list[Segment], name: str
) -> bytes | None:
    """The path in the first PT_INTERP, as Linux takes it."""
    for segment in headers:
        if segment.type != PT_INTERP:
            continue
        if not 2 <= segment.filesz <= INTERPRETER_LIMIT:
            raise LoadError(
                f"{name} names its interpreter in {segment.filesz} bytes: 2 to 4096 are allowed"
            )
        if segment.offset + segment.filesz > size:
            raise _truncated(name, "its interpreter's path", segment.offset + segment.filesz, size)
        path = read_at(segment.offset, segment.filesz)
        if not path.endswith(b"\0"):
            raise LoadError(f"{name} names an interpreter without a terminating NUL")
        return path.partition(b"\0")[0]
    return None


def _place_of_program_headers(header: _Header, segments: tuple[Segment, ...]) -> ProgramHeaders:
    vaddr = 0
    for segment in segments:
        if segment.offset <= header.phoff < segment.offset + segment.filesz:
            vaddr = header.phoff - segment.offset + segment.vaddr
            break
    return ProgramHeaders(vaddr, header.phoff, header.phentsize, header.phnum)


def _machine_name(machine: int) -> str:
    """What people call the machine with the number `machine` of e_machine."""
    from elftools.elf.descriptions import describe_e_machine
    from elftools.elf.enums import ENUM_E_MACHINE

    if machine == EM_X86_64:
        return "x86_64 in 32-bit form (x32)"
    for key, number in ENUM_E_MACHINE.items():
        if number == machine:
            known: str = describe_e_machine(key)
            return known if known != "<unknown>" else key.removeprefix("EM_")
    return f"the unknown machine number {machine}"


def symbols(stream: IO[bytes]) -> Iterator[Symbol]:
    """The named functions and objects of an ELF file, from every symbol table it has.

    Raises:
        LoadError: elftools cannot read the file.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    try:
        for section in ELFFile(stream).iter_sections():
            if isinstance(section, SymbolTableSection):
                yield from _named(section.iter_symbols())
    except ELFError as error:
        raise LoadError(f"the symbols cannot be read: {error}") from None


def text_of_object(stream: IO[bytes]) -> bytes:
    """What an assembler put into `.text` of an object file that needs no linker.

    Raises:
        LoadError: something in it must be linked.
    """
    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection

    file: Any = ELFFile(stream)
    for section in file.iter_sections():
        if isinstance(section, RelocationSection) and section.num_relocations():
            number = section.get_relocation(0)["r_info_sym"]
            name = file.get_section(section["sh_link"]).get_symbol(number).name
            raise LoadError(f"only a linker knows the address of {name or 'a label'}")
    text: bytes = file.get_section_by_name(".text").data()
    return text


def _named(entries: Iterator[Any]) -> Iterator[Symbol]:
    for entry in entries:
        defined = entry["st_shndx"] not in ("SHN_UNDEF", "SHN_ABS")  # an SHN_ABS is no address
        if (
            entry.name
            and defined
            and entry["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
        ):
            yield Symbol(entry.name, entry["st_value"], entry["st_size"])
