"""Floating-point operations signal and give what a processor does, bit by bit.

The rows were made on a processor of AMD: an operation, MXCSR, two operands, flags and result.
SDM 1, "SSE and SSE2 Floating-Point Exceptions in Detail".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from emu.x86 import floating
from emu.x86.floating import DOUBLE, SINGLE, Control, Format, Result

RECORDED: Final = json.loads(Path(__file__).with_name("floating.json").read_text("utf-8"))
ARITHMETIC: Final = {
    "add": floating.add,
    "sub": floating.subtract,
    "mul": floating.multiply,
    "div": floating.divide,
}
FORMATS: Final = {"ss": SINGLE, "sd": DOUBLE}
OPERATIONS: Final[dict[str, Callable[[int, int, Control], Result]]] = {
    "cvtss2sd": lambda _, b, c: floating.convert(SINGLE, DOUBLE, b, c),
    "cvtsd2ss": lambda _, b, c: floating.convert(DOUBLE, SINGLE, b, c),
    "cvtss2si": lambda _, b, c: floating.to_integer(SINGLE, b, 32, c, c.rounding),
    "cvttss2si": lambda _, b, c: floating.to_integer(SINGLE, b, 64, c, floating.TRUNCATE),
    "cvtsd2si": lambda _, b, c: floating.to_integer(DOUBLE, b, 64, c, c.rounding),
    "cvttsd2si": lambda _, b, c: floating.to_integer(DOUBLE, b, 32, c, floating.TRUNCATE),
    "cvtsi2ss": lambda _, b, c: floating.from_integer(SINGLE, b - (b >> 63 << 64), c),
    "cvtsi2sd": lambda _, b, c: floating.from_integer(DOUBLE, b - (b >> 63 << 64), c),
    "ucomiss": lambda a, b, c: floating.compare(SINGLE, a, b, c, quiet=True),
    "ucomisd": lambda a, b, c: floating.compare(DOUBLE, a, b, c, quiet=True),
    "comiss": lambda a, b, c: floating.compare(SINGLE, a, b, c, quiet=False),
    "comisd": lambda a, b, c: floating.compare(DOUBLE, a, b, c, quiet=False),
    "minss": lambda a, b, c: floating.compare(SINGLE, a, b, c, quiet=False),
    "maxsd": lambda a, b, c: floating.compare(DOUBLE, a, b, c, quiet=False),
    "sqrtss": lambda _, b, c: floating.square_root(SINGLE, b, c),
    "sqrtsd": lambda _, b, c: floating.square_root(DOUBLE, b, c),
    "roundss": lambda _, b, c: floating.round_to_integral(SINGLE, b, c, c.rounding),
    "roundsd": lambda _, b, c: floating.round_to_integral(DOUBLE, b, c, c.rounding),
}


def control(mxcsr: int) -> Control:
    return Control(mxcsr >> 7 & 0x3F, mxcsr >> 13 & 3, bool(mxcsr >> 6 & 1), bool(mxcsr >> 15))


def is_nan(form: Format, bits: int) -> bool:
    return floating.unpack(form, bits, Control()).is_nan


@pytest.mark.parametrize("name", RECORDED)
def test_flags_and_results_are_those_of_a_processor(name: str) -> None:
    wrong = []
    for mxcsr, a, b, flags, bits in RECORDED[name]:
        if name[:3] in ARITHMETIC and name[3:] in FORMATS:
            form = FORMATS[name[3:]]
            found = ARITHMETIC[name[:3]](form, a, b, control(mxcsr))
            same = found.bits == bits or (is_nan(form, bits) and is_nan(form, found.bits))
        else:
            found, same = OPERATIONS[name](a, b, control(mxcsr)), True
        if found.flags != flags or not same:
            wrong.append((mxcsr, a, b, found))
    assert wrong == []
    assert len(RECORDED[name]) >= 20


def test_every_exception_is_among_the_rows() -> None:
    seen = {row[3] for rows in RECORDED.values() for row in rows}
    assert seen >= {0, floating.IE, floating.DE, floating.ZE, floating.PE}
    assert seen >= {floating.OE | floating.PE, floating.UE | floating.PE}


@pytest.mark.parametrize("form", [SINGLE, DOUBLE])
def test_an_unmasked_underflow_needs_no_loss_of_precision(form: Format) -> None:
    least = 1 << form.fraction_bits
    half = form.largest_exponent - 1 << form.fraction_bits
    masked, unmasked = Control(), Control(masks=floating.ALL & ~floating.UE)
    assert floating.multiply(form, least, half, masked).flags == 0
    assert floating.multiply(form, least, half, unmasked).flags == floating.UE
