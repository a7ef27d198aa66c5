"""Lengths are those that a decoder finds, in the code of compilers and in random bytes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from emu.watch.disasm import decode
from emu.x86 import lengths
from emu.x86.instructions import opcode_at

HERE: Final = Path(__file__).parent
LARGE: Final = 100_000  # bytes: a program with a C library
PROGRAMS: Final = [
    path for path in sorted((HERE.parent / "fixtures/bin").iterdir()) if path.stat().st_size > LARGE
]
# Where the decoder and the engine disagree: 66 before a near branch (AMD's length here), UD0, UD1.
OTHERWISE: Final = ("ud0", "ud1", "call", "jmp")

# hex, in 64-bit mode, length
CLAIMS: Final = (
    ("90", True, 1),
    ("f3 90", True, 2),
    ("48 b8 0000000000000000", True, 10),
    ("b8 00000000", True, 5),
    ("66 b8 0000", True, 4),
    ("40", False, 1),
    ("40 90", True, 2),
    ("48 66 90", True, 3),
    ("a1 0000000000000000", True, 9),
    ("67 a1 00000000", True, 6),
    ("a1 00000000", False, 5),
    ("67 8b 46 00", False, 4),
    ("67 8b 06 0000", False, 5),
    ("8b 04 25 00000000", True, 7),
    ("8b 05 00000000", True, 6),
    ("8b 84 24 00000000", True, 7),
    ("f6 00 00", True, 3),
    ("f6 10", True, 2),
    ("f7 00 00000000", True, 6),
    ("66 f7 00 0000", True, 5),
    ("f7 d8", True, 2),
    ("0f 84 00000000", True, 6),
    ("0f 20 00", True, 3),
    ("0f 38 00 c0", True, 4),
    ("66 0f 3a 0f c1 08", True, 6),
    ("c5 f8 77", True, 3),
    ("c5 f8 28 00", True, 4),
    ("c4 e2 79 18 00", True, 5),
    ("c4 e3 79 0f c1 08", True, 6),
    ("c5 00", False, 2),
    ("c8 0000 00", True, 4),
    ("c2 0000", True, 3),
    ("ea 00000000 0000", False, 7),
    ("f0 89 c0", True, 3),
)


@pytest.mark.parametrize(("code", "long", "length"), CLAIMS)
def test_an_instruction_has_the_length_of_the_opcode_map(
    code: str, long: bool, length: int
) -> None:
    found = bytes.fromhex(code)
    assert lengths.length(found + bytes(16), 0, long) == length == len(found)


@pytest.mark.parametrize(("code", "long", "length"), CLAIMS)
def test_an_instruction_that_is_cut_off_has_none(code: str, long: bool, length: int) -> None:
    assert lengths.length(bytes.fromhex(code)[: length - 1], 0, long) is None


@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
def test_random_bytes_are_as_long_as_they_decode(long: bool) -> None:
    chance, compared, wrong = random.Random(7), 0, []
    for _ in range(4_000):
        code = chance.randbytes(18)
        for found in decode(code, 0, long)[:1]:
            compared += 1
            opcode = code[opcode_at(code, 0, long)]
            known = found.mnemonic in OTHERWISE or opcode in (0x62, 0x8F)
            if lengths.length(code, 0, long) != found.length and not known:
                wrong.append(found)
    assert compared > 3_000
    assert wrong == []


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_the_code_of_a_program_is_cut_as_it_decodes(program: Path) -> None:
    content = program.read_bytes()
    long = content[4] == 2  # e_ident[EI_CLASS]
    at, compared, wrong = 0x8000, 0, []
    while at < 0xA000:
        found = decode(content[at : at + 15], at, long)[:1]
        for one in found:
            compared += 1
            if lengths.length(content, at, long) != one.length:
                wrong.append(one)
        at += found[0].length if found else 1
    assert compared > 1_000
    assert wrong == []


def test_starts_are_those_of_whole_instructions() -> None:
    code = bytes.fromhex("90 f089c0 0f05")
    assert lengths.starts(code, True, last=5) == [0, 1, 4, 6]
    assert lengths.starts(code, True, last=3) == [0, 1, 4]
    assert lengths.starts(code[:-1], True, last=4) is None


def test_more_than_fifteen_bytes_are_no_instruction() -> None:
    assert lengths.length(b"\x66" * 15 + b"\x90", 0, long=True) is None
    assert lengths.length(b"\x66" * 14 + b"\x90", 0, long=True) == 15
