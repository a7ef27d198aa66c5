"""The entries of the page tables that the processor walks, after each thing a program may do.

They are read from RAM below CR3 as the processor reads them. The kernel writes U, W and NX; A and D
are the processor's: the page was used, and stored to.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from emu.machine import Machine
from emu.x86.paging import (
    ACCESSED,
    ADDRESS_MASK,
    DIRTY,
    INDEX_MASK,
    LEVEL_SHIFTS,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
)
from kernel_stub.entry import constants as entry
from kernel_stub.kernel import Kernel
from kernel_stub.launch import launch
from kernel_stub.vfs import VfsOptions

SOURCE: Final = Path(__file__).with_name("page_tables.c")
LOOK: Final = 0x7000
LETTERS: Final = {"U": USER, "W": WRITABLE, "X": 0, "A": ACCESSED, "D": DIRTY}
# What the program did to a page: the bits of its entry, X for not NX; "" where none is present.
ENTRIES: Final = {
    "mapped, not touched": "",
    "stored to": "UWAD",
    "read": "UWA",
    "made read-only": "UAD",
    "without any right": "",
    "writable again": "UWAD",
    "made executable": "UXAD",
    "executed": "UXAD",
    "not needed": "",
    "unmapped": "",
    "writable and executable": "UWXAD",
    "shared, read": "UA",
    "shared, stored to": "UWAD",
    "private, in the child": "UAD",
    "shared, in the child": "UWAD",
    "private, stored to by the child": "UWAD",
    "private, in the parent": "UAD",
    "private, read by the parent": "UAD",
    "private, stored to by the parent": "UWAD",
    "shared, in the parent": "UWAD",
    "file, read": "UA",
    "private file, stored to": "UWAD",
    "shared file, read": "UA",
    "shared file, stored to": "UWAD",
    "file, behind the end": "",
}


def entry_letters(kernel: Kernel, address: int) -> str:
    """What the walk from CR3 ends at, as letters."""
    words = kernel.physical.words
    value = kernel.machine.processor.state.control(3)
    for shift in LEVEL_SHIFTS:
        value = words[((value & ADDRESS_MASK) >> 3) + (address >> shift & INDEX_MASK)]
        if not value & PRESENT:
            return ""
    bits = {"X": not value & NO_EXECUTE} | {k: value & bit for k, bit in LETTERS.items() if bit}
    return "".join(letter for letter in LETTERS if bits[letter])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the program's pages looked like when it asked."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    program = tmp_path_factory.mktemp("page_tables") / "program"
    subprocess.run(["gcc", "-static", "-O1", "-w", "-o", program, SOURCE], check=True)
    machine = Machine(64 << 20)
    kernel = launch(machine, bytes(program), [bytes(program)], [], VfsOptions())
    found: dict[str, str] = {}
    handed_over = kernel.handed_over

    def watch(call: int, argument: int) -> None:
        regs = entry.PT_REGS_STRUCT.unpack(
            kernel.half.tables.read(argument, entry.PT_REGS_STRUCT.size)
        )
        named = dict(zip(entry.PT_REGS, regs, strict=True))
        if call == entry.HANDOVER_SYSCALL_64 and named["orig_rax"] == LOOK:
            task = kernel.task
            name = task.memory.copy_in_string(named["rdi"]).decode()
            found[name] = entry_letters(kernel, named["rsi"])
        handed_over(call, argument)

    kernel.handed_over = watch  # type: ignore[method-assign]  # it watches, and hands on
    machine.run()
    return found


def test_the_program_asked_for_everything_in_the_table(seen: dict[str, str]) -> None:
    assert seen.keys() == ENTRIES.keys()


@pytest.mark.parametrize("what", ENTRIES)
def test_the_entry_of_a_page_is_as_the_manual_has_it(what: str, seen: dict[str, str]) -> None:
    assert seen[what] == ENTRIES[what]
