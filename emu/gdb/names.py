"""Registers that gdb calls otherwise than the debugging core, or that the core does not have.

Names and constants; how a value is sent, registers.py knows.
"""

from __future__ import annotations

from typing import Final

# What gdb calls otherwise than the core does.
OTHER_NAMES: Final = {"eflags": "rflags", "fctrl": "fpcw", "fstat": "fpsw", "ftag": "fptag"}
# What gdb asks for and no engine keeps: pointers of the last x87 instruction, and the number of the
# system call that a kernel would restart (-1: none).
CONSTANT: Final = {
    **dict.fromkeys(("fiseg", "fioff", "foseg", "fooff", "fop"), 0),
    **dict.fromkeys(("orig_rax", "orig_eax"), -1),
}
TABLES: Final = ("gdtr", "idtr")
NARROW: Final = {f"e{name[1:]}": name for name in "rax rcx rdx rbx rsp rbp rsi rdi rip".split()}
