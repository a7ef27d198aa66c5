"""The kernel's ELF file as gdb gets it, in both word sizes."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import pytest
from elftools.dwarf.callframe import CIE, FDE
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from emu.gdb.kernel_image import make, narrow_frames
from kernel_stub import layout
from kernel_stub.boot import read_frames, read_image
from kernel_stub.kallsyms import entry_symbols

SYMBOLS = {one.name: one.address for one in entry_symbols()}
CODE = read_image("entry")
LOW32 = (1 << 32) - 1


def image(bits: int) -> ELFFile:
    content = make(bits, layout.KERNEL_TEXT, CODE, SYMBOLS, read_frames())
    return ELFFile(BytesIO(content))


def symbol_table(bits: int) -> SymbolTableSection:
    table = image(bits).get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return table


@pytest.mark.parametrize("bits", [64, 32])
def test_it_has_the_kernels_code_and_names_at_their_addresses(bits: int) -> None:
    elf = image(bits)
    mask = (1 << bits) - 1
    text = elf.get_section_by_name(".text")
    assert text is not None
    assert (elf.elfclass, text["sh_addr"], text.data()) == (
        bits,
        layout.KERNEL_TEXT & mask,
        CODE,
    )
    table = symbol_table(bits)
    found = {one.name: one["st_value"] for one in table.iter_symbols() if one.name}
    assert found == {name: address & mask for name, address in SYMBOLS.items()}


@pytest.mark.parametrize("bits", [64, 32])
def test_symbols_reach_to_the_next_one(bits: int) -> None:
    table = symbol_table(bits)
    sizes = {one.name: one["st_size"] for one in table.iter_symbols()}
    wanted = SYMBOLS["syscall_return_via_sysret"] - SYMBOLS["entry_SYSCALL_64"]
    assert sizes["entry_SYSCALL_64"] == wanted
    assert sizes["do_syscall_64"] == SYMBOLS["do_int80_syscall_32"] - SYMBOLS["do_syscall_64"]


def frames(bits: int) -> dict[int, FDE]:
    entries = image(bits).get_dwarf_info().CFI_entries()
    assert any(isinstance(one, CIE) for one in entries)
    return {one["initial_location"]: one for one in entries if isinstance(one, FDE)}


@pytest.mark.parametrize("bits", [64, 32])
def test_all_of_the_kernels_code_can_be_unwound(bits: int) -> None:
    found = frames(bits)
    covered = sorted((start, start + one["address_range"]) for start, one in found.items())
    mask = (1 << bits) - 1
    assert covered[0][0] == layout.KERNEL_TEXT & mask
    assert covered[-1][1] == layout.KERNEL_TEXT + len(CODE) & mask
    assert all(end == start for (_, end), (start, _) in pairwise(covered))


def test_in_32_bits_there_are_as_many_frames_of_the_same_length() -> None:
    wide, narrow = frames(64), frames(32)
    assert {start & LOW32: one["address_range"] for start, one in wide.items()} == {
        start: one["address_range"] for start, one in narrow.items()
    }


@pytest.mark.parametrize(
    ("bits", "start", "rip", "rsp"), [(64, "entry_SYSCALL_64", 16, 7), (32, "_text", 8, 4)]
)
def test_registers_have_the_numbers_of_their_abi(bits: int, start: str, rip: int, rsp: int) -> None:
    entry = frames(bits)[SYMBOLS[start] & (1 << bits) - 1]
    assert entry.cie is not None
    assert entry.cie["return_address_register"] == rip
    first = entry.get_decoded().table[0]
    assert first["cfa"].reg == rsp


def test_no_frames_are_no_frames() -> None:
    assert narrow_frames(b"") == b""
