"""Records what a real processor counts: `python -m tests.counting.record` writes counts.json anew.

It knows the form of the file and where the counts come from. Whether they are right is told by
the counts in the sources (`test_record.py`).
"""

from __future__ import annotations

import json
import platform
import sys

from tests.counting import counts
from tests.oracle import host, stepper


def this_host() -> dict[str, str]:
    """Where the counts come from; no two processors should differ."""
    kernel = ".".join(platform.release().split(".")[:2])
    return {"processor": host.cpuinfo()["model name"], "kernel": f"Linux {kernel}"}


def table() -> str:
    """JSON, one line for each program."""
    rows = {name: stepper.count(counts.program(name))._asdict() for name in counts.names()}
    lines = (f"        {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    programs = ",\n".join(lines)
    where = json.dumps(this_host())
    return f'{{\n    "recorded_on": {where},\n    "programs": {{\n{programs}\n    }}\n}}\n'


def main() -> int:
    if (reason := stepper.reason_not_to_step()) is not None:
        print(f"record: {reason}", file=sys.stderr)
        return 1
    counts.TABLE.write_text(table(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
