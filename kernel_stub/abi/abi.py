"""What differs between the two ABIs: word size, call numbers, register order, structures.

An `Abi` is a fact sheet; handlers ask the task's for sizes and layouts instead of asking "is this
64-bit". It runs nothing. syscall(2), asm/stat.h and asm/unistd_*.h of Linux.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi import i386, x86_64


class Abi:
    """One ABI. `word` is the size of a C long in bytes."""

    def __init__(self, name: str, word: int, names: dict[int, str], machine: bytes) -> None:
        self.name = name
        self.word = word
        self.numbers = names
        self.machine = machine
        letter = "Q" if word == 8 else "I"
        signed = "q" if word == 8 else "i"
        self.word_mask = (1 << 8 * word) - 1
        self.pointer: Final = Struct(f"<{letter}")
        self.timespec: Final = Struct(f"<2{signed}")
        self.timeval: Final = Struct(f"<2{signed}")
        self.iovec: Final = Struct(f"<2{letter}")

    def words(self, count: int) -> Struct:
        """`count` words in a row."""
        return Struct(f"<{count}{'Q' if self.word == 8 else 'I'}")


X86_64: Final = Abi("x86_64", 8, x86_64.NAMES, b"x86_64")
I386: Final = Abi("i386", 4, i386.NAMES, b"i686")
