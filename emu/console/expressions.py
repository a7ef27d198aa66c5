"""Expressions as gdb's users write them: numbers, $registers, symbols, `*(u64*)($rsp+8)`.

A table of operators and a parser that climbs it; nothing is evaluated by Python's own `eval`. All
numbers are 64 bits wide and wrap. It reads through two functions that it is given.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from emu.errors import UsageError

MASK: Final = (1 << 64) - 1
_DEEPEST: Final = 64
SIZES: Final = {
    "u8": 1,
    "u16": 2,
    "u32": 4,
    "u64": 8,
    "char": 1,
    "short": 2,
    "int": 4,
    "long": 8,
    "byte": 1,
    "word": 2,
    "dword": 4,
    "qword": 8,
}
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+)\b|(?P<name>[$A-Za-z_.@][\w.@$]*)"
    r"|(?P<sign><<|>>|==|!=|<=|>=|&&|\|\||[-+*/%&|^~!()<>{}]))"
)


class Source(Protocol):
    """Where values come from. Each raises an error of one sentence."""

    def register(self, name: str) -> int:
        """The register `name`, without its $."""

    def symbol(self, name: str) -> int:
        """The address of the symbol `name`."""

    def load(self, address: int, size: int) -> int:
        """The number of `size` bytes at `address`."""


def _divide(a: int, b: int) -> int:
    if not b:
        raise UsageError("division by zero")
    return a // b


def _remainder(a: int, b: int) -> int:
    if not b:
        raise UsageError("division by zero")
    return a % b


class Binary(NamedTuple):
    """A binary operator: how tight it binds, and what it does."""

    tightness: int
    apply: Callable[[int, int], int]


BINARY: Final = {
    "||": Binary(1, lambda a, b: int(bool(a or b))),
    "&&": Binary(2, lambda a, b: int(bool(a and b))),
    "|": Binary(3, operator.or_),
    "^": Binary(4, operator.xor),
    "&": Binary(5, operator.and_),
    "==": Binary(6, lambda a, b: int(a == b)),
    "!=": Binary(6, lambda a, b: int(a != b)),
    "<": Binary(7, lambda a, b: int(a < b)),
    "<=": Binary(7, lambda a, b: int(a <= b)),
    ">": Binary(7, lambda a, b: int(a > b)),
    ">=": Binary(7, lambda a, b: int(a >= b)),
    "<<": Binary(8, lambda a, b: a << b if b < 64 else 0),
    ">>": Binary(8, lambda a, b: a >> min(b, 64)),
    "+": Binary(9, operator.add),
    "-": Binary(9, operator.sub),
    "*": Binary(10, operator.mul),
    "/": Binary(10, _divide),
    "%": Binary(10, _remainder),
}
UNARY: Final[dict[str, Callable[[int], int]]] = {
    "-": operator.neg,
    "+": operator.pos,
    "~": operator.invert,
    "!": lambda value: int(not value),
}


class _Token(NamedTuple):
    kind: str
    text: str


def evaluate(text: str, source: Source) -> int:
    """The value of `text`. Raises UsageError, or what `source` raises."""
    parser = _Parser(_tokens(text), source)
    value = parser.expression(0, 0)
    if parser.here.text:
        raise UsageError(f"cannot read {parser.here.text!r} in the expression {text.strip()!r}")
    return value


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise UsageError(f"cannot read {text[at:].strip()[:20]!r} as an expression")
        kind = found.lastgroup or ""
        tokens.append(_Token(kind, found[kind]))
        at = found.end()
    if not tokens:
        raise UsageError("an expression is missing")
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], source: Source) -> None:
        self._tokens = [*tokens, _Token("end", "")]
        self._at = 0
        self._source = source

    @property
    def here(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self.here
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def expression(self, tightness: int, depth: int) -> int:
        if depth > _DEEPEST:
            raise UsageError("the expression is nested too deeply")
        value = self._operand(depth + 1)
        while (binary := BINARY.get(self.here.text)) and binary.tightness > tightness:
            self._take()
            right = self.expression(binary.tightness, depth + 1)
            value = binary.apply(value, right) & MASK
        return value

    def _operand(self, depth: int) -> int:
        if depth > _DEEPEST:
            raise UsageError("the expression is nested too deeply")
        token = self._take()
        if token.kind == "number":
            base = 16 if token.text[:2].lower() == "0x" else 10
            return int(token.text[:40], base) & MASK
        if token.kind == "name":
            return self._named(token.text)
        if token.text == "*":
            return self._dereference(depth)
        if token.text == "(":
            value = self.expression(0, depth)
            self._expect(")")
            return value
        if token.text == "{":
            size = self._size()
            self._expect("}")
            return self._source.load(self._operand(depth + 1), size)
        if token.text in UNARY:
            return UNARY[token.text](self._operand(depth + 1)) & MASK
        if token.text == "&" and self.here.kind == "name":
            return self._named(self._take().text)
        raise UsageError(
            f"an expression cannot begin with {token.text!r}"
            if token.text
            else "the expression ends too early"
        )

    def _named(self, name: str) -> int:
        if name.startswith("$"):
            return self._source.register(name[1:])
        return self._source.symbol(name)

    def _dereference(self, depth: int) -> int:
        """`*(u32*)x`, or `*x` for eight bytes."""
        size = 8
        if self.here.text == "(" and self._tokens[self._at + 1].text in SIZES:
            self._take()
            size = self._size()
            self._expect("*")
            self._expect(")")
        return self._source.load(self._operand(depth + 1), size)

    def _size(self) -> int:
        name = self._take().text
        if name not in SIZES:
            raise UsageError(f"no type {name!r}; known: {', '.join(SIZES)}")
        return SIZES[name]

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text:
            found = repr(token.text) if token.text else "the end"
            raise UsageError(f"expected {text!r} in the expression, found {found}")
