"""The ledger as text in the manner of perf stat, as JSON, and as separated values.

It formats a finished `Result`; how the figures came about is told in ledger.py. No cycle is shown,
because nobody measured one. perf-stat(1), "STAT REPORT", "CSV FORMAT".
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from emu.events import Cause
from emu.watch.ledger import Row

_WIDTH: Final = 18


class Result(NamedTuple):
    """One finished run. `exit_status` is what the command returns; `signal` 0 means none."""

    command: str
    exit_status: int
    signal: int
    signal_name: str
    ended_by: str  # `exit`, `signal`, `limit`, `interrupt`, or `error`: it needs what is not there
    user: int
    entry: int
    exit: int
    total: int
    nested_traps: int
    rows: list[Row]
    syscalls: dict[str, int]
    unknown_syscalls: dict[str, int]
    counter: str
    cause: Cause | None = None  # of a program that died of an exception


def as_dict(result: Result) -> dict[str, Any]:
    """The report as one JSON-ready object."""
    return {
        "command": result.command,
        "exit_status": result.exit_status,
        "signal": result.signal or None,
        "signal_name": result.signal_name or None,
        "ended_by": result.ended_by,
        "instructions": {
            "total": result.total,
            "user": result.user,
            "entry": result.entry,
            "handler": 0,
            "exit": result.exit,
        },
        "crossings": [
            {
                "mechanism": row.mechanism,
                "abi": row.abi,
                "count": row.crossings,
                "entry": row.entry,
                "exit": row.exit,
            }
            for row in result.rows
        ],
        "nested_traps": result.nested_traps,
        "syscalls": result.syscalls,
        "unknown_syscalls": result.unknown_syscalls,
        "counter": result.counter,
        "cause": _cause(result),
    }


def _cause(result: Result) -> dict[str, Any] | None:
    if result.cause is None:
        return None
    from emu.watch import cause

    return cause.as_dict(result.cause)


def as_json(result: Result) -> str:
    """One JSON object on one line."""
    import json

    return json.dumps(as_dict(result)) + "\n"


def as_csv(result: Result, separator: str) -> str:
    """Lines of value, unit (none), event, percentage of all instructions."""
    rows: list[tuple[object, ...]] = [
        (value, "", event, f"{_percent(value, result.total):.2f}")
        for value, event in _paths(result)
    ]
    for row in result.rows:
        name = f"{row.mechanism}:{row.abi}"
        rows.append((row.crossings, "", f"crossings:{name}", ""))
        rows.append((row.entry, "", f"entry:{name}", ""))
        rows.append((row.exit, "", f"exit:{name}", ""))
    rows += [(count, "", f"syscalls:{name}", "") for name, count in result.syscalls.items()]
    rows += [(n, "", f"unknown_syscalls:{name}", "") for name, n in result.unknown_syscalls.items()]
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def as_text(result: Result) -> str:
    """For a person, 80 columns."""
    lines = ["", f" Performance counter stats for '{result.command}':", ""]
    notes = {
        "instructions": "",
        "instructions:u": "ring 3",
        "entry": "ring 0, to the hand-over",
        "handler": "Python: no guest code",
        "exit": "ring 0, back to ring 3",
    }
    for value, event in _paths(result):
        share = f"# {_percent(value, result.total):6.2f} %"
        lines.append(f"{value:{_WIDTH},}      {event:<17} {share}  {notes[event]}".rstrip())
    lines += ["", *_crossing_lines(result.rows)]
    lines += _call_lines("system calls", result.syscalls, result.unknown_syscalls)
    lines += ["", f" {_ending(result)}", ""]
    return "\n".join(lines) + "\n"


def _paths(result: Result) -> list[tuple[int, str]]:
    return [
        (result.total, "instructions"),
        (result.user, "instructions:u"),
        (result.entry, "entry"),
        (0, "handler"),
        (result.exit, "exit"),
    ]


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _crossing_lines(rows: list[Row]) -> list[str]:
    if not rows:
        return ["         no crossing into ring 0"]
    lines = ["         crossings    by        abi        entry    each      exit    each"]
    for row in rows:
        entry, leave = row.entry / row.crossings, row.exit / row.crossings
        lines.append(
            f"{row.crossings:{_WIDTH},}    {row.mechanism:<9} {row.abi:<7}"
            f"{row.entry:9,} {entry:7.1f} {row.exit:9,} {leave:7.1f}"
        )
    return lines


def _call_lines(title: str, calls: dict[str, int], unknown: dict[str, int]) -> list[str]:
    if not calls:
        return []
    lines = ["", f"         {title}"]
    for name, count in sorted(calls.items(), key=lambda item: (-item[1], item[0])):
        note = "  # not in this kernel: -ENOSYS" if name in unknown else ""
        lines.append(f"{count:{_WIDTH},}    {name}{note}")
    return lines


def _ending(result: Result) -> str:
    endings = {
        "exit": f"exited with status {result.exit_status}",
        "signal": f"killed by {result.signal_name}, status {result.exit_status}",
        "limit": f"stopped by --max-instructions, status {result.exit_status}",
        "error": f"could not go on, status {result.exit_status}",
        "interrupt": f"interrupted, status {result.exit_status}",
    }
    return endings[result.ended_by]
