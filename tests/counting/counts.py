"""The counting programs: where each is, and what is known about its count.

It knows `counts.json`, which a real processor has filled in (`record.py`), and the count that
each source carries, made by hand. How anything is counted it does not know.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.oracle.stepper import Counted

HERE: Final = Path(__file__).resolve().parent
SOURCES: Final = HERE / "programs"
TABLE: Final = HERE / "counts.json"

OPERATORS: Final[dict[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def names() -> list[str]:
    return sorted(source.stem for source in SOURCES.glob("*.S"))


def program(name: str) -> Path:
    return SOURCES / "bin" / name


def recorded() -> dict[str, Counted]:
    table = json.loads(TABLE.read_text("utf-8"))
    return {name: Counted(**row) for name, row in table["programs"].items()}


def value(node: ast.expr) -> int:
    """Sums and products of whole numbers, nothing else."""
    match node:
        case ast.Constant(int(number)):
            return number
        case ast.BinOp(left, sign, right) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](value(left), value(right))
    raise ValueError(f"not a sum: {ast.dump(node)}")


def made_by_hand(name: str) -> int:
    """The count after `retired:` in the source's first comment."""
    text = (SOURCES / f"{name}.S").read_text("utf-8")
    found = re.search(r"^ \* retired: (.+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{name}.S does not say how many instructions it retires")
    return value(ast.parse(found[1], mode="eval").body)
