"""What docs/programs.md says of each row: what runs, and what the last recording found.

The table's rows and `results.json` are read; nothing is run. It knows Markdown's links.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.programs.table import BOTH, TABLE, Program

RESULTS: Final = Path(__file__).with_name("results.json")
SCRIPTS: Final = Path(__file__).with_name("scripts")
HEADINGS: Final = (
    *("program", "packages", "what runs", *BOTH, "instructions, millions", "not compared"),
)


def recorded() -> dict[str, dict[str, Any]]:
    """By row and ABI, what was found when it was last run with `--record`."""
    return dict(json.loads(RESULTS.read_text("utf-8"))) if RESULTS.exists() else {}


def rows() -> Iterator[tuple[str, ...]]:
    results = recorded()
    return (row(program, results.get(program.name, {})) for program in TABLE)


def row(program: Program, results: Mapping[str, Any]) -> tuple[str, ...]:
    found = {abi: results[abi] for abi in BOTH if abi in results}
    counts = [f"{result['instructions'] / 1e6:,.0f}" for result in found.values()]
    reasons = dict.fromkeys(rule.why for rule in program.normal)
    ignored = [] if program.files else ["the files that it leaves"]
    return (
        program.name,
        " ".join(program.packages),
        what_runs(program),
        *(verdict(program, abi, found.get(abi)) for abi in BOTH),
        ", ".join(counts),
        "; ".join([*reasons, *ignored]),
    )


def what_runs(program: Program) -> str:
    """The command, or what the script says of itself in its first line."""
    script = SCRIPTS / program.command[-1]
    if not script.exists():
        return f"`{' '.join(program.command)}`"
    line = script.read_text("utf-8").splitlines()[0].strip('#-" ')
    return f"[{script.name}](../tests/programs/scripts/{script.name}): {line}"


def verdict(program: Program, abi: str, result: Mapping[str, Any] | None) -> str:
    if abi not in program.abis:
        return ""
    if result is None:
        return program.note or "not recorded"
    return "same" if result["same"] else f"differs: {program.note}"
