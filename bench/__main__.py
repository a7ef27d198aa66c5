"""`python -m bench [--quick] [--json FILE] [--write-docs] [NAME...]`: measures and reports.

It chooses what is measured and where the report goes; what a figure means stands in the modules
of bench/experiments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench.experiments import (
    compute,
    crossings,
    faults,
    programs,
    startup,
    steps,
    tasks,
    testing,
)
from bench.measure import ROOT, compiled_files
from bench.report import Section, as_json, as_markdown, into_page, renewed, tables_of
from bench.subjects import neighbours

EXPERIMENTS: Final[Mapping[str, Callable[[bool, int], list[Section]]]] = {
    "compute": compute.run,
    "crossings": crossings.run,
    "startup": startup.run,
    "faults": faults.run,
    "programs": programs.run,
    "steps": steps.run,
    "tasks": tasks.run,
    "testing": testing.run,
}
PAGE: Final = ROOT / "docs/performance.md"
ROUNDS: Final = 7


def main(argv: list[str]) -> int:
    """Runs the experiments; returns 1 if a requirement is missed, unless sizes are quick."""
    options = _parse(argv)
    rounds = 1 if options.quick else options.rounds
    sections: list[Section] = []
    with compiled_files():
        for name in options.names or EXPERIMENTS:
            print(f"bench: {name} ...", file=sys.stderr, flush=True)
            sections += EXPERIMENTS[name](options.quick, rounds)
    _report(options, sections)
    holds = all(requirement.holds for section in sections for requirement in section.requirements)
    return 0 if holds or options.quick else 1


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measures ringscope beside its neighbours, as ratios."
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: only a look")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved [{ROUNDS}]")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--write-docs", action="store_true", help=f"put them into {PAGE.name}")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of: {', '.join(EXPERIMENTS)}; without any, all"
    )
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in EXPERIMENTS:
            parser.error(f"no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    return options


def _report(options: argparse.Namespace, sections: list[Section]) -> None:
    others = neighbours()
    if options.json:
        report = as_json(sections, options.quick, others)
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    tables = as_markdown(sections, options.quick, others)
    if options.write_docs:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(into_page(page, renewed(tables_of(page), tables)), "utf-8")
    print(tables, end="")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
