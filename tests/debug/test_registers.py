"""What may be written to a register is written; nonsense is refused, with a reason."""

from __future__ import annotations

from typing import Final

import pytest

from emu.debug import registers
from emu.errors import UsageError
from tests.debug.sessions import debug

TAKEN: Final = (
    ("rax", 0x1122334455667788, 0x1122334455667788),
    ("eax", 0xFFFF_FFFF, 0xFFFF_FFFF),
    ("al", 0x7F, 0x7F),
    ("r15", -1, (1 << 64) - 1),
    ("rip", 0x401000, 0x401000),
    ("rflags", 0x246, 0x246),
    ("rflags", 0, 2),
    ("cr2", 0x1234, 0x1234),
    ("cr0", 0x8005_003B, 0x8005_003B),
    ("lstar", 0xFFFF_FFFF_8100_018D, 0xFFFF_FFFF_8100_018D),
    ("fs_base", 0x7000, 0x7000),
    ("kernel_gs_base", 0x9000, 0x9000),
    ("efer", 0xD00, 0xD00),
    ("fmask", 0x200, 0x200),
    ("ds", 0x2B, 0x2B),
    ("es", 0, 0),
    ("xmm3", 1 << 127, 1 << 127),
    ("mxcsr", 0x1F80, 0x1F80),
    ("fpcw", 0x37F, 0x37F),
)
# (register, value, a part of the reason), in ring 3 of a 64-bit program
REFUSED: Final = (
    ("rax", 1 << 64, "has 64 bits"),
    ("al", 0x100, "has 8 bits"),
    ("rip", 1 << 62, "the address is not canonical"),
    ("rflags", 1 << 17, "no virtual-8086 mode"),
    ("rflags", 1 << 40, "rflags has no bits"),
    ("cpl", 0, "a change of ring is a crossing"),
    ("cs", 0x10, "a change of CPL 3 is a crossing, not a write"),
    ("ss", 0x18, "a change of CPL 3 is a crossing, not a write"),
    ("cs", 0x2B, "that is a data segment"),
    ("cs", 3, "cs cannot be null here"),
    ("ss", 3, "ss cannot be null here"),
    ("ds", 0x33, "that is a code segment"),
    ("ds", 0x18, "too privileged"),
    ("ds", 0xFFFB, "its table ends at"),
    ("cr0", 0, "PE and PG are long mode itself"),
    ("cr3", 0x123, "no tables there map the next instruction"),
    ("cr4", 0, "PAE is long mode itself"),
    ("efer", 0, "only SCE and NXE may change"),
    ("lstar", 1 << 62, "the address is not canonical"),
    ("gdtr_base", 0, "gdtr is loaded by ring 0 alone"),
    ("idtr_limit", 0, "idtr is loaded by ring 0 alone"),
    ("tr", 0, "tr is loaded by ring 0 alone"),
    ("ldtr", 0, "ldtr is loaded by ring 0 alone"),
    ("nonsense", 0, "no register 'nonsense'"),
)


@pytest.mark.parametrize(("name", "value", "read"), TAKEN, ids=[f"{n}={v:#x}" for n, v, _ in TAKEN])
def test_a_register_holds_what_was_written(name: str, value: int, read: int) -> None:
    debugger = debug("hello_syscall_64")
    debugger.write_register(name, value)
    assert debugger.read_register(name) == read


@pytest.mark.parametrize(
    ("name", "value", "why"), REFUSED, ids=[f"{n}={v:#x}" for n, v, _ in REFUSED]
)
def test_nonsense_is_refused_with_a_reason_and_changes_nothing(
    name: str, value: int, why: str
) -> None:
    debugger = debug("hello_syscall_64")
    names = [row.name for row in registers.TABLE_OF_REGISTERS.values()]
    before = {one: debugger.read_register(one) for one in names}
    with pytest.raises(UsageError) as refusal:
        debugger.write_register(name, value)
    assert why in str(refusal.value)
    assert {one: debugger.read_register(one) for one in names} == before


def test_a_program_of_32_bits_cannot_be_sent_beyond_4_gib() -> None:
    debugger = debug("hello_int80_32")
    with pytest.raises(UsageError, match="32-bit code ends at 4 GiB"):
        debugger.write_register("rip", 1 << 32)


def test_every_register_that_can_be_read_has_a_name_that_finds_it() -> None:
    debugger = debug("hello_syscall_64")
    for name in registers.names():
        assert 0 <= debugger.read_register(name) < 1 << registers.find(name).bits, name
