"""Capstone reads code in both modes, and counts whole instructions only."""

from __future__ import annotations

import pytest

from emu.watch.disasm import (
    Instruction,
    MemoryOperand,
    count_instructions,
    decode,
    disassemble,
)


@pytest.mark.parametrize(
    ("text", "long", "count"),
    [
        ("90", True, 1),
        ("909090", True, 3),
        ("", True, 0),
        ("40", False, 1),
        ("4090", False, 2),
        ("4090", True, 1),  # a prefix there
        ("0f05cd80", True, 2),
        ("9048", True, 1),  # the second is cut off
        ("90ff", True, 1),
        ("0f0b90", True, 2),
    ],
)
def test_whole_instructions_are_counted(text: str, long: bool, count: int) -> None:
    assert count_instructions(bytes.fromhex(text), 0x1000, long) == count


def test_instructions_are_read_with_their_addresses() -> None:
    code = bytes.fromhex("48ffc0ebfb")
    assert disassemble(code, 0x1000, long=True) == [(0x1000, "inc rax"), (0x1003, "jmp 0x1000")]


def test_the_mode_decides_what_bytes_mean() -> None:
    code = bytes.fromhex("4889c3")
    assert disassemble(code, 0, long=True) == [(0, "mov rbx, rax")]
    assert disassemble(code, 0, long=False) == [(0, "dec eax"), (1, "mov ebx, eax")]


def test_an_instruction_is_taken_apart() -> None:
    found = decode(bytes.fromhex("64488b44cb08"), 0x1000, long=True)
    assert found == Instruction(
        mnemonic="mov",
        text="mov rax, qword ptr fs:[rbx + rcx*8 + 8]",
        length=6,
        memory=(MemoryOperand("fs", "rbx", "rcx", 8, 8),),
        registers=("rax",),
        immediates=(),
        operand_size=8,
    )


@pytest.mark.parametrize("text", ["", "48", "06"], ids=["nothing", "cut off", "none in this mode"])
def test_what_is_no_instruction_is_none(text: str) -> None:
    assert decode(bytes.fromhex(text), 0x1000, long=True) is None
