"""Expressions have C's values in 64 bits; what is none is a sentence."""

from __future__ import annotations

from typing import Final

import pytest

from emu.console.expressions import evaluate
from emu.errors import UsageError

MEMORY: Final = bytes(range(1, 33))
BASE: Final = 0x1000


class Values:
    """Two registers, a symbol, and 32 bytes at BASE."""

    def register(self, name: str) -> int:
        return {"rax": 5, "rsp": BASE}[name]

    def symbol(self, name: str) -> int:
        if name != "table":
            raise UsageError(f"no symbol {name!r}")
        return BASE + 8

    def load(self, address: int, size: int) -> int:
        at = address - BASE
        return int.from_bytes(MEMORY[at : at + size], "little")


VALUES: Final = (
    ("1+2*3", 7),
    ("(1+2)*3", 9),
    ("7-2-1", 4),
    ("0x10 | 1 << 2", 0x14),
    ("1 << 63 << 1", 0),
    ("-1", (1 << 64) - 1),
    ("~0 >> 60", 15),
    ("!5 + !0", 1),
    ("7 % 4 * 2", 6),
    ("1 || 0 && 0", 1),
    ("3 > 2 == 1", 1),
    ("6 & 3 ^ 1", 3),
    ("$rax", 5),
    ("$rsp + 8 == table", 1),
    ("&table", BASE + 8),
    ("*(u8*)$rsp", 1),
    ("*(u16*)($rsp+1)", 0x0302),
    ("*(u32*)table", 0x0C0B0A09),
    ("*table", 0x100F0E0D0C0B0A09),
    ("{int}table + 1", 0x0C0B0A0A),
    ("*(char*)$rsp + *(char*)($rsp + 1)", 3),
)


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_an_expression_has_the_value_that_it_has_in_c(text: str, value: int) -> None:
    assert evaluate(text, Values()) == value


WRONG: Final = (
    ("", "an expression is missing"),
    ("1 +", "ends too early"),
    ("1 2", "cannot read '2'"),
    ("(1", "expected '\\)'"),
    ("1 / 0", "division by zero"),
    ("5 % (1-1)", "division by zero"),
    ("*(u33*)1", "no symbol 'u33'"),
    ("{nothing}1", "no type 'nothing'"),
    ("nowhere", "no symbol 'nowhere'"),
    ("#", "cannot read '#'"),
    ("(" * 100 + "1", "nested too deeply"),
    ("-" * 100 + "1", "nested too deeply"),
)


@pytest.mark.parametrize(("text", "why"), WRONG, ids=[text[:12] or "nothing" for text, _ in WRONG])
def test_what_is_no_expression_is_a_sentence(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        evaluate(text, Values())
