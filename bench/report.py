"""What was measured, as data: one shape for every section, printed as JSON and as Markdown.

It knows rows and requirements, and not where the numbers come from. The page that shows the tables
keeps them between two marks.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.measure import Figure

FORMAT: Final = 1
MARK: Final = "bench"


class Row(NamedTuple):
    """One subject. `ratio` is to the section's base; None where there is nothing to compare."""

    subject: str
    figure: Figure
    ratio: float | None = None
    remark: str = ""


class Requirement(NamedTuple):
    """What the project promises, and what was found."""

    claim: str
    limit: float
    found: float

    @property
    def holds(self) -> bool:
        return self.found <= self.limit


class Section(NamedTuple):
    """One table."""

    name: str
    title: str
    unit: str
    base: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    requirements: Sequence[Requirement] = ()


def host() -> dict[str, str]:
    """Where it was measured."""
    return {
        "cpu": _cpu_name(),
        "system": platform.system(),
        "python": platform.python_version(),
        "unicorn": version("unicorn"),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


# --- JSON -----------------------------------------------------------------------------------------


def as_json(sections: Sequence[Section], quick: bool, neighbours: Sequence[str]) -> dict[str, Any]:
    """The whole run as one JSON object. `neighbours`: which others were measured."""
    return {
        "format": FORMAT,
        "host": host(),
        "quick": quick,
        "neighbours": list(neighbours),
        "sections": {section.name: _section_json(section) for section in sections},
    }


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "unit": section.unit,
        "base": section.base,
        "rows": [
            {
                "subject": row.subject,
                "median": row.figure.median,
                "spread": row.figure.spread,
                "values": list(row.figure.values),
                "ratio": row.ratio,
                "remark": row.remark,
            }
            for row in section.rows
        ],
        "notes": list(section.notes),
        "requirements": [
            {**requirement._asdict(), "holds": requirement.holds}
            for requirement in section.requirements
        ],
    }


# --- Markdown -------------------------------------------------------------------------------------


def as_markdown(sections: Sequence[Section], quick: bool, neighbours: Sequence[str]) -> str:
    """The whole run as tables."""
    where = host()
    lines = [f"Measured on {where['cpu']}, Python {where['python']}, Unicorn {where['unicorn']}."]
    if quick:
        lines.append("**Quick sizes: good for a look, not for a claim.**")
    tables = (_section_markdown(section) for section in sections)
    return "\n".join([" ".join([*lines, *neighbours]), "", *tables]).rstrip() + "\n"


def _section_markdown(section: Section) -> str:
    ratio = f"ratio to {section.base}" if section.base else ""
    headings = ["", section.unit, "spread", ratio, ""]
    table = [headings, ["---", "---:", "---:", "---:", "---"], *map(_cells, section.rows)]
    if not any(row.remark for row in section.rows):
        table = [cells[:-1] for cells in table]
    lines = [f"### {section.title}", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in table]
    remarks = [f"- {note}" for note in section.notes]
    remarks += [_requirement_markdown(requirement) for requirement in section.requirements]
    return "\n".join([*lines, *([""] if remarks else []), *remarks]) + "\n"


def _cells(row: Row) -> list[str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    spread = f"{row.figure.spread:.0%}" if len(row.figure.values) > 1 else ""
    return [row.subject, number(row.figure.median), spread, ratio, row.remark]


def _requirement_markdown(requirement: Requirement) -> str:
    verdict = "**holds**" if requirement.holds else "**is missed**"
    found, limit = number(requirement.found), number(requirement.limit)
    return f"- Required: {requirement.claim}, at most {limit}; found {found}: {verdict}."


def number(value: float) -> str:
    """Three digits that count, thousands separated."""
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def renewed(old: str, new: str) -> str:
    """The tables of `new`, and those of `old` that were not measured this time, in their order."""
    kept, measured = _by_title(old), _by_title(new)
    return "".join((kept | measured).values()).rstrip() + "\n"


def _by_title(tables: str) -> dict[str, str]:
    """The parts of a page by their headings; what stands before the first has none."""
    parts = re.split(r"^(?=### )", tables.strip() + "\n\n", flags=re.MULTILINE)
    return {part.partition("\n")[0] if part.startswith("### ") else "": part for part in parts}


def tables_of(page: str, mark: str = MARK) -> str:
    """What stands between the marks of `page`."""
    _, _, rest = page.partition(f"<!-- {mark}: begin -->")
    return rest.partition(f"<!-- {mark}: end -->")[0]


def into_page(page: str, table: str, mark: str = MARK) -> str:
    """`page` with `table` between its two marks: `<!-- MARK: begin -->` and `<!-- MARK: end -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    first, last = (f"<!-- {mark}: {edge} -->" for edge in ("begin", "end"))
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"the page has no {first} and {last}")
    return f"{before}{first}\n\n{table}\n{last}{after}"
