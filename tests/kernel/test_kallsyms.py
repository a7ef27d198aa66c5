"""The kernel's symbols are where the machine has them, and are told in the kernel's own format."""

from __future__ import annotations

import itertools
import re

import pytest

from emu.machine import Machine
from kernel_stub import layout
from kernel_stub.boot import KernelHalf, read_image
from kernel_stub.kallsyms import entry_symbols, kallsyms_text, named, nearest, symbols

END = layout.KERNEL_TEXT + len(read_image("entry"))
SYSCALL = layout.KERNEL_TEXT


def test_every_symbol_lies_in_memory_of_the_guest() -> None:
    half = KernelHalf(Machine(8 << 20))
    for symbol in symbols():
        assert half.tables.read(symbol.address, max(symbol.size, 1)) is not None
        assert symbol.name in half.symbols or symbol.kind == "D"


def test_the_processor_uses_the_tables_at_their_symbols() -> None:
    machine = Machine(8 << 20)
    KernelHalf(machine)
    assert {symbol.name: symbol.address for symbol in symbols() if symbol.kind == "D"} == {
        "idt_table": layout.IDT_BASE,
        "gdt_page": layout.GDT_BASE,
        "cpu_tss_rw": layout.TSS_BASE,
    }


def test_sizes_reach_up_to_the_next_symbol_and_cover_the_code() -> None:
    rows = entry_symbols()
    assert rows[0].address == layout.KERNEL_TEXT
    for here, there in itertools.pairwise(rows):
        assert here.address + here.size == there.address or here.address == there.address
    assert rows[-1].address == END


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (SYSCALL, "entry_SYSCALL_64"),
        (SYSCALL + 1, "entry_SYSCALL_64"),
        (SYSCALL - 1, None),
        (END - 1, "do_exception"),
        (END, None),
        (layout.GDT_BASE + 8 * layout.GDT_ENTRIES - 1, "gdt_page"),
        (layout.GDT_BASE + 8 * layout.GDT_ENTRIES, None),
        (0, None),
        (0x40_0000, None),
    ],
)
def test_an_address_is_in_the_symbol_whose_bytes_it_is(address: int, name: str | None) -> None:
    found = nearest(address)
    assert (found.name if found else None) == name


def test_a_whole_name_is_preferred_to_a_part() -> None:
    assert [symbol.name for symbol in named("do_syscall_64")] == ["do_syscall_64"]
    assert {symbol.name for symbol in named("sysret")} == {
        "syscall_return_via_sysret",
        "sysret32_from_system_call",
    }
    assert named("nothing_of_the_kind") == []


@pytest.mark.parametrize("shown", [True, False])
def test_the_text_has_the_lines_of_kallsyms(shown: bool) -> None:
    lines = kallsyms_text(shown).decode().splitlines()
    rows = [re.fullmatch(r"([0-9a-f]{16}) ([TD]) (\w+)", line) for line in lines]
    assert [row[3] for row in rows if row] == [symbol.name for symbol in symbols()]
    wanted = [symbol.address if shown else 0 for symbol in symbols()]
    assert [int(row[1], 16) for row in rows if row] == wanted


def test_no_handler_in_python_is_given_an_address() -> None:
    assert not any("_sys_" in symbol.name for symbol in symbols())
