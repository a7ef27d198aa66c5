"""Numbers that compare as the integers they are and print as their names.

A test that fails shows `0x246 (PF ZF IF)`, not 582. They know no machine.
SDM 1, "EFLAGS Register"; SDM 3A, "Segment Selectors", "Error Code".
"""

from __future__ import annotations

from emu.x86 import error_codes, flags, vectors
from emu.x86.descriptors import RPL, TABLE_INDICATOR


class Word(int):
    """A register's value, printed in hexadecimal."""

    __slots__ = ()

    @property
    def in_words(self) -> str:
        """What the number means, where that is not obvious."""
        return ""

    def __repr__(self) -> str:
        return f"{int(self):#x} ({self.in_words})" if self.in_words else f"{int(self):#x}"

    __str__ = __repr__


class Flags(Word):
    """RFLAGS. `rflags.IF` is a bool, `rflags.IOPL` a number; printed with the names of the bits."""

    __slots__ = ()

    @property
    def in_words(self) -> str:
        return flags.describe(self)

    @property
    def IOPL(self) -> int:  # noqa: N802 - the manual's name, like the other flags'
        """The I/O privilege level."""
        return self >> flags.IOPL_SHIFT & 3

    def __getattr__(self, name: str) -> bool:
        if name in flags.NAMES:
            return bool(self & flags.NAMES[name])
        raise AttributeError(f"no flag {name!r} in RFLAGS; known: {' '.join(flags.NAMES)} IOPL")


class Selector(Word):
    """A segment selector."""

    __slots__ = ()

    @property
    def rpl(self) -> int:
        """The requested privilege level."""
        return self & RPL

    @property
    def entry(self) -> int:
        """The number of the descriptor in its table."""
        return self >> 3

    @property
    def in_words(self) -> str:
        if not self & ~RPL:
            return "null"
        table = "LDT" if self & TABLE_INDICATOR else "GDT"
        return f"{table} entry {self.entry}, RPL {self.rpl}"


class Vector(Word):
    """The number of an exception or interrupt."""

    __slots__ = ()

    @property
    def in_words(self) -> str:
        row = vectors.TABLE.get(self)
        return f"{row.mnemonic}, {row.name}" if row else ""


class ErrorCode(Word):
    """An error code of `vector`; its fields are attributes by the manual's names.

    Those of #PF: `present`, `write`, `user`, `reserved`, `fetch`; of #GP, #NP, #SS and #TS: `ext`,
    `idt`, `ti`, `index`.
    """

    vector: int

    def __new__(cls, value: int, vector: int) -> ErrorCode:
        code = super().__new__(cls, value)
        code.vector = vector
        return code

    def __reduce__(self) -> tuple[type[ErrorCode], tuple[int, int]]:
        return ErrorCode, (int(self), self.vector)

    @property
    def in_words(self) -> str:
        return error_codes.describe(self.vector, self)

    def __getattr__(self, name: str) -> int:
        if name == "vector":  # a copy that is being made has none yet
            raise AttributeError(name)
        fields = error_codes.decode(self.vector, self)
        if name in fields:
            return fields[name]
        raise AttributeError(
            f"no field {name!r} in the error code of {vectors.mnemonic(self.vector)}; "
            f"known: {' '.join(fields) or 'none'}"
        )
