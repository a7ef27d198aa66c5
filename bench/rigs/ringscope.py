"""ringscope without its command: what a run takes once the program stands in ring 3.

python -m bench.rigs.ringscope native|python PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import os
import sys

from bench.rigs.program import answer, timed
from emu.machine import Machine
from kernel_stub.launch import launch
from kernel_stub.vfs import VfsOptions


def main(counter: str, path: str, *arguments: str) -> None:
    """Runs the guest at `path`."""
    machine = Machine(counter=counter)
    program = os.fsencode(path)
    launch(machine, program, [program, *map(os.fsencode, arguments)], [], VfsOptions())
    seconds = timed(machine.run)
    counts = machine.counter
    answer(seconds=seconds, instructions=counts.user, kernel_instructions=counts.kernel)


if __name__ == "__main__":
    main(*sys.argv[1:])
