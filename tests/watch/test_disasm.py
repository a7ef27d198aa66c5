"""Capstone reads code in both modes, and counts whole instructions only."""

from __future__ import annotations

import pytest

from emu.watch.disasm import count_instructions, decode, disassemble
from emu.x86.instructions import RIP, MemoryOperand
from emu.x86.registers import GS, R11, RAX, RBP, RBX, RCX


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


RECORDS = [
    ("50", "push", (), (), False),
    ("488b44cd08", "mov", (MemoryOperand(None, RBP, RCX, 8, 8, 8),), (), False),
    ("65418b03", "mov", (MemoryOperand(GS, R11, None, 1, 0, 4),), (), False),
    ("678b4304", "mov", (MemoryOperand(None, RBX, None, 1, 4, 4),), (), False),
    ("488b0510000000", "mov", (MemoryOperand(None, RIP, None, 1, 16, 8),), (), False),
    ("f3c3", "ret", (), (), False),
    ("c20800", "ret", (), (8,), False),
    ("ff28", "far jmp", (MemoryOperand(None, RAX, None, 1, 0, 8),), (), False),
    ("f4", "hlt", (), (), True),
    ("48cf", "iretq", (), (), False),
]


@pytest.mark.parametrize(("text", "mnemonic", "memory", "immediates", "privileged"), RECORDS)
def test_an_instruction_becomes_a_record(
    text: str,
    mnemonic: str,
    memory: tuple[MemoryOperand, ...],
    immediates: tuple[int, ...],
    privileged: bool,
) -> None:
    (found,) = decode(bytes.fromhex(text), 0x1000, long=True)
    assert (found.mnemonic, found.memory, found.immediates) == (mnemonic, memory, immediates)
    assert (found.is_privileged, found.end) == (privileged, 0x1000 + len(text) // 2)


def test_the_sizes_that_prefixes_choose_are_in_the_record() -> None:
    word, short = decode(bytes.fromhex("6650678b03"), 0, long=True)
    assert (word.has_operand_prefix, word.address_size) == (True, 8)
    assert (short.has_operand_prefix, short.address_size) == (False, 4)


def test_the_text_and_the_register_operands_are_in_the_record() -> None:
    (found,) = decode(bytes.fromhex("f3480fb8c3"), 0, long=True)
    assert (found.text, found.registers) == ("popcnt rax, rbx", ("rax", "rbx"))


@pytest.mark.parametrize("text", ["", "48", "06"], ids=["nothing", "cut off", "none in this mode"])
def test_what_is_no_instruction_has_no_record(text: str) -> None:
    assert decode(bytes.fromhex(text), 0x1000, long=True) == []
