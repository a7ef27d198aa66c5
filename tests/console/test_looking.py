"""Registers and memory at the prompt: shown in gdb's formats, set, and refused with a reason."""

from __future__ import annotations

from typing import Final

import pytest

from tests.console.talk import Talk

# What is typed, one after the other in a program that stands on its first line, and what is said.
SAID: Final = (
    (("set $rax = 0x1122", "p $rax"), "4386 = 0x1122"),
    (("set $al = 0x7f", "p/x $rax"), "0x000000000000007f"),
    (("set $zf = 1", "p $rflags & 0x40"), "64 = 0x40"),
    (("set $zf = 0", "p $rflags & 0x40"), "0 = 0x0"),
    (("set $lstar = entry_SYSCALL_compat", "p $lstar"), "<entry_SYSCALL_compat>"),
    (("set *(u32*)$rsp = 0xdeadbeef", "x/1xw $rsp"), "0xdeadbeef"),
    (("set *(u8*)$rsp = -1", "x/1db $rsp"), "-1"),
    (("set {short}$rsp = 3", "x/1dh $rsp"), ":  3"),
    (("p/t 10",), "1010"),
    (("p/o 8",), "010"),
    (("p/c 65",), "65 'A'"),
    (("p/a main",), "0x401093 <main>"),
    (("p main + 4",), "<main+4>"),
    (("x/2i main",), "=> 0x401093 <main>: push rbp\n   0x401094 <main+1>: mov rbp, rsp"),
    (
        ("set disassembly-flavor att", "x/2i main"),
        "pushq %rbp\n   0x401094 <main+1>: movq %rsp, %rbp",
    ),
    (("set disassembly-flavor att", "set disassembly-flavor intel", "x/i main"), "push rbp"),
    (("set disassembly-flavor motorola",), "the disassembly flavor is intel or att"),
    (("set $cpl = 0",), "a change of ring is a crossing"),
    (("set $cs = 0x10",), "a change of CPL 3 is a crossing, not a write"),
    (("set $efer = 0",), "only SCE and NXE may change in long mode"),
    (("set $nonsense = 0",), "no register 'nonsense'"),
    (("set *(u32*)0 = 1",), "no memory is mapped at 0x0"),
    (("set 5 = 6",), "cannot set '5'"),
    (("x/4gx 0",), "no memory is mapped at 0x0"),
    (("x/4qx 0",), "no format 'q'"),
    (("x/0x 0",), "a count of 0 is out of bounds"),
    (("p/s 1",), "print has no format 's'"),
)


@pytest.mark.parametrize(("commands", "said"), SAID, ids=["; ".join(row[0]) for row in SAID])
def test_a_command_says(commands: tuple[str, ...], said: str) -> None:
    talk = Talk("lines_dwarf4_64")
    talk.do("b *main", "c")
    for command in commands:
        answer = talk.do(command)
    assert said in answer


def test_code_that_nobody_has_touched_is_shown_and_stays_untouched() -> None:
    talk = Talk("lines_dwarf4_64")
    assert "<main>: push rbp" in talk.do("x/i main")
    before = talk.do("info position")
    assert talk.do("info position") == before
    assert talk.do("c") == Talk("lines_dwarf4_64").do("c")
