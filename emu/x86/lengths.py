"""How long an instruction is: the opcode maps as far as they tell the bytes behind the opcode.

It knows prefixes, ModRM, SIB, displacements and immediates; it does not know what an instruction
does, nor whether a processor has it. Where lengths depend on the vendor (66 before a near branch in
64-bit mode), they are AMD's, as the engine takes them.
SDM 2A, "Instruction Format"; SDM 2D, "Opcode Map"; APM 3, "Opcode and Operand Encodings".
"""

from __future__ import annotations

from typing import Final

from emu.x86.instructions import LONGEST, opcode_at

_OPERAND_SIZE, _ADDRESS_SIZE = 0x66, 0x67

# What stands behind an opcode. Z: an immediate of the operand size, four bytes at most.
_MODRM, _BYTE, _WORD, _Z = 1, 2, 4, 8
_V: Final = 16  # an immediate of the operand size, up to eight bytes
_ADDRESS: Final = 32  # an offset as wide as an address
_GROUP3: Final = 64  # F6, F7: an immediate for TEST only
_CONTROL: Final = 128  # MOV to and from control and debug registers: ModRM names registers only
_NOT_LONG: Final = 256  # not in 64-bit mode


def _one_byte() -> list[int]:
    kinds = [0] * 256
    for base in range(0x00, 0x40, 8):
        kinds[base : base + 6] = [_MODRM] * 4 + [_BYTE, _Z]
    rows: tuple[tuple[int, tuple[int, ...]], ...] = (
        (_MODRM, (0x62, 0x63, *range(0x84, 0x90), 0xC4, 0xC5, *range(0xD0, 0xD4), 0xFE, 0xFF)),
        (_MODRM, tuple(range(0xD8, 0xE0))),
        (_MODRM | _BYTE, (0x6B, 0x80, 0x82, 0x83, 0xC0, 0xC1, 0xC6)),
        (_MODRM | _Z, (0x69, 0x81, 0xC7)),
        (_BYTE, (0x6A, *range(0x70, 0x80), 0xA8, *range(0xB0, 0xB8), 0xCD, 0xD4, 0xD5)),
        (_BYTE, (*range(0xE0, 0xE8), 0xEB)),
        (_Z, (0x68, 0xA9, 0xE8, 0xE9)),
        (_V, tuple(range(0xB8, 0xC0))),
        (_WORD, (0xC2, 0xCA)),
        (_WORD | _BYTE, (0xC8,)),
        (_ADDRESS, tuple(range(0xA0, 0xA4))),
        (_Z | _WORD | _NOT_LONG, (0x9A, 0xEA)),
        (_MODRM | _BYTE | _GROUP3, (0xF6,)),
        (_MODRM | _Z | _GROUP3, (0xF7,)),
    )
    return _filled(kinds, rows)


def _two_byte() -> list[int]:
    rows: tuple[tuple[int, tuple[int, ...]], ...] = (
        (0, (*range(0x04, 0x0D), 0x0E, *range(0x30, 0x38), 0x77, 0xA0, 0xA1, 0xA2)),
        (0, (0xA8, 0xA9, 0xAA, *range(0xC8, 0xD0))),
        (_Z, tuple(range(0x80, 0x90))),
        (_CONTROL, tuple(range(0x20, 0x24))),
        (_MODRM | _BYTE, (0x0F, *range(0x70, 0x74), 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6)),
    )
    return _filled([_MODRM] * 256, rows)


def _filled(kinds: list[int], rows: tuple[tuple[int, tuple[int, ...]], ...]) -> list[int]:
    for kind, opcodes in rows:
        for opcode in opcodes:
            kinds[opcode] = kind
    return kinds


_ONE_BYTE: Final = _one_byte()
_TWO_BYTE: Final = _two_byte()
_THREE_BYTE: Final = {0x38: _MODRM, 0x3A: _MODRM | _BYTE}
_VEX_MAPS: Final = {2: _MODRM, 3: _MODRM | _BYTE}


class _Sizes:
    """What prefixes say of one instruction."""

    __slots__ = ("address", "long", "operand")

    def __init__(self, code: bytes, start: int, end: int, long: bool) -> None:
        prefixes = code[start:end]
        self.long = long
        self.operand = 2 if _OPERAND_SIZE in prefixes else 4
        self.address = 8 if long else 4
        if _ADDRESS_SIZE in prefixes:
            self.address //= 2
        if long and prefixes and prefixes[-1] & 0xF8 == 0x48:
            self.operand = 8


def length(code: bytes, start: int, long: bool) -> int | None:
    """The length of the instruction at `code[start]`, or None where the bytes end before it does.

    `long`: in 64-bit mode; otherwise in a 32-bit segment.
    """
    try:
        end = _end(code, start, long)
    except IndexError:
        return None
    return end - start if end <= len(code) and end - start <= LONGEST else None


def starts(code: bytes, long: bool, last: int) -> list[int] | None:
    """Where the instructions of `code` start, and where the one ends that holds the byte `last`.

    None if the bytes up to there are no instructions.
    """
    found, at = [0], 0
    while at <= last:
        size = length(code, at, long)
        if size is None:
            return None
        at += size
        found.append(at)
    return found


def _end(code: bytes, start: int, long: bool) -> int:
    at = opcode_at(code, start, long)
    sizes = _Sizes(code, start, at, long)
    opcode = code[at]
    if opcode in (0xC4, 0xC5) and (long or code[at + 1] >= 0xC0):
        kind, at = _vex(code, at)
    elif opcode == 0x0F:
        kind, at = _escaped(code, at + 1)
    else:
        kind, at = _ONE_BYTE[opcode], at + 1
    if kind & _CONTROL:
        return at + 1
    if kind & _GROUP3 and code[at] >> 3 & 6:
        kind = _MODRM
    if kind & _MODRM:
        at = _behind_modrm(code, at, sizes.address)
    return at + _immediates(kind, sizes)


def _vex(code: bytes, at: int) -> tuple[int, int]:
    """What follows a VEX prefix's opcode, and where."""
    if code[at] == 0xC5:
        return _TWO_BYTE[code[at + 2]], at + 3
    return _VEX_MAPS.get(code[at + 1] & 0x1F, _TWO_BYTE[code[at + 3]]), at + 4


def _escaped(code: bytes, at: int) -> tuple[int, int]:
    """What follows the opcode behind 0F, and where."""
    kind = _THREE_BYTE.get(code[at])
    return (_TWO_BYTE[code[at]], at + 1) if kind is None else (kind, at + 2)


def _behind_modrm(code: bytes, at: int, address_size: int) -> int:
    """Behind ModRM, SIB and displacement."""
    mod, rm = code[at] >> 6, code[at] & 7
    if mod == 3:
        return at + 1
    if address_size == 2:
        return at + 1 + (2 if mod == 2 or (mod == 0 and rm == 6) else mod)
    at += 1
    if rm == 4:
        rm = code[at] & 7
        at += 1
    return at + (4 if mod == 2 or (mod == 0 and rm == 5) else mod)


def _immediates(kind: int, sizes: _Sizes) -> int:
    """How many bytes of immediates follow."""
    if kind & _ADDRESS:
        return sizes.address
    if kind & _V:
        return sizes.operand
    size = min(sizes.operand, 4) if kind & _Z else 0
    return size + (kind & _BYTE and 1) + (kind & _WORD and 2)
