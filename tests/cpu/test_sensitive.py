"""The rows of sensitive instructions: their bytes are theirs alone, and they raise what is due.

SDM 2A, "LOCK": the instructions that it may stand before, with a destination in memory.
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode, sensitive
from emu.cpu.counters import KERNEL, USER
from emu.cpu.turn import ALIGNMENT, ALWAYS, UNMASKED
from emu.x86.registers import RBX
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, DATA, Guest

GPR_MEMORY: Final = 0x03  # ModRM: [rbx]
GPR_REGISTER: Final = 0xC0
UNLOCKABLE: Final = {
    "mov eax, eax": "f089c0",
    "mov [rbx], eax": "f08903",
    "mov eax, [rbx]": "f08b03",
    "add eax, [rbx]": "f00303",
    "add eax, ebx": "f001d8",
    "cmp [rbx], eax": "f03903",
    "cmp dword [rbx], 1": "f0833b01",
    "test [rbx], eax": "f08503",
    "test dword [rbx], 0": "f0f70300000000",
    "mul dword [rbx]": "f0f723",
    "push dword [rbx]": "f0ff33",
    "call [rbx]": "f0ff13",
    "bt [rbx], eax": "f00fa303",
    "bt dword [rbx], 1": "f00fba2301",
    "nop": "f090",
    "hlt": "f0f4",
    "int 0x80": "f0cd80",
    "syscall": "f00f05",
    "movsd": "f0a5",
    "rep movsd": "f3f0a5",
    "jmp": "f0eb00",
    "pause": "f0f390",
    "shl dword [rbx], 1": "f0d123",
    "rex mov": "f04889c0",
    "operand size mov": "66f089c0",
}
LOCKABLE: Final = {
    "add [rbx], eax": "f00103",
    "xor [rbx], al": "f03003",
    "sub dword [rbx], 1": "f0832b01",
    "inc dword [rbx]": "f0ff03",
    "dec byte [rbx]": "f0fe0b",
    "not dword [rbx]": "f0f713",
    "neg byte [rbx]": "f0f61b",
    "xchg [rbx], eax": "f08703",
    "bts [rbx], eax": "f00fab03",
    "btc dword [rbx], 1": "f00fba3b01",
    "cmpxchg [rbx], ecx": "f00fb10b",
    "xadd [rbx], eax": "f00fc103",
    "cmpxchg8b [rbx]": "f00fc70b",
    "rex add": "f0480103",
    "operand size add": "66f00103",
    "add behind another prefix": "f0660103",
}
native = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")


@native
@pytest.mark.parametrize("name", UNLOCKABLE)
def test_lock_before_what_cannot_be_locked_is_undefined(name: str) -> None:
    guest = Guest()
    seen = guest.cross(code("nop") + bytes.fromhex(UNLOCKABLE[name]), rbx=DATA)
    assert (guest.entry.vector, seen.stack[0]) == (6, CODE + 1)
    assert guest.machine.counter.user == 1


@native
@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
@pytest.mark.parametrize("name", [name for name in LOCKABLE if not name.startswith("rex")])
def test_lock_before_what_can_be_locked_is_taken(name: str, long: bool) -> None:
    guest = Guest()
    guest.cross(bytes.fromhex(LOCKABLE[name]) + code("int 0x80"), long=long, rbx=DATA)
    assert (guest.entry.vector, guest.machine.counter.user) == (0x80, 2)


@native
def test_lock_before_an_increment_of_a_register_in_32_bit_code_is_undefined() -> None:
    guest = Guest()
    guest.cross(bytes.fromhex("f040") + code("int 0x80"), long=False)
    assert (guest.entry.vector, guest.machine.counter.user) == (6, 0)


@native
def test_undefined_comes_before_a_page_fault() -> None:
    guest = Guest()
    seen = guest.cross(bytes.fromhex("f08b03"), rbx=0xDEAD000)
    assert (guest.entry.vector, seen.registers[RBX]) == (6, 0xDEAD000)


@pytest.mark.parametrize("row", sensitive.TABLE, ids=lambda row: row.name)
def test_every_row_is_whole(row: sensitive.Row) -> None:
    assert set(row.paths) <= {USER, KERNEL}
    assert row.when in (ALWAYS, ALIGNMENT, UNMASKED)
    assert row.manual.startswith(("SDM", "APM"))
    assert sensitive.compiled(row.pattern, long=True).groups == 0


def test_names_of_rows_are_their_own() -> None:
    names = [row.name for row in sensitive.TABLE]
    assert len(names) == len(set(names))


def test_a_class_of_modrm_bytes_has_the_fields_asked_for() -> None:
    found = sensitive.compiled(sensitive.modrm((2,)), long=True)
    matching = [byte for byte in range(256) if found.match(bytes([byte]))]
    assert matching == [m << 6 | 2 << 3 | rm for m in range(3) for rm in range(8)]
    found = sensitive.compiled(sensitive.modrm((0, 7), memory=False, register=True), long=True)
    matching = [byte for byte in range(256) if found.match(bytes([byte]))]
    assert matching == [*range(0xC0, 0xC8), *range(0xF8, 0x100)]
