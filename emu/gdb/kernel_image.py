"""The kernel as an ELF file that gdb can load: its code, its symbols, how to unwind it.

gdb takes no file of another word size than the program's, so for an i386 program the same is told
in 32 bits: addresses lose their high half, and registers get the numbers that i386 gives them. It
does not know what the kernel does.
elf(5); DWARF, "Call Frame Information"; System V ABI (AMD64 and Intel386), "DWARF Register Number
Mapping".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from struct import Struct
from typing import Final, NamedTuple

_LOW32: Final = (1 << 32) - 1
_ET_DYN, _ET_EXEC = 3, 2
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_ALLOC_EXEC: Final = 6
_GLOBAL_FUNCTION: Final = 0x12

# DWARF's numbers of the registers: from x86-64's to i386's. r8 to r15 are not there.
_I386_REGISTER: Final = {0: 0, 1: 2, 2: 1, 3: 3, 4: 6, 5: 7, 6: 5, 7: 4, 16: 8, 49: 9}


class _Class(NamedTuple):
    """How an ELF class writes its headers. The order of a symbol's fields is its own."""

    number: int
    machine: int
    header: Struct
    section: Struct
    symbol: Struct
    word: int


_CLASSES: Final = {
    64: _Class(2, 62, Struct("<HHIQQQIHHHHHH"), Struct("<2I4Q2I2Q"), Struct("<IBBHQQ"), 8),
    32: _Class(1, 3, Struct("<HHIIIIIHHHHHH"), Struct("<10I"), Struct("<IIIBBH"), 4),
}


class _Section(NamedTuple):
    name: str
    type: int
    content: bytes
    flags: int = 0
    address: int = 0
    link: int = 0
    info: int = 0
    align: int = 1
    entry_size: int = 0


def make(bits: int, address: int, code: bytes, symbols: Mapping[str, int], frames: bytes) -> bytes:
    """An ELF file of `bits` bits with `code` at `address`.

    `symbols` are in order of address; `frames` is a .debug_frame of x86-64, or empty.
    """
    kind = _CLASSES[bits]
    if bits == 32:
        address &= _LOW32
        symbols = {name: value & _LOW32 for name, value in symbols.items()}
        frames = narrow_frames(frames)
    names, table = _symbol_table(kind, symbols, address + len(code))
    sections = [
        _Section(".text", _PROGBITS, code, _ALLOC_EXEC, address, align=16),
        _Section(".debug_frame", _PROGBITS, frames, align=8),
        _Section(".symtab", _SYMTAB, table, link=4, info=1, align=8, entry_size=kind.symbol.size),
        _Section(".strtab", _STRTAB, names),
    ]
    return _file(kind, sections)


def _symbol_table(kind: _Class, symbols: Mapping[str, int], end: int) -> tuple[bytes, bytes]:
    """The strings and the symbols; each reaches to the next one."""
    names, table = b"\0", bytes(kind.symbol.size)
    places = sorted({*symbols.values(), end})
    ends = dict(pairwise(places))
    for name, value in symbols.items():
        size = ends.get(value, value) - value
        at = len(names)
        names += name.encode() + b"\0"
        fields = (at, _GLOBAL_FUNCTION, 0, 1, value, size)
        if kind.word == 4:
            fields = (at, value, size, _GLOBAL_FUNCTION, 0, 1)
        table += kind.symbol.pack(*fields)
    return names, table


def _file(kind: _Class, sections: list[_Section]) -> bytes:
    strings = b"\0" + b"".join(one.name.encode() + b"\0" for one in sections) + b".shstrtab\0"
    sections = [*sections, _Section(".shstrtab", _STRTAB, strings)]
    body, rows = b"", bytes(kind.section.size)
    first = 16 + kind.header.size
    for one in sections:
        body += bytes(-(first + len(body)) % 16)
        rows += kind.section.pack(
            strings.index(b"\0" + one.name.encode() + b"\0") + 1,
            one.type,
            one.flags,
            one.address,
            first + len(body),
            len(one.content),
            one.link,
            one.info,
            one.align,
            one.entry_size,
        )
        body += one.content
    body += bytes(-(first + len(body)) % 16)
    identity = b"\x7fELF" + bytes((kind.number, 1, 1)) + bytes(9)
    number = len(sections) + 1
    header = kind.header.pack(
        *(_ET_EXEC, kind.machine, 1, 0, 0, first + len(body), 0, first),
        *(0, 0, kind.section.size, number, number - 1),
    )
    return identity + header + body + rows


# ---- call frame information, from 64 bits to 32

_ENTRY_HEAD: Final = Struct("<II")  # length, CIE pointer or id
_CIE_ID: Final = 0xFFFF_FFFF
_RULES: Final = {  # opcode: its operands (r register, u LEB128, b block, 1 2 4 8 bytes as they are)
    0x00: "", 0x02: "1", 0x03: "2", 0x04: "4", 0x05: "ru", 0x06: "r", 0x07: "r", 0x08: "r",
    0x09: "rr", 0x0A: "", 0x0B: "", 0x0C: "ru", 0x0D: "r", 0x0E: "u", 0x0F: "b", 0x10: "rb",
    0x11: "ru", 0x12: "ru", 0x13: "u", 0x14: "ru", 0x16: "rb",
}  # fmt: skip  # the table of DWARF's instructions reads in rows
_ADVANCE, _OFFSET, _RESTORE = 0x40, 0x80, 0xC0
_OP_ADDR, _OP_BREG0 = 0x03, 0x70


def narrow_frames(frames: bytes) -> bytes:
    """A .debug_frame of x86-64 as one of i386."""
    out, places, at = b"", {}, 0
    while at + _ENTRY_HEAD.size <= len(frames):
        length, pointer = _ENTRY_HEAD.unpack_from(frames, at)
        body = frames[at + 8 : at + 4 + length]
        places[at] = len(out)
        out += _narrow_cie(body) if pointer == _CIE_ID else _narrow_fde(body, places[pointer])
        at += 4 + length
    return out


def _entry(pointer: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)  # DW_CFA_nop
    return _ENTRY_HEAD.pack(len(body) + 4, pointer) + body


def _narrow_cie(body: bytes) -> bytes:
    """Version, augmentation, factors, return register, then instructions."""
    start = body.index(b"\0", 1) + 1
    head = body[: start + 2]  # the two factors are one byte each
    return _entry(
        _CIE_ID, head + bytes((_I386_REGISTER[body[start + 2]],)) + _narrow(body[start + 3 :])
    )


def _narrow_fde(body: bytes, cie: int) -> bytes:
    """Address and size of the code, eight bytes each, then instructions."""
    return _entry(cie, body[:4] + body[8:12] + _narrow(body[16:]))


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        piece = self.content[self.at : self.at + count]
        self.at += count
        return piece

    def leb(self) -> bytes:
        start = self.at
        while self.content[self.at] & 0x80:
            self.at += 1
        self.at += 1
        return self.content[start : self.at]


def _narrow(instructions: bytes) -> bytes:
    """Call frame instructions with i386's registers; rules of registers it lacks are dropped."""
    reader, out = _Reader(instructions), b""
    while reader.at < len(instructions):
        (opcode,) = reader.take(1)
        high, low = opcode & 0xC0, opcode & 0x3F
        if high in (_OFFSET, _RESTORE):
            rest = reader.leb() if high == _OFFSET else b""
            if low in _I386_REGISTER:
                out += bytes((high | _I386_REGISTER[low],)) + rest
        elif high == _ADVANCE:
            out += bytes((opcode,))
        else:
            out += _narrow_rule(opcode, reader)
    return out


def _narrow_rule(opcode: int, reader: _Reader) -> bytes:
    rule, is_there = bytes((opcode,)), True
    for operand in _RULES[opcode]:
        if operand == "r":
            number = reader.leb()[0]
            is_there = is_there and number in _I386_REGISTER
            rule += bytes((_I386_REGISTER.get(number, 0),))
        elif operand == "u":
            rule += reader.leb()
        elif operand == "b":
            block = _narrow_expression(reader.take(reader.leb()[0]))
            rule += bytes((len(block),)) + block
        else:
            rule += reader.take(int(operand))
    return rule if is_there else b""


def _narrow_expression(expression: bytes) -> bytes:
    """The forms that entry code uses begin with an address, or a register and an offset."""
    if expression[0] == _OP_ADDR:
        return expression[:5] + expression[9:]
    number = expression[0] - _OP_BREG0
    assert number in _I386_REGISTER, f"no rule for the expression {expression.hex()}"
    return bytes((_OP_BREG0 + _I386_REGISTER[number],)) + expression[1:]
