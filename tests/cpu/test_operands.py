"""What an instruction accesses, from its bytes and the registers.

SDM 1, "Operand Addressing"; SDM 3A, "Logical and Linear Addresses".
"""

from __future__ import annotations

import pytest

from emu.cpu import operands
from emu.cpu.operands import Access
from emu.cpu.state import Segment
from emu.watch.disasm import decode
from emu.x86.registers import DS, FS
from tests.cpu.machine_builder import CODE, DATA, STACK_TOP, Guest

RSP = STACK_TOP - 64

# hex, in 64-bit mode, accesses with RBX = DATA, RCX = 2
CLAIMS = [
    ("8b03", True, [Access(DATA, 4, False)]),
    ("8b448b10", True, [Access(DATA + 8 + 16, 4, False)]),
    ("8b0500010000", True, [Access(CODE + 6 + 0x100, 4, False)]),
    ("8b0424", True, [Access(RSP, 4, True)]),
    ("648b03", True, [Access(DATA + 0x1000, 4, False)]),
    ("8d03", True, []),
    ("50", True, [Access(RSP - 8, 8, True)]),
    ("6650", True, [Access(RSP - 2, 2, True)]),
    ("58", True, [Access(RSP, 8, True)]),
    ("ff33", True, [Access(DATA, 8, False), Access(RSP - 8, 8, True)]),
    ("8f03", True, [Access(RSP, 8, True), Access(DATA, 8, False)]),
    ("8b03", False, [Access(DATA + 0x100, 4, False)]),
    ("50", False, [Access(RSP - 4, 4, True)]),
    ("9d", False, [Access(RSP, 4, True)]),
    ("60", False, [Access(RSP - 4, 4, True)]),
    ("648b03", False, [Access(DATA + 0x1000, 4, False)]),
]


@pytest.mark.parametrize(("text", "long", "expected"), CLAIMS)
def test_accesses_are_those_of_the_manual(text: str, long: bool, expected: list[Access]) -> None:
    guest = Guest()
    guest.put(long=long, rbx=DATA, rcx=2)
    guest.state.load()
    flat = guest.state.segment(DS)
    guest.state.set_segment(FS, Segment(0x63, 0x1000, 0xFFFF_FFFF, 0xC0F300))
    guest.state.set_segment(DS, Segment(flat.selector, 0x100, flat.limit, flat.attributes))
    (found,) = decode(bytes.fromhex(text), CODE, long)
    assert list(operands.accesses(guest.state, found)) == expected


@pytest.mark.parametrize(
    ("address", "size", "canonical"),
    [
        (0x7FFF_FFFF_FFF8, 8, True),
        (0x7FFF_FFFF_FFF9, 8, False),
        (0xFFFF_8000_0000_0000, 1, True),
        (0x8000_0000_0000, 1, False),
    ],
)
def test_an_access_is_canonical_up_to_its_last_byte(
    address: int, size: int, canonical: bool
) -> None:
    assert Access(address, size, by_stack=False).is_canonical is canonical
