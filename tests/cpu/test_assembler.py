"""The bytes that tests call by name are what Capstone calls by that name."""

from __future__ import annotations

import pytest

from emu.watch.disasm import disassemble
from tests.cpu.assembler import TABLE, TABLE_32, TABLE_64, code


@pytest.mark.parametrize(("name", "text"), list((TABLE | TABLE_64).items()))
def test_an_instruction_of_64_bit_code_reads_back(name: str, text: str) -> None:
    assert disassemble(bytes.fromhex(text), 0, long=True) == [(0, name)]


@pytest.mark.parametrize(("name", "text"), list(TABLE_32.items()))
def test_an_instruction_of_32_bit_code_reads_back(name: str, text: str) -> None:
    assert disassemble(bytes.fromhex(text), 0, long=False) == [(0, name)]


def test_a_jump_leads_to_its_label_whether_it_stands_before_or_behind() -> None:
    made = code("again: nop; jnz again; jmp done; call again; done: loop again")
    assert disassemble(made, 0x1000, long=True) == [
        (0x1000, "nop"),
        (0x1001, "jne 0x1000"),
        (0x1003, "jmp 0x100a"),
        (0x1005, "call 0x1000"),
        (0x100A, "loop 0x1000"),
    ]


def test_a_number_can_be_moved_to_a_register() -> None:
    made = code("mov ecx, 10; mov edi, 0x500000")
    assert disassemble(made, 0, long=True) == [(0, "mov ecx, 0xa"), (5, "mov edi, 0x500000")]


def test_what_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError, match="no bytes for 'frobnicate'"):
        code("nop; frobnicate")
