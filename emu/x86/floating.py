"""The exceptions of floating-point operations as SSE signals them, and the numbers they give.

Numbers are bit patterns of a `Format`; arithmetic is exact, in fractions, and rounded once. It
knows flags, rounding, denormals-are-zero and flush-to-zero; it does not know instructions.
SDM 1, "SSE and SSE2 Floating-Point Exceptions in Detail", "Underflow", "Rounding Control Field";
IEEE 754. Tininess is detected after rounding.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final, NamedTuple

# Exception flags, as MXCSR has them.
IE, DE, ZE, OE, UE, PE = (1 << bit for bit in range(6))
ALL: Final = IE | DE | ZE | OE | UE | PE
BEFORE: Final = IE | DE | ZE  # found in the operands: where one is unmasked, nothing is computed
NEAREST, DOWN, UP, TRUNCATE = range(4)


class Format(NamedTuple):
    """A binary format: `precision` with the hidden bit."""

    width: int
    precision: int

    @property
    def fraction_bits(self) -> int:
        """The width of the stored significand."""
        return self.precision - 1

    @property
    def largest_exponent(self) -> int:
        """The exponent of the largest finite numbers; also the bias."""
        return (1 << self.width - self.precision - 1) - 1

    @property
    def least_exponent(self) -> int:
        """The exponent of the least normal numbers."""
        return 1 - self.largest_exponent


SINGLE: Final = Format(32, 24)
DOUBLE: Final = Format(64, 53)


class Control(NamedTuple):
    """What of MXCSR decides: `masks` as flags, a set bit masks."""

    masks: int = ALL
    rounding: int = NEAREST
    denormals_are_zero: bool = False
    flush_to_zero: bool = False


class Number(NamedTuple):
    """An operand taken apart. `value` is None for an infinity or a NaN."""

    negative: bool
    value: Fraction | None
    is_infinite: bool = False
    is_quiet: bool = False
    is_signaling: bool = False
    is_denormal: bool = False

    @property
    def is_nan(self) -> bool:
        """Whether it is a NaN of either kind."""
        return self.is_quiet or self.is_signaling

    @property
    def is_zero(self) -> bool:
        """Whether it is a zero of either sign."""
        return self.value == 0


class Result(NamedTuple):
    """A bit pattern and the flags that its operation sets."""

    bits: int
    flags: int


def unpack(form: Format, bits: int, control: Control) -> Number:
    """The number behind a bit pattern; a denormal one is 0 where MXCSR says so."""
    negative = bool(bits >> form.width - 1 & 1)
    fraction = bits & (1 << form.fraction_bits) - 1
    exponent = bits >> form.fraction_bits & 2 * form.largest_exponent + 1
    if exponent > 2 * form.largest_exponent:
        quiet = bool(fraction >> form.fraction_bits - 1)
        if not fraction:
            return Number(negative, None, is_infinite=True)
        return Number(negative, None, is_quiet=quiet, is_signaling=not quiet)
    denormal = not exponent and fraction != 0
    if denormal and control.denormals_are_zero:
        return Number(negative, Fraction(0))
    significand = fraction | (exponent and 1 << form.fraction_bits)
    shift = max(exponent, 1) - form.largest_exponent - form.fraction_bits
    value = _scaled(significand, shift)
    return Number(negative, -value if negative else value, is_denormal=denormal)


def _scaled(number: int, shift: int) -> Fraction:
    """`number` times 2 to the power of `shift`."""
    return Fraction(number << shift) if shift >= 0 else Fraction(number, 1 << -shift)


def signals(operands: tuple[Number, ...], invalid: bool = False) -> int:
    """The flags of operands alone: #IA before #D, and neither #D nor more for a quiet NaN."""
    if invalid or any(number.is_signaling for number in operands):
        return IE
    if any(number.is_quiet for number in operands):
        return 0
    return DE if any(number.is_denormal for number in operands) else 0


# ---- rounding


def rounded(value: Fraction, shift: int, mode: int) -> tuple[int, bool]:
    """|`value`| in units of 2**`shift`, rounded; and whether that is inexact."""
    scaled = abs(value) / _scaled(1, shift)
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    away = {
        NEAREST: rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole & 1 == 1),
        DOWN: value < 0 and rest > 0,
        UP: value > 0 and rest > 0,
        TRUNCATE: False,
    }[mode]
    return whole + away, rest != 0


def _exponent(value: Fraction) -> int:
    """The exponent of |value|, which is not 0."""
    magnitude = abs(value)
    guess = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    return guess if _scaled(1, guess) <= magnitude else guess - 1


def pack(form: Format, value: Fraction, negative: bool, control: Control) -> Result:
    """The finite `value` in `form`; `negative` is the sign of a zero."""
    sign = int(value < 0 or (value == 0 and negative)) << form.width - 1
    if value == 0:
        return Result(sign, 0)
    exponent = _exponent(value)
    significand, inexact = rounded(value, exponent - form.fraction_bits, control.rounding)
    if significand >> form.precision:
        significand, exponent = significand >> 1, exponent + 1
    if exponent > form.largest_exponent:
        return _overflowed(form, value < 0, inexact, control)
    if exponent < form.least_exponent:
        return _tiny(form, value, inexact, control)
    biased = exponent + form.largest_exponent - 1  # the hidden bit adds one
    return Result(sign | (biased << form.fraction_bits) + significand, PE if inexact else 0)


def _overflowed(form: Format, negative: bool, inexact: bool, control: Control) -> Result:
    infinity = 2 * form.largest_exponent + 1 << form.fraction_bits
    toward_zero = control.rounding in (TRUNCATE, UP if negative else DOWN)
    bits = infinity - 1 if toward_zero else infinity
    precision = PE if inexact or control.masks & OE else 0
    return Result(int(negative) << form.width - 1 | bits, OE | precision)


def _tiny(form: Format, value: Fraction, inexact: bool, control: Control) -> Result:
    """Below the normal numbers: underflow is signaled where it is unmasked, or loses bits."""
    sign = int(value < 0) << form.width - 1
    if not control.masks & UE:
        return Result(sign, UE | (PE if inexact else 0))
    if control.flush_to_zero:
        return Result(sign, UE | PE)
    shift = form.least_exponent - form.fraction_bits
    significand, inexact = rounded(value, shift, control.rounding)
    return Result(sign | significand, UE | PE if inexact else 0)


def _nan(form: Format) -> int:
    """The default NaN."""
    return ((1 << form.width - form.fraction_bits + 1) - 1) << form.fraction_bits - 1


def _infinity(form: Format, negative: bool) -> int:
    return int(negative) << form.width - 1 | (2 * form.largest_exponent + 1 << form.fraction_bits)


# ---- operations


def add(form: Format, a: int, b: int, control: Control) -> Result:
    """a + b."""
    x, y = unpack(form, a, control), unpack(form, b, control)
    opposite = x.is_infinite and y.is_infinite and x.negative != y.negative
    flags = signals((x, y), opposite)
    if x.is_nan or y.is_nan or opposite:
        return Result(_nan(form), flags)
    if x.value is None or y.value is None:
        return Result(_infinity(form, x.negative if x.is_infinite else y.negative), flags)
    both = x.negative and y.negative
    negative = both or (control.rounding == DOWN and x.negative != y.negative)
    return _with(flags, pack(form, x.value + y.value, negative, control))


def subtract(form: Format, a: int, b: int, control: Control) -> Result:
    """a - b. The sign of a NaN does not matter here."""
    return add(form, a, b ^ 1 << form.width - 1, control)


def multiply(form: Format, a: int, b: int, control: Control) -> Result:
    """a * b."""
    x, y = unpack(form, a, control), unpack(form, b, control)
    invalid = (x.is_infinite and y.is_zero) or (y.is_infinite and x.is_zero)
    flags, negative = signals((x, y), invalid), x.negative != y.negative
    if x.is_nan or y.is_nan or invalid:
        return Result(_nan(form), flags)
    if x.value is None or y.value is None:
        return Result(_infinity(form, negative), flags)
    return _with(flags, pack(form, x.value * y.value, negative, control))


def divide(form: Format, a: int, b: int, control: Control) -> Result:
    """a / b."""
    x, y = unpack(form, a, control), unpack(form, b, control)
    invalid = (x.is_infinite and y.is_infinite) or (x.is_zero and y.is_zero)
    flags, negative = signals((x, y), invalid), x.negative != y.negative
    if x.is_nan or y.is_nan or invalid:
        return Result(_nan(form), flags)
    if x.value is None:
        return Result(_infinity(form, negative), flags)
    if y.value is None:
        return Result(int(negative) << form.width - 1, flags)
    if y.value == 0:
        return Result(_infinity(form, negative), ZE)
    return _with(flags, pack(form, x.value / y.value, negative, control))


def square_root(form: Format, a: int, control: Control) -> Result:
    """The root of a: exact, or not; it neither over- nor underflows. Its bits are not computed."""
    x = unpack(form, a, control)
    invalid = x.negative and not x.is_zero and not x.is_nan
    flags = signals((x,), invalid)
    if x.value is None or x.is_zero or invalid:
        return Result(0, flags)
    shift = 2 * (form.largest_exponent + form.precision)  # makes any of them whole, and is even
    whole = x.value * _scaled(1, shift)
    exact = math.isqrt(whole.numerator) ** 2 == whole.numerator
    return Result(0, flags | (0 if exact else PE))


def compare(form: Format, a: int, b: int, control: Control, quiet: bool) -> Result:
    """A comparison, MIN or MAX; `quiet` ones take a quiet NaN for no reason to complain."""
    x, y = unpack(form, a, control), unpack(form, b, control)
    return Result(0, signals((x, y), not quiet and (x.is_nan or y.is_nan)))


def convert(source: Format, target: Format, a: int, control: Control) -> Result:
    """From one format to another."""
    x = unpack(source, a, control)
    flags = signals((x,))
    if x.value is None:
        return Result(0, flags)
    return _with(flags, pack(target, x.value, x.negative, control))


def from_integer(target: Format, number: int, control: Control) -> Result:
    """A signed integer as a number."""
    return pack(target, Fraction(number), False, control)


def to_integer(source: Format, a: int, width: int, control: Control, mode: int) -> Result:
    """To a signed integer of `width` bits, rounded by `mode`."""
    x = unpack(source, a, control)
    if x.value is None:
        return Result(0, IE)
    whole, inexact = rounded(x.value, 0, mode)
    least = -(1 << width - 1)
    if not least <= (-whole if x.negative else whole) < -least:
        return Result(0, IE)
    return Result(0, PE if inexact else 0)


def round_to_integral(form: Format, a: int, control: Control, mode: int) -> Result:
    """To an integral number in the same format."""
    x = unpack(form, a, control)
    if x.value is None:
        return Result(0, IE if x.is_signaling else 0)
    return Result(0, PE if rounded(x.value, 0, mode)[1] else 0)


def _with(flags: int, result: Result) -> Result:
    return Result(result.bits, flags | result.flags)
