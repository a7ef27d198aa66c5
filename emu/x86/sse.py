"""SSE instructions that signal floating-point exceptions: what each computes, element by element.

A row of `OPERATIONS` is an opcode with its mandatory prefix; floating.py does the arithmetic. It
knows how operands are cut into elements and which exceptions go first; it does not know where
operands come from.
SDM 1, "SSE and SSE2 Floating-Point Exceptions in Detail", "Handling Unmasked Exceptions"; SDM 2,
the pages of the instructions ("SIMD Floating-Point Exceptions").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from emu.x86 import floating
from emu.x86.floating import ALL, BEFORE, DOUBLE, SINGLE, TRUNCATE, Control, Format, Result

XMM, MMX, GPR = "xmm", "mmx", "gpr"
NO_PREFIX, P66, F2, F3 = 0, 0x66, 0xF2, 0xF3
_SHAPES: Final = {NO_PREFIX: (SINGLE, 4), P66: (DOUBLE, 2), F3: (SINGLE, 1), F2: (DOUBLE, 1)}


class Inputs(NamedTuple):
    """The operands of one instruction as numbers; `width` is that of a general register."""

    a: int
    b: int
    immediate: int
    width: int
    control: Control

    def lanes(self, form: Format, count: int) -> list[tuple[int, int]]:
        """The elements of both operands, side by side."""
        return list(
            zip(_split(self.a, form.width, count), _split(self.b, form.width, count), strict=True)
        )


# Results by stage: what a later one needs is not computed where an earlier one raises.
Stages: TypeAlias = list[list[Result]]


class Operation(NamedTuple):
    """`size` in bytes of a source in memory; 0 if it is that of a general register."""

    size: int
    source: str
    stages: Callable[[Inputs], Stages]


def signals(stages: Stages, masks: int) -> int:
    """The flags that are set if something unmasked is signaled, else 0.

    The operands of all elements come first, results only where these raise nothing.
    """
    flags = 0
    for results in stages:
        before = after = 0
        for result in results:
            before |= result.flags & BEFORE
            after |= result.flags
        if before & ~masks:
            return flags | before
        flags |= after
        if after & ~masks:
            return flags
    return 0


def _split(value: int, width: int, count: int) -> list[int]:
    return [value >> width * i & (1 << width) - 1 for i in range(count)]


def _signed(value: int, width: int) -> int:
    value &= (1 << width) - 1
    return value - (value >> width - 1 << width)


# ---- operations

Binary: TypeAlias = Callable[[Format, int, int, Control], Result]


def _binary(form: Format, count: int, function: Binary) -> Callable[[Inputs], Stages]:
    return lambda x: [[function(form, a, b, x.control) for a, b in x.lanes(form, count)]]


def _root(form: Format, _a: int, b: int, control: Control) -> Result:
    return floating.square_root(form, b, control)


def _ordered(form: Format, a: int, b: int, control: Control) -> Result:
    return floating.compare(form, a, b, control, quiet=False)


def _unordered(form: Format, a: int, b: int, control: Control) -> Result:
    return floating.compare(form, a, b, control, quiet=True)


def _predicate(form: Format, count: int) -> Callable[[Inputs], Stages]:
    """CMP: EQ, UNORD, NEQ and ORD are quiet."""

    def stages(x: Inputs) -> Stages:
        function = _unordered if x.immediate & 3 in (0, 3) else _ordered
        return _binary(form, count, function)(x)

    return stages


def _convert(source: Format, target: Format, count: int) -> Callable[[Inputs], Stages]:
    return lambda x: [
        [floating.convert(source, target, b, x.control) for b in _split(x.b, source.width, count)]
    ]


def _from_integers(target: Format, count: int, width: int = 32) -> Callable[[Inputs], Stages]:
    """`width` 0: that of the general register."""

    def stages(x: Inputs) -> Stages:
        bits = width or x.width
        numbers = [_signed(b, bits) for b in _split(x.b, bits, count)]
        return [[floating.from_integer(target, number, x.control) for number in numbers]]

    return stages


def _to_integers(
    source: Format, count: int, truncates: bool, width: int = 32
) -> Callable[[Inputs], Stages]:
    """`width` 0: that of the general register."""

    def stages(x: Inputs) -> Stages:
        mode = TRUNCATE if truncates else x.control.rounding
        found = _split(x.b, source.width, count)
        return [[floating.to_integer(source, b, width or x.width, x.control, mode) for b in found]]

    return stages


def _round(form: Format, count: int) -> Callable[[Inputs], Stages]:
    """The immediate chooses the mode, or MXCSR's, and may keep precision quiet."""

    def stages(x: Inputs) -> Stages:
        mode = x.control.rounding if x.immediate & 4 else x.immediate & 3
        found = [
            floating.round_to_integral(form, b, x.control, mode)
            for b in _split(x.b, form.width, count)
        ]
        kept = ALL & ~floating.PE if x.immediate & 8 else ALL
        return [[Result(result.bits, result.flags & kept) for result in found]]

    return stages


def _horizontal(form: Format, count: int, function: Binary) -> Callable[[Inputs], Stages]:
    def stages(x: Inputs) -> Stages:
        both = _split(x.a, form.width, count) + _split(x.b, form.width, count)
        pairs = zip(both[::2], both[1::2], strict=True)
        return [[function(form, a, b, x.control) for a, b in pairs]]

    return stages


def _alternating(form: Format, count: int) -> Callable[[Inputs], Stages]:
    """ADDSUB: even elements are subtracted."""

    def stages(x: Inputs) -> Stages:
        functions = (floating.subtract, floating.add)
        lanes = enumerate(x.lanes(form, count))
        return [[functions[i & 1](form, a, b, x.control) for i, (a, b) in lanes]]

    return stages


def _dot(form: Format, count: int) -> Callable[[Inputs], Stages]:
    """Products of the elements chosen by the immediate, then sums of pairs until one is left."""

    def stages(x: Inputs) -> Stages:
        results = [
            floating.multiply(form, a, b, x.control) if x.immediate >> 4 + i & 1 else Result(0, 0)
            for i, (a, b) in enumerate(x.lanes(form, count))
        ]
        found = [results]
        while len(results) > 1:
            pairs = zip(results[::2], results[1::2], strict=True)
            results = [floating.add(form, a.bits, b.bits, x.control) for a, b in pairs]
            found.append(results)
        return found

    return stages


_EVERYWHERE: Final[dict[int, Binary]] = {
    0x51: _root,
    0x58: floating.add,
    0x59: floating.multiply,
    0x5C: floating.subtract,
    0x5D: _ordered,  # MIN
    0x5E: floating.divide,
    0x5F: _ordered,  # MAX
}


def _in_every_shape() -> dict[tuple[int, int], Operation]:
    found = {}
    for prefix, (form, count) in _SHAPES.items():
        size = form.width // 8 * count
        for opcode, function in _EVERYWHERE.items():
            found[prefix, opcode] = Operation(size, XMM, _binary(form, count, function))
        found[prefix, 0xC2] = Operation(size, XMM, _predicate(form, count))
    return found


OPERATIONS: Final[dict[tuple[int, int], Operation]] = {
    **_in_every_shape(),
    (NO_PREFIX, 0x2E): Operation(4, XMM, _binary(SINGLE, 1, _unordered)),  # UCOMISS
    (P66, 0x2E): Operation(8, XMM, _binary(DOUBLE, 1, _unordered)),
    (NO_PREFIX, 0x2F): Operation(4, XMM, _binary(SINGLE, 1, _ordered)),  # COMISS
    (P66, 0x2F): Operation(8, XMM, _binary(DOUBLE, 1, _ordered)),
    (NO_PREFIX, 0x5A): Operation(8, XMM, _convert(SINGLE, DOUBLE, 2)),  # CVTPS2PD
    (P66, 0x5A): Operation(16, XMM, _convert(DOUBLE, SINGLE, 2)),  # CVTPD2PS
    (F3, 0x5A): Operation(4, XMM, _convert(SINGLE, DOUBLE, 1)),  # CVTSS2SD
    (F2, 0x5A): Operation(8, XMM, _convert(DOUBLE, SINGLE, 1)),  # CVTSD2SS
    (NO_PREFIX, 0x5B): Operation(16, XMM, _from_integers(SINGLE, 4)),  # CVTDQ2PS
    (P66, 0x5B): Operation(16, XMM, _to_integers(SINGLE, 4, truncates=False)),  # CVTPS2DQ
    (F3, 0x5B): Operation(16, XMM, _to_integers(SINGLE, 4, truncates=True)),  # CVTTPS2DQ
    (P66, 0xE6): Operation(16, XMM, _to_integers(DOUBLE, 2, truncates=True)),  # CVTTPD2DQ
    (F2, 0xE6): Operation(16, XMM, _to_integers(DOUBLE, 2, truncates=False)),  # CVTPD2DQ
    (NO_PREFIX, 0x2A): Operation(8, MMX, _from_integers(SINGLE, 2)),  # CVTPI2PS
    (F3, 0x2A): Operation(0, GPR, _from_integers(SINGLE, 1, width=0)),  # CVTSI2SS
    (F2, 0x2A): Operation(0, GPR, _from_integers(DOUBLE, 1, width=0)),  # CVTSI2SD
    (NO_PREFIX, 0x2C): Operation(8, XMM, _to_integers(SINGLE, 2, truncates=True)),  # CVTTPS2PI
    (P66, 0x2C): Operation(16, XMM, _to_integers(DOUBLE, 2, truncates=True)),  # CVTTPD2PI
    (F3, 0x2C): Operation(4, XMM, _to_integers(SINGLE, 1, truncates=True, width=0)),
    (F2, 0x2C): Operation(8, XMM, _to_integers(DOUBLE, 1, truncates=True, width=0)),
    (NO_PREFIX, 0x2D): Operation(8, XMM, _to_integers(SINGLE, 2, truncates=False)),  # CVTPS2PI
    (P66, 0x2D): Operation(16, XMM, _to_integers(DOUBLE, 2, truncates=False)),  # CVTPD2PI
    (F3, 0x2D): Operation(4, XMM, _to_integers(SINGLE, 1, truncates=False, width=0)),
    (F2, 0x2D): Operation(8, XMM, _to_integers(DOUBLE, 1, truncates=False, width=0)),
    (P66, 0x7C): Operation(16, XMM, _horizontal(DOUBLE, 2, floating.add)),  # HADDPD
    (F2, 0x7C): Operation(16, XMM, _horizontal(SINGLE, 4, floating.add)),
    (P66, 0x7D): Operation(16, XMM, _horizontal(DOUBLE, 2, floating.subtract)),  # HSUBPD
    (F2, 0x7D): Operation(16, XMM, _horizontal(SINGLE, 4, floating.subtract)),
    (P66, 0xD0): Operation(16, XMM, _alternating(DOUBLE, 2)),  # ADDSUBPD
    (F2, 0xD0): Operation(16, XMM, _alternating(SINGLE, 4)),
    (P66, 0x3A08): Operation(16, XMM, _round(SINGLE, 4)),  # ROUNDPS
    (P66, 0x3A09): Operation(16, XMM, _round(DOUBLE, 2)),
    (P66, 0x3A0A): Operation(4, XMM, _round(SINGLE, 1)),
    (P66, 0x3A0B): Operation(8, XMM, _round(DOUBLE, 1)),
    (P66, 0x3A40): Operation(16, XMM, _dot(SINGLE, 4)),  # DPPS
    (P66, 0x3A41): Operation(16, XMM, _dot(DOUBLE, 2)),
}
