"""A turn shows the instruction that runs next, and memory without a right being asked."""

from __future__ import annotations

import pytest

from emu.cpu.turn import Turn
from emu.watch.disasm import decode
from emu.x86 import flags, msrs
from emu.x86.vendors import VENDORS
from tests.cpu.machine_builder import CODE, DATA, DATA_SIZE, NOWHERE, SYSCALL_ENTRY, TEXT, Guest


@pytest.fixture
def turn() -> Turn:
    guest = Guest()
    guest.write(DATA, b"content")
    guest.put(rflags=flags.IF | flags.ZF)
    guest.state.load()
    return Turn(guest.engine, VENDORS["intel"], decode, CODE, bytes.fromhex("0fae13"))


def test_the_instruction_is_decoded_at_its_place(turn: Turn) -> None:
    found = turn.instruction
    assert found is not None
    assert (found.mnemonic, found.address, found.length) == ("ldmxcsr", CODE, 3)


def test_the_flags_are_those_of_the_program(turn: Turn) -> None:
    assert turn.rflags == flags.IF | flags.ZF | flags.FIXED


@pytest.mark.parametrize(
    ("address", "size", "content"),
    [
        (DATA, 7, b"content"),
        (TEXT, 1, b"\xf4"),  # of ring 0
        (DATA + DATA_SIZE - 1, 1, b"\0"),
        (DATA + DATA_SIZE - 1, 2, None),
        (NOWHERE, 1, None),
    ],
)
def test_memory_is_read_whole_or_not_at_all(
    turn: Turn, address: int, size: int, content: bytes | None
) -> None:
    assert turn.read(address, size) == content


def test_msrs_are_read(turn: Turn) -> None:
    assert turn.read_msr(msrs.LSTAR) == SYSCALL_ENTRY
