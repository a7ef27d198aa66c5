"""Fresh machines with one trap each, as a test-suite makes them: CPU seconds by stage.

python -m bench.rigs.machines NUMBER
"""

from __future__ import annotations

import json
import sys
import time

from emu.machine import Machine
from emu.testing.guest import MEMORY, Guest

PROGRAM = bytes.fromhex("b827000000 0f05")  # mov $39, %eax; syscall
BARE = "RAM, engine, hooks: a bare machine"
TABLES = "the rest of a declared one: pages, GDT, IDT, TSS, MSRs"
CODE = "a program in ring 3"
TRAP = "running it, and the record of its trap"


def main(number: str) -> None:
    """Makes them, and prints each stage's seconds for a thousand."""
    times = dict.fromkeys((BARE, TABLES, CODE, TRAP), 0.0)
    one()  # what a process does once
    for _ in range(int(number)):
        start = time.process_time()
        Machine(MEMORY)
        bare = time.process_time()
        guest = Guest()
        built = time.process_time()
        guest.code(PROGRAM)
        placed = time.process_time()
        trap = guest.run_until_trap()
        done = time.process_time()
        assert trap.entry.rcx == trap.user.next_rip
        times[BARE] += bare - start
        times[TABLES] += max((built - bare) - (bare - start), 0.0)
        times[CODE] += placed - built
        times[TRAP] += done - placed
    print(json.dumps({name: 1000 * spent / int(number) for name, spent in times.items()}))


def one() -> None:
    """One machine and its trap."""
    Guest().code(PROGRAM).run_until_trap()


if __name__ == "__main__":
    main(*sys.argv[1:])
