"""How a program makes a system call in each of the three ABIs of a 64-bit Linux.

A table: instructions, registers, and which handlers' words it uses. It runs nothing, and it does
not know which calls there are. syscall(2), "Architecture calling conventions"; System V ABI AMD64,
"Linux Conventions"; x32 ABI.
"""

from __future__ import annotations

from typing import Final, NamedTuple

X32_BIT: Final = 0x4000_0000  # __X32_SYSCALL_BIT: what a number of x32 has set


class Convention(NamedTuple):
    """One ABI: its ways in, where the number, the arguments and the result are, and its names.

    `mechanisms` are names of emu.x86.crossings, the usual one last; `aliases` what ausyscall and
    uname call the ABI; `headers` how the C preprocessor is asked for its numbers.
    """

    name: str
    mechanisms: tuple[str, ...]
    instructions: str
    number: str
    arguments: tuple[str, ...]
    result: str
    word: int
    aliases: tuple[str, ...]
    headers: tuple[str, ...]


CONVENTIONS: Final = {
    row.name: row
    for row in (
        Convention(
            "x86_64",
            ("syscall",),
            "syscall",
            "rax",
            ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
            "rax",
            8,
            ("x86-64", "amd64"),
            (),
        ),
        Convention(
            "i386",
            ("int80", "sysenter", "syscall"),
            "int $0x80, or __kernel_vsyscall: sysenter (Intel), syscall (AMD)",
            "eax",
            ("ebx", "ecx", "edx", "esi", "edi", "ebp"),
            "eax",
            4,
            ("i486", "i586", "i686", "ia32"),
            ("-D__i386__",),
        ),
        Convention(
            "x32",
            ("syscall",),
            "syscall, with bit 30 of the number set",
            "rax",
            ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
            "rax",
            4,
            (),
            ("-D__ILP32__",),
        ),
    )
}


def convention(name: str) -> Convention | None:
    """The ABI of that name or alias, whatever its case."""
    wanted = name.lower()
    return next((c for c in CONVENTIONS.values() if wanted in (c.name, *c.aliases)), None)
