"""Runs every program of the table natively and here, and prints how they agree.

python -m tests.programs                 every row that this host can run
python -m tests.programs NAME...         only rows whose name holds one of these
python -m tests.programs --record        and write the results from which docs/programs.md is made
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.programs.runner import compare, reason_not_to_run
from tests.programs.table import BOTH, TABLE, Program

RESULTS: Final = Path(__file__).with_name("results.json")


def judge(program: Program, abi: str) -> dict[str, Any] | None:
    """Runs one row and prints its line; returns what to record, or None if it cannot be run."""
    label = f"{program.name} ({abi})"
    if (reason := reason_not_to_run(program, abi)) is not None:
        print(f"not run    {label}: {reason}", flush=True)
        return None
    found = compare(program, abi)
    verdict = "differs" if found.difference else "same"
    print(f"{verdict:10} {label}  {found.instructions:,} instructions", flush=True)
    if found.difference:
        print("    " + found.difference.replace("\n", "\n    "), flush=True)
    return {
        "same": not found.difference,
        "instructions": found.instructions,
        "unknown_calls": list(found.unknown_calls),
    }


def recorded() -> dict[str, dict[str, Any]]:
    return dict(json.loads(RESULTS.read_text("utf-8"))) if RESULTS.exists() else {}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="programs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write results.json")
    parser.add_argument("--abi", choices=BOTH, action="append", help="only this ABI")
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a row's name")
    options = parser.parse_args(arguments)
    results, failed = recorded(), False
    for program in TABLE:
        if options.names and not any(name in program.name for name in options.names):
            continue
        for abi in program.abis:
            if options.abi and abi not in options.abi:
                continue
            if (result := judge(program, abi)) is None:
                continue
            failed = failed or not result["same"]
            results.setdefault(program.name, {})[abi] = result
            if options.record:
                RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
