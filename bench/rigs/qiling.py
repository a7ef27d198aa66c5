"""Qiling, as its own documentation starts a program: for an interpreter that can import it.

python -m bench.rigs.qiling PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import sys
from importlib import import_module

from bench.rigs.program import answer, timed


def main(*command: str) -> None:
    """Runs the guest."""
    qiling = import_module("qiling")
    silent = import_module("qiling.const").QL_VERBOSE.DISABLED
    machine = qiling.Qiling(list(command), "/", verbose=silent)
    answer(seconds=timed(machine.run))


if __name__ == "__main__":
    main(*sys.argv[1:])
