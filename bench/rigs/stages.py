"""Where the time of a whole run goes: the command's own steps, with a clock between them.

The steps are those of emu/cli/run.py. Unicorn is imported first, so what both need is booked on it.

    python -m bench.rigs.stages PROGRAM [ARGUMENTS]
"""

from __future__ import annotations

import time

START = time.process_time()  # before anything else is imported

import json  # noqa: E402 - the clock must run before
import os  # noqa: E402 - the clock must run before
import sys  # noqa: E402 - the clock must run before


class Clock:
    """CPU seconds by step."""

    def __init__(self) -> None:
        self.steps = {"Python itself": START}
        self._last = time.process_time()  # json, which the command does not import, is left out

    def step(self, name: str) -> None:
        """All since the last step was `name`."""
        now = time.process_time()
        self.steps[name] = now - self._last
        self._last = now


def main(*command: str) -> None:
    """Runs the guest, and prints each step's CPU seconds after what the guest prints."""
    clock = Clock()
    import unicorn  # noqa: F401 - importing it is what is measured

    clock.step("import unicorn")
    from emu.machine import Machine

    clock.step("import emu")
    from kernel_stub.launch import launch
    from kernel_stub.vfs import VfsOptions

    clock.step("import kernel_stub")
    from emu.cli.options import parse
    from emu.cli.run import environment

    options = parse(["run", *command])
    clock.step("the command line")
    machine = Machine()
    clock.step("engine and counter")
    argv = [os.fsencode(argument) for argument in command]
    launch(machine, argv[0], argv, environment(options), VfsOptions())
    clock.step("kernel and loading")
    machine.run()
    clock.step("the run")
    print(json.dumps(clock.steps), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
