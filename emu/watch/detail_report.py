"""The detailed ledger as text and as data: each purpose, and what the processor itself refers to.

It formats; the figures are made in detail.py, the processor's references stand in emu/x86.
"""

from __future__ import annotations

from typing import Any

from emu.watch.spread import Detail, Spread
from emu.x86 import references, vectors
from emu.x86.references import Reference

_INDENT = " " * 9


def as_list(details: list[Detail]) -> list[dict[str, Any]]:
    """JSON-ready rows."""
    return [
        {
            "mechanism": detail.mechanism,
            "abi": detail.abi,
            "name": detail.name,
            "count": detail.entry.count,
            "entry": _spread(detail.entry),
            "exit": _spread(detail.exit),
        }
        for detail in details
    ]


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "min": spread.least,
        "mean": spread.mean,
        "max": spread.most,
        "total": spread.total,
        "count": spread.count,
    }


def references_as_list(details: list[Detail]) -> list[dict[str, Any]]:
    """The processor's references, for each mechanism that was used, as JSON-ready rows."""
    return [
        {"mechanism": mechanism, "way": way, **row._asdict()}
        for mechanism in dict.fromkeys(detail.mechanism for detail in details)
        for way, rows in _ways(mechanism, details)
        for row in rows
    ]


def as_text(details: list[Detail]) -> str:
    """For a person: a table of purposes, and one of references."""
    heads = f"{'crossings':>18}    by        abi     for"
    lines = [f"{heads:<62}entry min    mean    max  exit min    mean    max"]
    for detail in details:
        entry, leave = detail.entry, detail.exit
        what = f"{entry.count:18,}    {detail.mechanism:<9} {detail.abi:<7} {detail.name}"
        lines.append(f"{what:<62}{_numbers(entry)}  {_numbers(leave)}".rstrip())
    lines += ["", f"{_INDENT}what the processor itself refers to in memory, each crossing"]
    for mechanism in dict.fromkeys(detail.mechanism for detail in details):
        for way, rows in _ways(mechanism, details):
            lines += _reference_lines(mechanism, way, rows)
    return "\n".join(lines) + "\n"


def _numbers(spread: Spread) -> str:
    if not spread.count:
        return f"{'-':>9}{'-':>8}{'-':>7}"
    return f"{spread.least:9,}{spread.mean:8.1f}{spread.most:7,}"


def entering(mechanism: str, details: list[Detail]) -> list[Reference]:
    """The references on the way in; that of an error code if one of the crossings has one."""
    names = {detail.name for detail in details if detail.mechanism == mechanism}
    has_code = any(row.mnemonic in names and row.has_error_code for row in vectors.TABLE.values())
    return references.entering(mechanism, has_code)


def _ways(mechanism: str, details: list[Detail]) -> list[tuple[str, list[Reference]]]:
    return [
        ("in", entering(mechanism, details)),
        (f"out, {references.WAYS_OUT[mechanism]}", references.returning(mechanism)),
    ]


def _reference_lines(mechanism: str, way: str, rows: list[Reference]) -> list[str]:
    count, size = references.total(rows)
    head = f"{count:18}    {mechanism:<9} {way:<12}"
    if not rows:
        return [f"{head} none: registers and MSRs hold all"]
    lines = [f"{head} {size} bytes"]
    lines += [f"{row.times:22}    {row.access:<5} {row.what}: {row.why}" for row in rows]
    return lines
