"""Programs side by side: their ledgers as columns with ratios, and what each crossing costs.

It formats finished results. Beside our figures stand those of Linux itself (linux_counts.py) and
what the processor refers to in memory (emu/x86/references.py). No cycle is shown: nobody measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from emu.watch import detail_report, linux_counts, report
from emu.watch.ledger import Row
from emu.watch.report import Result
from emu.x86 import references

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST: Final = len(_LETTERS)
_FIGURES: Final[tuple[tuple[str, Callable[[Result], int]], ...]] = (
    ("instructions", lambda result: result.total),
    ("instructions:u", lambda result: result.user),
    ("entry", lambda result: result.entry),
    ("exit", lambda result: result.exit),
    ("crossings", lambda result: sum(row.crossings for row in result.rows)),
)


def as_text(results: list[Result]) -> str:
    """For a person: a legend, the figures with ratios to the first program, the crossings."""
    letters = _LETTERS[: len(results)]
    legend = [f" {letter}  {r.command}" for letter, r in zip(letters, results, strict=True)]
    heads = "".join(f"{letter:>12}{'/A' if letter != 'A' else '':>7}" for letter in letters)
    lines = ["", *legend, "", f"{'':16}{heads}".rstrip()]
    for name, figure in _FIGURES:
        values = [figure(result) for result in results]
        cells = "".join(_cell(value, values[0], i) for i, value in enumerate(values))
        lines.append(f" {name:<15}{cells}".rstrip())
    lines += ["", *_crossing_lines(results), ""]
    return "\n".join(lines) + "\n"


def _cell(value: int, first: int, index: int) -> str:
    ratio = f"{value / first:7.2f}" if index and first else " " * 7
    return f"{value:12,}{ratio}"


def _crossing_lines(results: list[Result]) -> list[str]:
    """Each kind of crossing of each program: ours, the processor's own work, and Linux's."""
    lines = [
        f"{'':50}memory that the CPU      Linux 6.1",
        f" {'each crossing':<32}entry   exit   itself refers to        entry  exit",
    ]
    for letter, result in zip(_LETTERS, results, strict=False):
        for row in result.rows:
            what = f"{row.crossings:9,} {row.mechanism:<9} {row.abi:<7}"
            means = f"{row.entry / row.crossings:9.1f}{row.exit / row.crossings:7.1f}"
            rest = f"{_own(row, result):<22}{_linux(row, result.vendor)}"
            lines.append(f" {letter} {what}{means}   {rest}".rstrip())
    return [*lines, "", f" Linux: {linux_counts.SOURCE}"]


def _own(row: Row, result: Result) -> str:
    """What the processor refers to in memory by itself, in and out."""
    count, size = references.total(_references(row, result))
    return f"{count:2} times, {size:3} bytes" if count else "none"


def _references(row: Row, result: Result) -> list[references.Reference]:
    entering = detail_report.entering(row.mechanism, result.details or [])
    return [*entering, *references.returning(row.mechanism)]


def _linux(row: Row, vendor: str) -> str:
    found = linux_counts.COUNTS.get((vendor, row.mechanism, row.abi))
    return f"{found.entry:7}{found.exit:6}" if found else ""


def as_dict(results: list[Result]) -> dict[str, Any]:
    """The comparison as one JSON-ready object."""
    figures = {name: [figure(result) for result in results] for name, figure in _FIGURES}
    return {
        "programs": [report.as_dict(result) for result in results],
        "ratios": {
            name: [value / values[0] if values[0] else None for value in values]
            for name, values in figures.items()
        },
        "crossings": [
            {"program": index, **_crossing(row, result)}
            for index, result in enumerate(results)
            for row in result.rows
        ],
        "linux_source": linux_counts.SOURCE,
    }


def _crossing(row: Row, result: Result) -> dict[str, Any]:
    count, size = references.total(_references(row, result))
    linux = linux_counts.COUNTS.get((result.vendor, row.mechanism, row.abi))
    return {
        "mechanism": row.mechanism,
        "abi": row.abi,
        "count": row.crossings,
        "entry": row.entry / row.crossings,
        "exit": row.exit / row.crossings,
        "references": {"count": count, "bytes": size},
        "linux": linux._asdict() if linux else None,
    }
